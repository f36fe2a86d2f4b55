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
import signal
import time
import urllib.request

from java_server import CACHE, JavaServer, dotted
from suspend import suspend

LIBS = pathlib.Path(os.environ.get("MURMUR_DEBEZIUM_LIBS") or CACHE / "debezium-3.5.0.Final/libs")

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


def mariadb_reader(mariadb, prefix, tables, **properties):
    """A connector but for where it keeps the history of schemas. tables: as "shop.orders"."""
    return CONNECTOR | {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "topic.prefix": prefix,
        "database.hostname": "127.0.0.1",
        "database.port": mariadb.port,
        "database.user": "root",
        "database.password": "",
        "database.server.id": 5401,
        "table.include.list": ",".join(tables),
    } | dotted(properties)


def mariadb_connector(mariadb, kafka, prefix, tables, **properties):
    return mariadb_reader(mariadb, prefix, tables) | {
        "schema.history.internal.kafka.bootstrap.servers": kafka.address,
        "schema.history.internal.kafka.topic": f"schemahistory.{prefix}",
    } | dotted(properties)


class ConnectServer(JavaServer):
    """connectors: properties by name."""

    what, error, prefix = "Connect", ConnectError, "murmur-connect-"
    heap_at_start = "128m"
    look_seconds = 0.1

    def __init__(self, kafka, connectors, *, heap="512m", libs=LIBS):
        super().__init__(heap, libs)
        self.kafka, self.connectors, self.address = kafka, connectors, None

    def configure(self):
        self.make_directory()
        self.address = self.reserve_address()
        self.write_properties("worker", {
            "bootstrap.servers": self.kafka.address,
            "key.converter": JSON_CONVERTER,
            "value.converter": JSON_CONVERTER,
            "offset.storage.file.filename": self.offsets(),
            "offset.flush.interval.ms": 500,
            "listeners": f"http://{self.address}",
            "plugin.discovery": "service_load",
            "topic.creation.enable": "true",
        })
        for name, properties in self.connectors.items():
            self.write_properties(name, {"name": name} | properties)

    # --- its life: it starts at the places that it noted ---

    def program(self):
        files = [f"{name}.properties" for name in ("worker", *self.connectors)]
        return "org.apache.kafka.connect.cli.ConnectStandalone", *files

    def is_ready(self):
        """Whether its connectors run, which may fail later."""
        try:
            return all(self.state(name) == "RUNNING" for name in self.connectors)
        except (OSError, LookupError):
            return False

    def state(self, name):
        """Of the connector's one task."""
        url = f"http://{self.address}/connectors/{name}/status"
        with urllib.request.urlopen(url, timeout=10) as answer:
            [task] = json.load(answer)["tasks"] or [{"state": "NONE"}]
            return task["state"]

    def kill(self):
        """Ends it as a power cut does. Its file of places is emptied before it is written, which is
        not what is tested: with its places in Kafka, as usual, it would not be."""
        while True:
            suspend(self.process)
            if not self.offsets().exists() or self.offsets().stat().st_size > 0:
                break
            self.process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        super().kill()

    # --- inside ---

    def offsets(self):
        return self.directory / "offsets"
