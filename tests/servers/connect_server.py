"""A real Kafka Connect for tests, standalone, with Debezium's connectors on its class path.

    with ConnectServer(kafka, {"shop": postgres_connector(postgres, "shop", …)}) as connect:
        connect.kill()
        connect.start()

It starts in some ten seconds, and is killed when the block ends, or with the thread that started
it. What it notes of its places lies in a temporary directory, which goes with it.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from kafka_server import LOG4J, reserve_port

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur"
LIBS = pathlib.Path(os.environ.get("MURMUR_DEBEZIUM_LIBS") or CACHE / "debezium-3.5.0.Final/libs")
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
LOG_SHOWN_BYTES = 8000

JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"

CONNECTOR = {
    "tasks.max": 1,
    "topic.creation.default.partitions": 3,
    "topic.creation.default.replication.factor": 1,
    "poll.interval.ms": 50,
}


class ConnectError(Exception):
    pass


def with_schemas(are_there):
    """Properties: whether messages have their schemas beside them."""
    return {f"{side}.converter{rest}": value for side in ("key", "value")
            for rest, value in (("", JSON_CONVERTER), (".schemas.enable", str(are_there).lower()))}


def postgres_connector(postgres, prefix, tables, **properties):
    """tables: as "public.orders". properties: with _ for the dots of their names."""
    return CONNECTOR | {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "topic.prefix": prefix,
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": postgres.port,
        "database.user": "postgres",
        "database.password": "none",
        "database.dbname": "postgres",
        "slot.name": prefix.lower(),
        "publication.name": prefix.lower(),
        "publication.autocreate.mode": "filtered",
        "table.include.list": ",".join(tables),
    } | dotted(properties)


def mariadb_connector(mariadb, kafka, prefix, tables, **properties):
    """tables: as "shop.orders"."""
    return CONNECTOR | {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "topic.prefix": prefix,
        "database.hostname": "127.0.0.1",
        "database.port": mariadb.port,
        "database.user": "root",
        "database.password": "",
        "database.server.id": 5401,
        "table.include.list": ",".join(tables),
        "schema.history.internal.kafka.bootstrap.servers": kafka.address,
        "schema.history.internal.kafka.topic": f"schemahistory.{prefix}",
    } | dotted(properties)


def dotted(properties):
    return {name.replace("_", "."): value for name, value in properties.items()}


class ConnectServer:
    """connectors: properties by name."""

    def __init__(self, kafka, connectors, *, heap="512m", libs=LIBS):
        self.kafka, self.connectors, self.heap, self.libs = kafka, connectors, heap, libs
        self.process = self.directory = self.reserved = None

    def __enter__(self):
        try:
            self.configure()
            self.start()
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def configure(self):
        if not shutil.which("java") or not self.libs.is_dir():
            raise ConnectError(f"no java, or no {self.libs}: `./dev test` installs them")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="murmur-connect-"))
        (self.directory / "tmp").mkdir()
        self.reserved = reserve_port()
        self.write("worker", {
            "bootstrap.servers": self.kafka.address,
            "key.converter": JSON_CONVERTER,
            "value.converter": JSON_CONVERTER,
            "offset.storage.file.filename": self.offsets(),
            "offset.flush.interval.ms": 500,
            "listeners": f"http://{self.address()}",
            "plugin.discovery": "service_load",
            "topic.creation.enable": "true",
        })
        for name, properties in self.connectors.items():
            self.write(name, {"name": name} | properties)
        (self.directory / "log4j2.properties").write_text(LOG4J)

    def write(self, name, properties):
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.directory / f"{name}.properties").write_text("".join(lines))

    # --- its life ---

    def start(self):
        """Starts it where it has ended, at the places that it noted; returns when its connectors
        run, which may fail later."""
        files = [f"{name}.properties" for name in ("worker", *self.connectors)]
        with (self.directory / "log").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "java", "-Xms128m", f"-Xmx{self.heap}",
                 "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                 f"-Djava.io.tmpdir={self.directory}/tmp", "-Djava.net.preferIPv4Stack=true",
                 "-Dlog4j2.configurationFile=log4j2.properties", "-cp", f"{self.libs}/*",
                 "org.apache.kafka.connect.cli.ConnectStandalone", *files],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                cwd=self.directory, env={"PATH": os.environ["PATH"]})
        give_up = time.monotonic() + START_SECONDS_MAX
        while not self.runs():
            if self.process.poll() is not None:
                raise ConnectError(f"Connect ended with {self.process.returncode}:\n{self.said()}")
            if time.monotonic() > give_up:
                raise ConnectError(f"no connector runs:\n{self.said()}")
            time.sleep(0.1)

    def runs(self):
        try:
            return all(self.state(name) == "RUNNING" for name in self.connectors)
        except (OSError, LookupError):
            return False

    def state(self, name):
        """Of the connector's one task."""
        url = f"http://{self.address()}/connectors/{name}/status"
        with urllib.request.urlopen(url, timeout=10) as answer:
            [task] = json.load(answer)["tasks"] or [{"state": "NONE"}]
            return task["state"]

    def stop(self):
        """Ends it in order; it notes its places first."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS_MAX)

    def kill(self):
        """Ends it as a power cut does. Its file of places is emptied before it is written, which is
        not what is tested: with its places in Kafka, as usual, it would not be."""
        while True:
            self.process.send_signal(signal.SIGSTOP)
            if not self.offsets().exists() or self.offsets().stat().st_size > 0:
                break
            self.process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.reserved:
            self.reserved.close()
        if self.directory:
            shutil.rmtree(self.directory)
        self.process = self.directory = self.reserved = None

    # --- inside ---

    def address(self):
        return "127.0.0.1:%d" % self.reserved.getsockname()[1]

    def offsets(self):
        return self.directory / "offsets"

    def said(self):
        return (self.directory / "log").read_text(errors="replace")[-LOG_SHOWN_BYTES:]
