"""Debezium's engine, as a contestant of table_bench.py that only counts changes: embedded in a
program of Java (DebeziumChanges.java), without Kafka, from the jars of the tests' Debezium. Its
time begins with its first changes: neither the start of Java nor its own is in it, while Murmur's
start is in Murmur's. That its code is compiled while it runs is in it: the more changes, the less
that counts.
"""

import functools
import json
import pathlib
import shutil
import subprocess
import sys

from common import Run, note

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))

NAME = "bench"
HEAP = "1g"

LOG4J = """\
status = error
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
"""


def why_not():
    """What it lacks here, or nothing."""
    from connect_server import LIBS
    if not shutil.which("java"):
        return "there is no Java"
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout
    if "jdk.compiler@" not in modules:
        return "there is no JDK"
    return "" if LIBS.is_dir() else f"there is no {LIBS}"


@functools.cache
def is_wanted(asked_for):
    """Whether it takes part: if it can, unless that is said. If it is asked for, it must."""
    if asked_for is False:
        return False
    lack = why_not()
    if lack and asked_for:
        raise SystemExit(f"Debezium's engine can't be run: {lack}")
    if lack:
        note(f"without Debezium's engine: {lack}")
    return not lack


def count_changes(connector, count, directory, *, partition=None, offset=None):
    """The run in which it hands over so many changes. connector: properties, as of Connect; it goes
    on where it would if it had noted this offset of the partition."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    properties = connector | {
        "name": NAME,
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": directory / "offsets",
    }
    if partition:
        properties |= {"start.partition": json.dumps(partition, separators=(",", ":")),
                       "start.offset": json.dumps(offset, separators=(",", ":"))}
    lines = (f"{name}={value}\n" for name, value in properties.items())
    (directory / "properties").write_text("".join(lines))
    (directory / "log4j2.properties").write_text(LOG4J)
    result = run_engine(directory, count)
    shutil.rmtree(directory)
    if result["events"] != count:
        raise SystemExit(f"Debezium's engine: {result['events']} changes, but there are {count}")
    return Run(result["seconds"], result["cpu"])


def run_engine(directory, count):
    from connect_server import LIBS
    done = subprocess.run(
        ["java", f"-Xmx{HEAP}", "-XX:-UsePerfData", f"-Djava.io.tmpdir={directory}",
         "-Dlog4j2.configurationFile=log4j2.properties", "-cp", f"{LIBS}/*",
         HERE / "DebeziumChanges.java", "properties", str(count)],
        cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"Debezium's engine ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
