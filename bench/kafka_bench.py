"""Kafka, with a real broker on the same cores: how fast a topic is replayed into a durable state,
beside a consumer that only counts its messages, and how soon a message that was just produced can
be queried.

The consumer is of the same library, with one client and with two (kafka_messages.cc); the ceiling
is the better of them. Replay and consumers are interleaved. The replay's time is its own, of the
summary, or that of the whole process; a replay whose answer is wrong stops the run.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

from common import ask_program, check_call, note, print_header, print_title, rates_cell

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))

WHOLE, LATENCY = "kafka, a whole topic", "kafka, latency"  # the rows
PARTITIONS = 4
CLIENTS = (1, 2)
GO_EVENTS_PER_SECOND = (5_000, 10_000)  # the Go counterpart's documented rate, of a worker
USERS_TOLERANCE = 0.02                  # relative, of the total over all groups

LIVE_MESSAGES_PER_SECOND = 50_000
LIVE_SECONDS = 20
LIVE_WARM_UP_SECONDS = 3
PROBE_EVERY_SECONDS = 0.02
POLL_EVERY_SECONDS = 0.005
RATE_TOLERANCE = 0.02  # relative; of the steady producer
CATCH_UP_SECONDS_MAX = 60
START_SECONDS_MAX = 60

PIPELINE = """name: bench_kafka
key: [country]
time: ts
window: {{every: 1d}}
aggregates:
  events: count
  bytes: sum(bytes)
  users: distinct(user)
{source}
state: {{rocksdb: {{path: {state}}}}}
"""
PROBE = '{"ts":"2026-03-01T00:00:00Z","user":"probe","country":"probe-%d","bytes":1}'


class Kafka:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.messages = self.options.messages
        self.data = self.options.data / f"kafka-{self.messages}"
        self.live_messages = LIVE_MESSAGES_PER_SECOND * (LIVE_WARM_UP_SECONDS + LIVE_SECONDS)
        self.state = bench.work / "kafka"
        self.counted = {clients: [] for clients in CLIENTS}  # runs
        self.replayed, self.replayed_whole = [], []          # runs, by either clock
        self.latencies = []
        self.broker = contextlib.ExitStack()

    def rows(self):
        return [row for row in (WHOLE, LATENCY) if self.options.only in row]

    # --- data ---

    def prepare(self):
        self.data.mkdir(parents=True, exist_ok=True)
        for name, count in (("all", self.messages), ("live", self.live_messages)):
            self.generate(self.data / f"{name}.jsonl", count)

    def generate(self, path, count):
        if path.exists():
            return
        note(f"generating {count:,} messages in {path}")
        partial = path.with_suffix(".partial")
        check_call([self.tool(), "generate", partial, count])
        partial.rename(path)

    def tool(self):
        return self.bench.program("bench/kafka_messages")

    def ask_tool(self, *arguments):
        return ask_program(self.tool(), *arguments)

    def write_definition(self, source):
        definition = self.bench.work / "kafka.yaml"
        definition.write_text(PIPELINE.format(source=source, state=self.state))
        return definition

    def source(self, topic, **more):
        return json.dumps({"kafka": {"brokers": self.server.address, "topic": topic, **more}})

    # --- rounds ---

    def play(self):
        from kafka_server import KafkaServer
        with KafkaServer() as self.server:
            if WHOLE in self.rows():
                self.play_replay()
            if LATENCY in self.rows():
                self.play_latency()

    def fill(self, topic, path):
        self.server.create_topic(topic, partitions=PARTITIONS)
        produced, _ = self.ask_tool("produce", self.server.address, topic, PARTITIONS, path)
        note(f"produced {produced['events']:,} messages of"
             f" {produced['bytes'] / produced['events']:.0f} bytes in {produced['seconds']:.1f} s")

    def play_replay(self):
        self.fill("all", self.data / "all.jsonl")
        os.sync()  # what is timed doesn't wait for what was written before
        self.count(max(CLIENTS))  # what the broker wrote is in the page cache; its code is compiled
        self.replay()
        for number in range(self.options.rounds):
            for clients in CLIENTS:
                self.counted[clients].append(self.count(clients))
                self.note_run(number, f"counting, clients: {clients}", self.counted[clients][-1])
            own, whole = self.replay()
            self.replayed.append(own)
            self.replayed_whole.append(whole)
            self.note_run(number, "murmur replay", own)

    def note_run(self, number, who, run):
        note(f"round {number + 1}, kafka, {who}: {run.seconds:.2f} s, CPU {run.cpu:.2f} s")

    def count(self, clients):
        counted, run = self.ask_tool("count", self.server.address, "all", PARTITIONS,
                                     self.messages, clients)
        if counted["events"] != self.messages:
            raise SystemExit(f"the consumer counts {counted['events']} of {self.messages} messages")
        return run

    def replay(self):
        definition = self.write_definition(f"replay: {self.source('all')}")
        start = time.perf_counter()
        own = self.bench.run("replay", definition, self.threads)
        whole = own._replace(seconds=time.perf_counter() - start)
        self.check(definition, self.data / "all.jsonl")
        shutil.rmtree(self.state)
        return own, whole

    def check(self, definition, messages, probes=0):
        """The whole answer, beside DuckDB's over what was produced; events and bytes are exact."""
        import duckdb
        dump = self.bench.work / "kafka_dump.jsonl"
        with dump.open("w") as out:
            subprocess.run([self.bench.program("bin/murmur"), "dump", definition, "--format",
                            "jsonl"], stdout=out, check=True)
        db = duckdb.connect()
        columns = {"key": "STRUCT(country VARCHAR)", "window": "TIMESTAMP", "events": "BIGINT",
                   "bytes": "BIGINT", "users": "BIGINT"}
        db.execute('CREATE TABLE counted AS SELECT key.country, "window"::DATE AS day, events,'
                   f" bytes, users FROM read_json('{dump}', format='newline_delimited',"
                   f" columns={columns})")
        dump.unlink()
        db.execute(f"CREATE VIEW truth AS FROM read_parquet('{self.truth(messages)}')")
        [[probed]] = db.execute("SELECT coalesce(sum(events), 0) FROM counted"
                                " WHERE country LIKE 'probe-%'").fetchall()
        db.execute("DELETE FROM counted WHERE country LIKE 'probe-%'")
        exact = "SELECT country, day, events, bytes FROM"
        wrong = db.execute(f"({exact} counted EXCEPT {exact} truth) UNION ALL"
                           f" ({exact} truth EXCEPT {exact} counted)").fetchall()
        [[users, real]] = db.execute("SELECT (SELECT sum(users) FROM counted),"
                                     " (SELECT sum(users) FROM truth)").fetchall()
        if wrong or probed != probes or abs(users / real - 1) > USERS_TOLERANCE:
            raise SystemExit(f"murmur: {len(wrong)} groups differ, the first: {wrong[:1]}; {probed}"
                             f" probes of {probes}; {users} users, but there are {real}")

    def truth(self, messages):
        """The exact answer; kept beside the data."""
        import duckdb
        path = messages.with_suffix(".truth.parquet")
        if not path.exists():
            note("counting exactly, once")
            columns = {"ts": "TIMESTAMP", "country": "VARCHAR", "bytes": "BIGINT",
                       "user": "VARCHAR"}
            duckdb.execute(
                "COPY (SELECT country, ts::DATE AS day, count(*) events, sum(bytes)::BIGINT bytes,"
                f' count(DISTINCT "user") users FROM read_json(\'{messages}\','
                f" format='newline_delimited', columns={columns}) GROUP BY ALL)"
                f" TO '{path}' (FORMAT parquet)")
        return path

    # --- latency ---

    def play_latency(self):
        """Messages come steadily. Between them a probe goes to each partition in turn, every
        PROBE_EVERY_SECONDS, under a key of the partition's own; a probe can be queried when the
        count of its key says so."""
        self.server.create_topic("live", partitions=PARTITIONS)
        definition = self.write_definition(f"live: {self.source('live', start='earliest')}")
        following = subprocess.Popen([self.bench.program("bin/murmur"), "run", definition,
                                      "--threads", str(self.threads), "--quiet"])
        producing = None
        try:
            owner = Owner(self.state / "v1", following)
            producing = subprocess.Popen(
                [str(part) for part in (self.tool(), "produce", self.server.address, "live",
                                        PARTITIONS, self.data / "live.jsonl",
                                        LIVE_MESSAGES_PER_SECOND)],
                stdout=subprocess.PIPE, text=True)
            time.sleep(LIVE_WARM_UP_SECONDS)
            probes = Probes(self.server.address, owner)
            probes.play(until=lambda: producing.poll() is not None)
            self.check_rate(json.loads(producing.communicate()[0]))
            owner.wait_for_records(self.live_messages + probes.sent)
            self.check(definition, self.data / "live.jsonl", probes.sent)
            self.latencies = probes.latencies
        finally:
            for child in (producing, following):
                if child is not None and child.poll() is None:
                    child.send_signal(signal.SIGTERM)
                    child.wait()
        shutil.rmtree(self.state)

    def check_rate(self, produced):
        rate = produced["events"] / produced["seconds"]
        note(f"{LATENCY}: {rate:,.0f} messages a second")
        if abs(rate / LIVE_MESSAGES_PER_SECOND - 1) > RATE_TOLERANCE:
            raise SystemExit(f"the producer sent {rate:,.0f} messages a second, not"
                             f" {LIVE_MESSAGES_PER_SECOND:,}: the machine is too busy")

    # --- the tables ---

    def print_table(self):
        print()
        if self.replayed:
            self.print_replay()
        if self.latencies:
            self.print_latency()

    def print_replay(self):
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        print_title(f"Kafka, {self.messages:,} messages, {PARTITIONS} partitions, one broker",
                    self.options)
        print("Million messages per second, best / median (CPU ns per message, the broker's not"
              " counted).\n")
        print_header(["messages"])
        for clients, runs in self.counted.items():
            print(f"| librdkafka, only counts, {clients} client{'s' if clients > 1 else ''} |"
                  f" {rates_cell(runs, self.messages)} |")
        print(f"| murmur replay, {threads}, durable | {rates_cell(self.replayed, self.messages)} |")
        print("| the same, whole process |"
              f" {rates_cell(self.replayed_whole, self.messages)} |")
        low, high = (rate / 1e6 for rate in GO_EVENTS_PER_SECOND)
        print(f"| Go counterpart, a worker, documented (fixed) | {low:.3f} to {high:.3f} |\n")
        for name, of in (("best", min), ("median", statistics.median)):
            ceiling = min(of([run.seconds for run in runs]) for runs in self.counted.values())
            own, whole = (of([run.seconds for run in runs])
                          for runs in (self.replayed, self.replayed_whole))
            print(f"- {name}, Murmur over the faster consumer: {ceiling / own:.2f}x; whole process:"
                  f" {ceiling / whole:.2f}x")
        best = self.messages / min(run.seconds for run in self.replayed)
        print(f"- Murmur over a Go worker's {GO_EVENTS_PER_SECOND[1]:,}:"
              f" {best / GO_EVENTS_PER_SECOND[1]:.0f}x\n")

    def print_latency(self):
        print_title(f"From produce to queryable, at {LIVE_MESSAGES_PER_SECOND:,} messages per"
                    f" second for {LIVE_SECONDS} s, {len(self.latencies):,} probes", self.options)
        print("Milliseconds; `murmur run` commits every 100 ms.\n")
        columns = {"median": 0.5, "p90": 0.9, "p99": 0.99, "most": 1}
        print_header(columns)
        ordered = sorted(self.latencies)
        print("| murmur run |" + "".join(
            f" {ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1e3:.0f} |"
            for part in columns.values()))


