"""What servers of Java have in common: each is a process in a temporary directory of its own, which
ends when its block does, or with the thread that started it."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from waiting import wait_until_ready

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur"
STOP_SECONDS_MAX = 60

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


class JavaServer:
    """A server says how it is configured (`configure`), which program it is (`program`), and when
    it answers (`is_ready`)."""

    what = None             # "the broker", in what is said of it
    error = RuntimeError    # that it raises
    prefix = None           # of its directory's name
    heap_at_start = "64m"
    look_seconds = 0.02     # how often it is asked whether it is ready

    def __init__(self, heap, libs):
        self.heap, self.libs = heap, pathlib.Path(libs)
        self.java_options = []
        self.process = self.directory = None
        self.ports = []  # that are held for it

    def __enter__(self):
        try:
            self.prepare()
            self.start()
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    # --- its life ---

    def start(self):
        """Starts it at the same addresses, with what it stored; returns when it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self):
        with (self.directory / "log").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.java(*self.program())],
                stdout=output, **self.surroundings())

    def wait_until_ready(self):
        wait_until_ready(self.what, self.process, self.directory / "log", self.is_ready,
                         self.error, self.look_seconds)

    def stop(self):
        """Ends it in order; what it stores stays, for `start`."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self):
        """Ends it as a power cut does, but for the page cache."""
        self.process.kill()
        self.process.wait()

    def remove(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        for port in self.ports:
            port.close()
        if self.directory:
            shutil.rmtree(self.directory)
        self.process = self.directory = None
        self.ports = []

    # --- inside ---

    def prepare(self):
        """What comes before its first start."""
        self.configure()

    def make_directory(self):
        if not shutil.which("java") or not self.libs.is_dir():
            raise self.error(f"no java, or no {self.libs}: `./dev test` installs them")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=self.prefix))
        (self.directory / "tmp").mkdir()
        (self.directory / "log4j2.properties").write_text(LOG4J)

    def reserve_address(self):
        """HOST:PORT that stay its own while it lives, whether it runs or not."""
        self.ports.append(reserve_port())
        return "127.0.0.1:%d" % self.ports[-1].getsockname()[1]

    def write_properties(self, name, properties):
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.directory / f"{name}.properties").write_text("".join(lines))

    def java(self, *program):
        return ["java", f"-Xms{self.heap_at_start}", f"-Xmx{self.heap}", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",  # a test ends before the better compiler pays
                "-XX:-UsePerfData",         # else a file stays in /tmp
                *self.java_options, f"-Djava.io.tmpdir={self.directory}/tmp",
                "-Djava.net.preferIPv4Stack=true", "-Dlog4j2.configurationFile=log4j2.properties",
                "-cp", f"{self.libs}/*", *program]

    def surroundings(self):
        return {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": self.directory,
                "env": {"PATH": os.environ["PATH"]}}


def reserve_port():
    """A socket that holds a free port: while it is open no other process is given the port, but one
    that sets SO_REUSEADDR, as a broker does, may listen there (it must be unset while binding)."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return holder


def dotted(properties):
    """Properties whose names have _ for their dots."""
    return {name.replace("_", "."): value for name, value in properties.items()}
