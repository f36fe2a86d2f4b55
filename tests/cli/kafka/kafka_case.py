"""What the tests of Kafka have in common: a real broker with a topic of its own for each test, and
who writes to it.

What is right is told by the topic, read by a client that shares no code with the program, and by a
plain dictionary.
"""

import collections
import functools
import itertools
import json
import threading
import time
import unittest

from kafka_server import COMPACTED_SOON, KafkaServer, Sender
from program import LONG, ProgramTest

KILLS = 100 if LONG else 5
PAGES = 7
PARTITIONS = 3


@functools.cache
def shared_broker():
    return unittest.enterModuleContext(KafkaServer(tiered=True, tls=True))


def bodies_of(events):
    return [json.dumps(event) for event in events]


def totals(bodies):
    """The expected result for these records: by page, their number and sum."""
    answer = collections.defaultdict(lambda: [0, 0])
    for body in bodies:
        record = json.loads(body)
        answer[record["page"]][0] += 1
        answer[record["page"]][1] += record["x"]
    return dict(answer)


def offset_of(position):
    return int(position.split("@")[0])


class KafkaCase(ProgramTest):
    """A topic of its own for each test, on the broker that the classes of a file share."""

    @classmethod
    def setUpClass(cls):
        cls.kafka = shared_broker()

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count()
        self.topic = f"{type(self).__name__}.{self._testMethodName.removeprefix('test_')}"[:200]

    def make_topic(self, partitions=PARTITIONS, **config):
        self.kafka.create_topic(self.topic, partitions, **config)
        self.partitions = partitions

    # --- definitions ---

    def pipeline(self, *, live={}, replay=None, bootstrap=None, more=(), name="pipeline"):
        """A definition with `live`, over what each test would say, or None for no live source."""
        lines = ["name: pipeline", "key: [page]", "aggregates: {n: count, s: sum(x)}",
                 f"state: {{rocksdb: {{path: state/{name}}}}}", *more]
        if live is not None:
            source = self.source(**{"start": "earliest"} | live)
            lines.append(f"live: {json.dumps({'kafka': source})}")
        if replay is not None:
            lines.append(f"replay: {json.dumps(replay)}")
        if bootstrap is not None:
            lines.append(f"bootstrap: {json.dumps({'jsonl': bootstrap})}")
        return self.write(f"{name}.yaml", "\n".join(lines) + "\n")

    def source(self, **options):
        """The options of a Kafka source; None leaves one out."""
        options = {"brokers": self.kafka.address, "topic": self.topic, **options}
        return {name: value for name, value in options.items() if value is not None}

    # --- records ---

    def events(self, count, page=None):
        return [{"page": page or f"/{n % PAGES}", "n": n, "x": self.random.getrandbits(40)}
                for n in itertools.islice(self.numbers, count)]

    def partition_of(self, event):
        return event["n"] % self.partitions

    def produce(self, count, *, topic=None, page=None, **options):
        """New records, spread over the partitions."""
        events = self.events(count, page)
        options.setdefault("partition", self.partition_of)
        self.kafka.produce(topic or self.topic, events, **options)
        return events

    def bodies(self, topic=None, ranges=None):
        """The topic's committed records, or only those at offsets {partition: (from, until)}."""
        return [body for partition, offset, _, _, body in self.kafka.read_all(topic or self.topic)
                if ranges is None or partition in ranges
                and ranges[partition][0] <= offset < ranges[partition][1]]

    def make_compacted_topic(self):
        """Of one partition, which is compacted soon: see `wait_until_compacted`."""
        self.make_topic(1, **COMPACTED_SOON)

    def wait_until_compacted(self, records_max):
        """Until so few records are left. Returns the events that it wrote meanwhile."""
        written = []

        def is_compacted():
            # Each round closes a segment, so that the one before can be compacted.
            time.sleep(0.2)
            written.extend(self.produce(1, key="last"))
            return len(self.bodies()) <= records_max
        self.wait_until("the topic is compacted", is_compacted)
        return written

    # --- results ---

    def positions(self, file):
        """By partition of the topic: the offset after what is counted."""
        splits = self.status(file).get("live", {"splits": {}})["splits"]
        return {int(split.rpartition("/")[2]): offset_of(one["committed"])
                for split, one in splits.items()}

    def counts(self, file):
        return {row["key"]["page"]: [row["n"], row["s"]]
                for row in self.succeed("dump", file).rows()}

    def count(self, file):
        outcome = self.murmur("dump", file)
        return sum(row["n"] for row in outcome.rows()) if outcome.code == 0 else 0

    def check(self, file, bodies=None):
        """Checks that all records, of the topic or the given ones, are counted once."""
        self.assertEqual(self.counts(file), totals(self.bodies() if bodies is None else bodies))

    def wait_for_count(self, file, count):
        self.wait_until(f"{count} records are counted", lambda: self.count(file) >= count)
        self.assertEqual(self.count(file), count)

    def wait_until_it_is_at_the_end(self, file):
        """Nobody writes any more."""
        ends = self.kafka.end_offsets(self.topic)
        self.wait_until("it has caught up", lambda: self.positions(file) == ends)

    def end_when_all_counts(self, file, child, bodies=None):
        """Nobody writes any more: the run counts all, once. bodies: as of `check`."""
        self.wait_until_it_is_at_the_end(file)
        self.end(child)
        self.check(file, bodies)
        self.assertEqual(self.catch_up(file)["records_this_run"], 0)


class Beside:
    """Works in threads until the block ends; each work looks at `end`. The end of the block raises
    what they failed with."""

    def __init__(self, works):
        self.end = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=[work]) for work in works]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()
        for failure in self.failures:
            raise failure

    def run(self, work):
        try:
            work()
        except Exception as failure:
            self.failures.append(failure)


class Load(Beside):
    """Writes records. In partition 0 some may be in transactions, half of which are aborted."""

    BATCH = 50

    def __init__(self, test, per_second, transactions=False):
        super().__init__([self.write] + [self.write_transactions] * transactions)
        self.test, self.pause = test, self.BATCH / per_second
        self.sent = self.transactions = 0

    def write(self):
        sender = Sender(self.test.kafka.address, {})
        while not self.end.wait(self.pause):
            sender.produce(self.test.topic, self.test.events(self.BATCH), self.test.partition_of)
            self.sent += self.BATCH

    def write_transactions(self):
        while not self.end.is_set():
            self.test.kafka.transaction(self.test.topic, self.test.events(self.BATCH),
                                        abort=self.transactions % 2 == 1)
            self.transactions += 1