class Owner:
    """Asks the process that owns a version's state, by its socket (src/runtime/owner/owner_socket.h)."""

    QUERY, STATUS = 0, 2
    OK, NOT_FOUND = 0, 5  # murmur::Code

    def __init__(self, version, process):
        self.process, self.directory = process, None
        give_up = time.monotonic() + START_SECONDS_MAX
        while True:
            with contextlib.suppress(OSError):
                if self.directory is None:
                    self.directory = os.open(version, os.O_RDONLY | os.O_DIRECTORY)
                if json.loads(self.ask(self.STATUS)).get("mode") == "live":
                    return
            if time.monotonic() > give_up or process.poll() is not None:
                raise SystemExit("murmur run does not follow the topic")
            time.sleep(0.05)

    def ask(self, verb, keys=(), total=False):
        request = {"verb": verb, "format": 0, "keys": keys, "rollup": [], "total": total,
                   "version": 0}
        with socket.socket(socket.AF_UNIX) as connection:
            # The path of a socket is short.
            connection.connect(f"/proc/self/fd/{self.directory}/socket")
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                text = b"".join(iter(lambda: self.frame(answer), b""))
                status = self.frame(answer)
        if status[0] not in (self.OK, self.NOT_FOUND):
            raise SystemExit(f"murmur run answers: {status[1:].decode()}")
        return text

    @staticmethod
    def frame(answer):
        return answer.read(*struct.unpack("<I", answer.read(4)))

    def count(self, key):
        rows = self.ask(self.QUERY, [key], total=True).splitlines()
        return json.loads(rows[0])["events"] if rows else 0

    def wait_for_records(self, records):
        give_up = time.monotonic() + CATCH_UP_SECONDS_MAX
        while json.loads(self.ask(self.STATUS))["records"] != records:
            if time.monotonic() > give_up:
                raise SystemExit(f"murmur run has not counted {records:,} records:"
                                 f" {self.ask(self.STATUS).decode()}")
            time.sleep(0.1)


class Probes:
    def __init__(self, address, owner):
        import confluent_kafka
        from kafka_server import client_settings
        self.owner = owner
        self.producer = confluent_kafka.Producer(client_settings(address) | {"linger.ms": 0})
        self.waiting = [[] for _ in range(PARTITIONS)]  # when they were sent, in order
        self.seen = [0] * PARTITIONS
        self.sent = 0
        self.latencies = []

    def play(self, until):
        send_at = poll_at = time.monotonic()
        while not until():
            if time.monotonic() >= send_at:
                self.send()
                send_at += PROBE_EVERY_SECONDS
            self.poll()
            poll_at = max(poll_at + POLL_EVERY_SECONDS, time.monotonic())
            time.sleep(max(0, poll_at - time.monotonic()))
        give_up = time.monotonic() + CATCH_UP_SECONDS_MAX
        while any(self.waiting):
            if time.monotonic() > give_up:
                raise SystemExit(f"{sum(map(len, self.waiting))} probes never came")
            self.poll()

    def send(self):
        partition = self.sent % PARTITIONS
        self.waiting[partition].append(time.monotonic())
        self.producer.produce("live", PROBE % partition, partition=partition)
        self.producer.poll(0)
        self.sent += 1

    def poll(self):
        """Looks at each partition that owes a probe."""
        for partition, waiting in enumerate(self.waiting):
            if not waiting:
                continue
            count = self.owner.count(f"probe-{partition}")
            now = time.monotonic()
            arrived = count - self.seen[partition]
            self.seen[partition] = count
            self.latencies += [now - sent for sent in waiting[:arrived]]
            del waiting[:arrived]
