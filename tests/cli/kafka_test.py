"""Live and replay from Kafka: the program against a real broker that is killed, cut short, refilled.

What is right is told by the topic, read by a client that shares no code with the program, and by a
plain dictionary.
"""

import collections
import concurrent.futures
import contextlib
import functools
import itertools
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest
import unittest.mock

import confluent_kafka
import kafka as kafka_python

import kafka_server
from kafka_server import TIERED, KafkaCluster, KafkaServer
from program import LONG, RUN_SECONDS_MAX, SLOWNESS, Outcome, ProgramTest, main
from writers import even_cuts, kafka_connect

KILLS = 100 if LONG else 5
BROKER_KILLS = 10 if LONG else 1
BOTH_KILLS = 10 if LONG else 1
LEADER_KILLS = 30 if LONG else 2
PAGES = 7
ROWS = 300  # of a table that changes
PARTITIONS = 3
WAIT_SECONDS_MAX = 60 * SLOWNESS


@functools.cache
def shared_broker():
    return unittest.enterModuleContext(KafkaServer(tiered=True, tls=True))


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


class KafkaTest(ProgramTest):
    """A topic of its own for each test."""

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
            lines.append(f"live: {json.dumps({'kafka': self.source(**{'start': 'earliest'} | live)})}")
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

    # --- the program ---

    def catch_up(self, file, *arguments):
        """The summary of a run that ends when all is counted."""
        return json.loads(self.succeed("run", file, "--until-caught-up", "--format", "json",
                                       "--quiet", *arguments).out)

    def follow(self, file, *arguments, **options):
        """A run that has reached the live source."""
        child = self.start("run", file, "--quiet", *arguments, **options)
        self.wait_for_run(child, "it follows", lambda: self.is_live(file))
        return child

    def is_live(self, file):
        outcome = self.murmur("status", file, "--format", "json")
        status = json.loads(outcome.out) if outcome.code == 0 else {"mode": None}
        return status["mode"] == "live" and status["live"]["splits"]  # it has positions

    def end(self, child, code=143):
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, code, err)
        return err

    def fails(self, child):
        """The error of a run that must end by itself."""
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, 1, err)
        return err

    def status(self, file):
        return json.loads(self.succeed("status", file, "--format", "json").out)

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

    def wait_for(self, what, condition, seconds=WAIT_SECONDS_MAX):
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up:
                self.fail(f"waited in vain until {what}")
            time.sleep(0.02)

    def wait_for_run(self, child, what, condition):
        """Waits for the result of a run that does not end."""
        self.wait_for(what, lambda: child.poll() is not None or condition())
        self.assertIsNone(child.poll(), child.poll() is not None and child.communicate())

    def wait_for_count(self, file, count):
        self.wait_for(f"{count} records are counted", lambda: self.count(file) >= count)
        self.assertEqual(self.count(file), count)

    def end_when_all_counts(self, file, child):
        """Nobody writes any more: the run counts all, once."""
        ends = self.kafka.end_offsets(self.topic)
        self.wait_for("it has caught up", lambda: self.positions(file) == ends)
        self.end(child)
        self.check(file)
        self.assertEqual(self.catch_up(file)["records_this_run"], 0)


class StartTest(KafkaTest):
    def started(self, start, name):
        """The result of a run with this start."""
        file = self.pipeline(live={"start": start}, name=name)
        self.catch_up(file)
        return file, self.counts(file)

    def test_from_the_earliest_the_latest_a_time_or_offsets(self):
        self.make_topic()
        rounds = [self.produce(300, timestamp_ms=1_700_000_000_000 + 1000 * k) for k in range(3)]
        bodies = self.bodies()
        self.check(self.started("earliest", "all")[0])
        self.assertEqual(self.started("2023-11-14T22:13:21.001Z", "late")[1],
                         totals(json.dumps(event) for event in rounds[2]))
        self.assertEqual(self.started("2023-11-14T22:13:21Z", "exactly")[1],
                         totals(json.dumps(event) for event in rounds[1] + rounds[2]))
        self.assertEqual(self.started("2040-01-01T00:00:00Z", "never")[1], {})
        ranges = {0: (100, 300), 1: (0, 300), 2: (299, 300)}
        self.assertEqual(self.started({0: 100, 1: 0, 2: 299}, "offsets")[1],
                         totals(self.bodies(ranges=ranges)))
        latest, counted = self.started("latest", "latest")
        self.assertEqual(counted, {})
        new = self.produce(90)
        self.assertEqual(len(self.bodies()), len(bodies) + 90)
        self.catch_up(latest)
        self.check(latest, [json.dumps(event) for event in new])

    def test_a_run_reads_nothing_twice(self):
        self.make_topic()
        file = self.pipeline()
        self.produce(1000)
        self.assertEqual(self.catch_up(file)["records_this_run"], 1000)
        self.assertEqual(self.catch_up(file)["records_this_run"], 0)
        self.produce(10)
        summary = self.catch_up(file)
        self.assertEqual((summary["records_this_run"], summary["records"]), (10, 1010))
        self.check(file)

    def test_where_it_starts_is_kept_though_it_read_nothing(self):
        self.make_topic()
        self.produce(100)
        file = self.pipeline(live={"start": "latest"})
        self.end(self.follow(file))
        new = self.produce(50)
        self.catch_up(file)
        self.check(file, [json.dumps(event) for event in new])

    def test_without_a_start_it_is_asked_for(self):
        self.make_topic()
        file = self.pipeline(live={"start": None})
        self.assertIn("start: earliest, latest, a time, or offsets",
                      self.fail_with(1, "run", file).err)
        self.produce(10)
        self.catch_up(self.pipeline())
        self.check(file)

    def test_a_start_that_makes_no_sense(self):
        self.make_topic()
        self.produce(30)
        for k, (start, code, why) in enumerate((
                ("tomorrow", 2, "'tomorrow': expected earliest, latest, a time"),
                ({0: "many", 1: 0, 2: 0}, 2, "'many': expected an offset"),
                ({0: -1, 1: 0, 2: 0}, 2, "'-1': expected an offset"),
                ({0: 5, 1: 5}, 1, "but not for .*/2, which has offsets 0 to 10"),
                ({0: 5, 1: 5, 2: 11}, 1, "offset 11 of .*/2, which has offsets 0 to 10"))):
            with self.subTest(start):
                file = self.pipeline(live={"start": start}, name=f"start{k}")
                self.assertRegex(self.fail_with(code, "run", file, "--until-caught-up").err, why)
                file = self.pipeline(live={"start": {0: 5, 1: 5, 2: 5}}, name=f"start{k}")
                self.catch_up(file)
                self.check(file, self.bodies(ranges={p: (5, 10) for p in range(3)}))

    def test_a_topic_that_is_not_there(self):
        file = self.pipeline(live={"topic": "mistyped"})
        self.assertIn("has no topic 'mistyped'", self.fail_with(1, "run", file).err)
        self.assertIn(f"has no topic '{self.topic}'", self.fail_with(1, "run", self.pipeline()).err)
        self.make_topic()
        self.produce(10)
        self.catch_up(file)
        self.check(file)

    def test_options_that_are_none(self):
        self.make_topic()
        for k, (live, why) in enumerate((
                ({"topik": "t"}, "'topik': is no option of kafka; .*did you mean 'topic'"),
                ({"topic": None}, "expected either topic: or pattern:"),
                ({"pattern": "^a"}, "expected either topic: or pattern:"),
                ({"pattern": "(", "topic": None}, r"'\(' is no regular expression"),
                ({"brokers": None}, "needs the option 'brokers'"),
                ({"config": {"group.id": "g"}}, "group.id is set by"),
                ({"compacted": "yes"}, "compacted 'yes': expected allow"),
                ({"config": {"no.such": 1}}, "refuses the property no.such"),
                ({"config": {"fetch.min.bytes": "much"}}, "refuses the property fetch.min.bytes"),
                ({"config": {"auto.offset.reset": "latest"}}, "auto.offset.reset is set by"))):
            with self.subTest(live):
                file = self.pipeline(live=live, name=f"options{k}")
                self.assertRegex(self.fail_with(2, "run", file, "--until-caught-up").err, why)
                self.assertFalse((self.directory / f"state/options{k}/v1").exists())

    def test_brokers_that_can_not_be_used_are_named_within_half_a_minute(self):
        self.make_topic()
        other = self.write("other.pem", subprocess.run(
            ["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-subj", "/CN=another", "-keyout", self.directory / "key"],
            capture_output=True, text=True, check=True).stdout)
        tls = {"security.protocol": "ssl", "broker.address.family": "v4"}
        cases = {
            "nobody": ({"brokers": "127.0.0.1:1"}, r"(?i)127\.0\.0\.1:1.*refused"),
            "nowhere": ({"brokers": "no.such.host.invalid:9092"}, "no.such.host.invalid"),
            "stranger": ({"brokers": self.kafka.tls_address,
                          "config": {**tls, "ssl.ca.location": str(other)}},
                         "(?i)certificate verify failed"),
            "plain": ({"brokers": self.kafka.tls_address}, "(?i)asking Kafka at .*(ssl|disconnect)"),
        }
        start = time.monotonic()
        children = {name: self.start("run", self.pipeline(live=live, name=name))
                    for name, (live, _) in cases.items()}
        for name, child in children.items():
            self.assertRegex(self.fails(child), cases[name][1])
        self.assertLess(time.monotonic() - start, 35 * SLOWNESS)


class TransactionTest(KafkaTest):
    def test_what_was_committed_counts_and_what_was_aborted_does_not(self):
        self.make_topic(2)
        file = self.pipeline()
        for k in range(12):
            self.kafka.transaction(self.topic, self.events(20), abort=k % 3 == 1, partition=k % 2)
            if k % 4 == 3:
                self.catch_up(file)
                self.check(file)
                self.assertEqual(self.positions(file), self.kafka.end_offsets(self.topic))
        self.assertEqual(self.count(file), 160)

    def test_positions_pass_the_markers_behind_the_last_record(self):
        self.make_topic(1)
        self.produce(10)
        self.kafka.transaction(self.topic, self.events(10), abort=True)
        file = self.pipeline()
        self.assertEqual(self.catch_up(file)["records"], 10)
        self.assertEqual(self.positions(file), {0: 21})
        child = self.follow(file)
        self.kafka.transaction(self.topic, self.events(10), abort=True)
        self.wait_for("it has passed them", lambda: self.positions(file) == {0: 32})
        self.wait_for("no lag is left", lambda: self.status(file)["live"]["lag_records"] == 0)
        self.end(child)
        self.check(file)

    def test_an_open_transaction_holds_up_its_partition_alone_and_counts_once_committed(self):
        self.make_topic(2)
        file = self.pipeline()
        self.produce(20)
        with self.kafka.open_transaction() as transaction:
            transaction.produce(self.topic, self.events(5), partition=0)
            self.produce(20)
            self.catch_up(file)
            # 10 of partition 0 came before the transaction, and all 20 of the other.
            self.assertEqual(self.positions(file), {0: 10, 1: 20})
            self.check(file)
            child = self.follow(file)
            self.produce(20)
            self.wait_for_count(file, 40)
            transaction.commit()
            self.wait_for_count(file, 65)
        self.end(child)
        self.check(file)

    def test_read_uncommitted_is_the_users_to_choose(self):
        self.make_topic(1)
        self.kafka.transaction(self.topic, self.events(5), abort=True)
        file = self.pipeline(live={"config": {"isolation.level": "read_uncommitted"}})
        self.assertEqual(self.catch_up(file)["records"], 5)


class Witness:
    """Counts a topic's records independently, so that they may be deleted."""

    def __init__(self, kafka, topic, partitions):
        self.kafka = kafka
        self.next = {kafka_python.TopicPartition(topic, p): 0 for p in range(partitions)}
        self.bodies = []

    def read_to(self, ends):
        """All records before these offsets, by partition."""
        ends = {at: ends[at.partition] for at in self.next}
        with contextlib.closing(kafka_python.KafkaConsumer(
                bootstrap_servers=self.kafka.address, isolation_level="read_committed",
                enable_auto_commit=False, auto_offset_reset="none", max_poll_records=10_000,
                allow_auto_create_topics=False, metrics_enabled=False)) as consumer:
            consumer.assign(list(self.next))
            for at, offset in self.next.items():
                consumer.seek(at, offset)
            give_up = time.monotonic() + WAIT_SECONDS_MAX
            while any(self.next[at] < end for at, end in ends.items()):
                if time.monotonic() > give_up:
                    raise kafka_server.KafkaError(f"{self.next} is not {ends}, and no more comes")
                for batch in consumer.poll(timeout_ms=100).values():
                    self.bodies += [record.value for record in batch]
                self.next = {at: consumer.position(at) for at in self.next}


class Load:
    """Writes records in threads until the block ends. In partition 0 some may be in transactions,
    half of which are aborted."""

    BATCH = 50

    def __init__(self, test, per_second, transactions=False):
        self.test, self.pause, self.end = test, self.BATCH / per_second, threading.Event()
        self.sent = self.transactions = 0
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=[write]) for write in
                        [self.write] + [self.write_transactions] * transactions]

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

    def run(self, write):
        try:
            write()
        except Exception as failure:
            self.failures.append(failure)

    def write(self):
        sender = kafka_server.Sender(self.test.kafka.address, {})
        while not self.end.wait(self.pause):
            sender.produce(self.test.topic, self.test.events(self.BATCH), self.test.partition_of)
            self.sent += self.BATCH

    def write_transactions(self):
        while not self.end.is_set():
            self.test.kafka.transaction(self.test.topic, self.test.events(self.BATCH),
                                        abort=self.transactions % 2 == 1)
            self.transactions += 1


class RestartTest(KafkaTest):
    """After each kill the committed records are deleted: beginning again would show."""

    @classmethod
    def setUpClass(cls):
        cls.kafka = cls.enterClassContext(KafkaServer())

    def setUp(self):
        super().setUp()
        self.make_topic()
        self.witness = Witness(self.kafka, self.topic, self.partitions)
        self.file = self.pipeline()
        self.child = self.follow(self.file)
        self.moved = 0
        self.before = {}

    def kill_the_run(self):
        self.child.kill()
        self.child.communicate()

    def kill_the_broker(self):
        self.kafka.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.kafka.start()

    def delete_what_is_counted(self):
        positions = self.positions(self.file)
        self.assertEqual(len(positions), self.partitions)
        self.moved += positions != self.before
        self.before = positions
        self.witness.read_to(positions)
        self.kafka.delete_records(self.topic, positions)

    def run_again(self):
        self.child = self.start("run", self.file, "--quiet")

    def finish(self):
        """Nobody writes any more: all is counted, once."""
        ends = self.kafka.end_offsets(self.topic)
        self.wait_for("it is counted", lambda: self.positions(self.file) == ends)
        self.end(self.child)
        self.witness.read_to(ends)
        self.check(self.file, self.witness.bodies)
        self.assertEqual(self.catch_up(self.file)["records_this_run"], 0)

    def test_kills_at_random_moments_lose_and_double_nothing(self):
        with Load(self, per_second=3000, transactions=True) as load:
            for _ in range(KILLS):
                time.sleep(self.random.uniform(0, 1.5) * min(SLOWNESS, 3))
                self.kill_the_run()
                self.delete_what_is_counted()
                self.run_again()
        self.finish()
        self.assertGreater(self.moved, KILLS / 2)
        self.assertGreater(load.sent, 500 * KILLS)
        self.assertGreater(load.transactions, KILLS / 2)

    def test_a_broker_that_is_killed_and_comes_back_is_outlived(self):
        with Load(self, per_second=2000):
            for _ in range(BROKER_KILLS):
                time.sleep(self.random.uniform(0, 1))
                self.kill_the_broker()
                self.assertIsNone(self.child.poll())
                position = self.positions(self.file)
                self.wait_for("it goes on", lambda: self.child.poll() is not None
                              or self.positions(self.file) != position)
                self.assertIsNone(self.child.poll())
        self.finish()

    def test_both_killed_at_once(self):
        with Load(self, per_second=2000):
            for _ in range(BOTH_KILLS):
                time.sleep(self.random.uniform(0, 1))
                self.kill_the_run()
                self.kill_the_broker()
                self.delete_what_is_counted()
                self.run_again()
                time.sleep(self.random.uniform(0, 1))
                self.kill_the_broker()
                self.kill_the_run()
                self.delete_what_is_counted()
                self.run_again()
        self.finish()

    def test_a_run_that_was_halted_for_a_while_goes_on(self):
        with Load(self, per_second=2000):
            self.child.send_signal(signal.SIGSTOP)
            time.sleep(1)
            self.child.send_signal(signal.SIGCONT)
        self.finish()

    def test_what_is_damaged_on_the_brokers_disk_is_an_error(self):
        self.end(self.child)
        events = {}
        for codec in ("none", "gzip", "zstd"):
            self.topic = f"damaged.{codec}"
            self.make_topic(1)
            for _ in range(10):
                events.setdefault(codec, []).extend(self.produce(100, compression_type=codec))
        self.kafka.stop()
        for codec in events:
            [path] = (self.kafka.directory / f"data/damaged.{codec}-0").glob("*.log")
            body = bytearray(path.read_bytes())
            batches = [0]  # where each begins: its offset in 8 bytes, the size of the rest in 4
            while batches[-1] < len(body):
                batches.append(batches[-1] + 12 + int.from_bytes(body[batches[-1] + 8:][:4], "big"))
            begin, end = batches[5:7]
            body[self.random.randrange(begin + 17, end)] ^= 0x55  # what its checksum covers
            path.write_bytes(body)
        self.kafka.start()
        for codec, written in events.items():
            with self.subTest(codec):
                self.topic = f"damaged.{codec}"
                file = self.pipeline(name=codec)
                self.assertRegex(self.fail_with(1, "run", file).err,
                                 r"/0: what is there from offset \d00 on can't be read: .*CRC")
                until = self.positions(file)[0]
                self.assertIn(until, range(300, 700))
                self.check(file, [json.dumps(event) for event in written[:until]])

    def test_a_run_ends_at_once_though_no_broker_answers(self):
        self.kafka.kill()
        try:
            time.sleep(0.5)
            start = time.monotonic()
            self.end(self.child)
            self.assertLess(time.monotonic() - start, 3 * SLOWNESS)
        finally:
            self.kafka.start()


class LeaderTest(KafkaTest):
    """Three brokers, of which the one that leads a partition goes and comes back."""

    @classmethod
    def setUpClass(cls):
        cls.kafka = cls.enterClassContext(KafkaCluster(brokers=3))

    def tearDown(self):
        for node in list(self.kafka.paused):
            self.kafka.resume(node)
        for broker in self.kafka.brokers.values():
            if broker.process.poll() is not None:
                broker.start()
        super().tearDown()

    def kill_a_leader(self):
        """The partition, and who led it."""
        partition = self.random.randrange(self.partitions)
        leader = self.kafka.leader(self.topic, partition)
        self.kafka.brokers[leader].kill()
        return partition, leader

    def bring_back(self, broker):
        """It leads again what it led; its successors live on, so no connection is lost."""
        self.kafka.brokers[broker].start()
        self.kafka.wait_for_in_sync(self.topic)
        for partition in range(self.partitions):
            self.kafka.elect(self.topic, partition)

    def test_leaders_that_are_killed_and_come_back_lose_and_double_nothing(self):
        self.make_topic(min_insync_replicas=2)
        file = self.pipeline()
        child = self.follow(file)
        with Load(self, per_second=2000) as load:
            for number in range(LEADER_KILLS):
                time.sleep(self.random.uniform(0, 1))
                partition, leader = self.kill_a_leader()
                if number % 2 == 1:
                    time.sleep(self.random.uniform(0, 3))
                    child.kill()
                    child.communicate()
                    child = self.start("run", file, "--quiet")
                self.kafka.wait_for_leader(self.topic, partition, other_than=leader)
                self.goes_on(file, child)
                self.bring_back(leader)
                self.goes_on(file, child)
        self.end_when_all_counts(file, child)
        self.assertGreater(load.sent, 1000 * LEADER_KILLS)

    def goes_on(self, file, child):
        """Checks that the run reads on in each partition."""
        before = {}
        def knows_its_positions():
            before.update(self.positions(file))
            return len(before) == self.partitions
        self.wait_for_run(child, "it knows its positions", knows_its_positions)
        # A run that has just begun may not report all of them.
        self.wait_for_run(child, "it goes on everywhere", lambda: all(
            self.positions(file).get(partition, -1) > then for partition, then in before.items()))

    def test_a_replay_outlives_a_leader(self):
        self.make_topic(min_insync_replicas=2)
        self.produce(3000, batch_num_messages=100)
        # A batch every 300 ms, while the brokers wait for more than it lets them send.
        slow = {"fetch.message.max.bytes": 1000, "fetch.min.bytes": 1 << 20,
                "fetch.wait.max.ms": 300}
        file = self.pipeline(live=None, more=["commit_every: 10ms"],
                             replay={"kafka": self.source(config=slow)})
        for _ in range(LEADER_KILLS // 2):
            now = {partition: (0, end)
                   for partition, end in self.kafka.end_offsets(self.topic).items()}
            child = self.start("replay", file, "--from", "earliest", "--to", "now", "--quiet")
            self.wait_for("it replays", lambda: self.is_replaying(file))
            partition, leader = self.kill_a_leader()
            self.assertTrue(self.is_replaying(file))
            self.kafka.wait_for_leader(self.topic, partition, other_than=leader)
            self.assertIsNone(child.poll())
            self.produce(30)
            _, err = child.communicate(timeout=RUN_SECONDS_MAX)
            self.assertEqual(child.returncode, 0, err)
            self.bring_back(leader)
            self.check(file, self.bodies(ranges=now))

    def is_replaying(self, file):
        rows = self.murmur("versions", file, "--format", "json").rows()
        return any(row["status"] == "building" and row["records"] > 0 for row in rows)

    def make_unclean_topic(self):
        """Two brokers have its first 100 records; only the leader has the next ones, until the
        paused follower is resumed. Returns the two."""
        self.make_topic(1, replicas=2, unclean_leader_election_enable=True)
        leader = self.kafka.leader(self.topic)
        [follower] = self.kafka.in_sync(self.topic) - {leader}
        self.produce(100)
        self.kafka.pause(follower)
        self.kafka.wait_for_in_sync(self.topic, {leader})
        return leader, follower

    def follow_to_150(self, *names):
        """Runs that have counted 50 more records."""
        files = [self.pipeline(name=name) for name in names]
        children = [self.start("run", file, "--quiet") for file in files]
        self.wait_for("they follow", lambda: all(self.is_live(file) for file in files))
        self.produce(50)
        for file in files:
            self.wait_for_count(file, 150)
        return files, children

    SHORTER = "/0 ends at offset 100, but had records up to 150: .* lost records"
    ANOTHER = "/0: offset 149 holds another record than the one that was counted: .* lost records"

    def test_counted_records_that_an_unclean_election_loses_are_an_error(self):
        leader, follower = self.make_unclean_topic()
        [follows], [child] = self.follow_to_150("follows")
        stopped = self.pipeline(name="stopped")
        self.catch_up(stopped)
        before = self.counts(stopped)
        self.kafka.brokers[leader].kill()
        self.kafka.resume(follower)
        self.kafka.wait_for_leader(self.topic, other_than=leader)
        self.assertRegex(self.fail_with(1, "run", stopped).err, self.SHORTER)
        self.produce(80)
        self.assertRegex(self.fails(child), f"{self.ANOTHER}|{self.SHORTER}")
        for file, *options in (follows,), (stopped, "--until-caught-up"):
            self.assertRegex(self.fail_with(1, "run", file, *options).err, self.ANOTHER)
            self.assertEqual((self.counts(file), self.positions(file)), (before, {0: 150}))

    def test_a_leader_that_lost_counted_records_while_it_was_paused_is_not_believed(self):
        leader, follower = self.make_unclean_topic()
        (follows, halted), children = self.follow_to_150("follows", "halted")
        before = self.counts(follows)
        children[1].send_signal(signal.SIGSTOP)
        self.kafka.pause(leader)
        self.kafka.resume(follower)
        self.kafka.wait_for_leader(self.topic, other_than=leader)
        self.produce(80)
        self.kafka.resume(leader)
        self.kafka.wait_for_in_sync(self.topic)
        self.kafka.elect(self.topic)
        # It leads again, no connection was lost, and it has the other's records.
        self.assertEqual(self.kafka.leader(self.topic), leader)
        self.produce(30)
        children[1].send_signal(signal.SIGCONT)
        self.assertRegex(self.fails(children[0]), f"{self.ANOTHER}|{self.SHORTER}")
        self.assertRegex(self.fails(children[1]), self.ANOTHER)
        for file in follows, halted:
            self.assertEqual((self.counts(file), self.positions(file)), (before, {0: 150}))


class LostRecordsTest(KafkaTest):
    """Records that are gone, or that others have replaced, are an error and never counted."""

    def begin(self, count=300, **live):
        self.produce(count)
        file = self.pipeline(live=live)
        self.catch_up(file)
        self.check(file)
        return file

    def check_refused(self, file, why):
        """Checks that a run fails and does not change the result."""
        before = self.counts(file), self.positions(file)
        self.assertRegex(self.fail_with(1, "run", file).err, why)
        self.murmur("run", file, "--until-caught-up")
        self.assertEqual((self.counts(file), self.positions(file)), before)

    def test_deleted_records_that_were_not_counted(self):
        self.make_topic()
        file = self.begin()
        self.produce(300)
        records = self.kafka.read_all(self.topic)
        self.kafka.delete_records(self.topic, {1: 133})
        for arguments in ([], ["--until-caught-up"]):
            self.assertRegex(self.fail_with(1, "run", file, *arguments).err,
                             r"/1 begins at offset 133 by now, but is to be read from 100: the 33 "
                             r"records between are gone")
            # The other partitions may have been read on.
            positions = self.positions(file)
            self.assertEqual(positions[1], 100)
            self.check(file, [body for partition, offset, _, _, body in records
                              if offset < positions[partition]])

    def test_deleted_records_that_were_counted(self):
        self.make_topic()
        file = self.begin()
        bodies = self.bodies()
        self.kafka.delete_records(self.topic, {0: 100, 1: 50})
        self.produce(300)
        self.catch_up(file)
        self.check(file, bodies + self.bodies(ranges={0: (100, 200), 1: (100, 200), 2: (100, 200)}))

    def test_records_deleted_from_under_a_run_that_is_halted(self):
        self.make_topic(1)
        file = self.begin()
        child = self.follow(file)
        before = self.counts(file)
        child.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # what it has asked for is answered
        self.produce(500)
        self.kafka.delete_records(self.topic, {0: 800})
        self.produce(100)
        child.send_signal(signal.SIGCONT)
        self.assertRegex(self.fails(child),
                         "/0 begins at offset 800 by now, but is to be read from 300")
        self.assertEqual(self.counts(file), before)

    def anew(self, file, count, **config):
        self.kafka.delete_topic(self.topic)
        self.make_topic(self.partitions, **config)
        self.produce(count)
        return file

    def test_a_topic_made_anew_with_more_records(self):
        self.make_topic()
        self.check_refused(self.anew(self.begin(), 900),
                           "another record than the one that was counted: the topic was made anew")

    def test_a_topic_made_anew_with_as_many(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        self.anew(file, 300)
        # Nothing lies after the positions, so there is nothing to count; but following checks.
        self.murmur("run", file, "--until-caught-up")
        self.assertEqual(self.counts(file), before)
        self.assertRegex(self.fail_with(1, "run", file).err,
                         "another record than the one that was counted: the topic was made anew")
        self.produce(30)
        self.check_refused(file, "the topic was made anew")

    def test_a_topic_made_anew_with_fewer(self):
        self.make_topic()
        self.check_refused(self.anew(self.begin(), 90),
                           "ends at offset 30, but had records up to 100: .* made anew")

    def test_a_topic_made_anew_where_the_last_record_was_a_marker_is_now(self):
        self.make_topic(1)
        file = self.begin(5)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.kafka.transaction(self.topic, self.events(4))  # offsets 0 to 3; a marker at 4
        self.produce(10)
        self.check_refused(file, "offset 4 holds no record, .* made anew")

    def test_a_topic_made_anew_that_aborted_all(self):
        self.make_topic(1)
        file = self.begin(5)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.kafka.transaction(self.topic, self.events(20), abort=True)
        self.check_refused(file, "offset 4 holds no record, .* made anew")

    def test_a_topic_that_is_gone(self):
        self.make_topic()
        file = self.begin()
        self.kafka.delete_topic(self.topic)
        self.check_refused(file, "no topic")

    def test_a_topic_deleted_while_it_is_followed(self):
        self.make_topic()
        file = self.begin()
        child = self.follow(file)
        self.kafka.delete_topic(self.topic)
        self.assertIn("no topic", self.fails(child))

    def test_a_topic_made_anew_while_it_is_followed(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        child = self.follow(file)
        self.anew(file, 900)
        self.assertRegex(self.fails(child), "made anew|no topic")
        self.assertEqual(self.counts(file), before)

    def test_a_topic_made_anew_while_it_is_followed_with_fewer(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        child = self.follow(file)
        self.anew(file, 90)
        self.assertRegex(self.fails(child), "made anew|no topic")
        self.assertEqual(self.counts(file), before)

    def test_a_compacted_topic_is_refused_unless_it_is_declared(self):
        for policy in ("compact", "compact,delete"):
            with self.subTest(policy):
                self.topic = f"compacted.{policy.replace(',', '.')}"
                self.make_topic(1, cleanup_policy=policy)
                self.produce(10, key=lambda event: str(event["n"]))
                name = f"compacted{len(policy)}"
                file = self.pipeline(name=name)
                self.assertIn(f"topic {self.topic} is compacted",
                              self.fail_with(1, "run", file).err)
                file = self.pipeline(live={"compacted": "allow"}, name=name)
                self.catch_up(file)
                self.check(file)

    def test_holes_that_compaction_left(self):
        self.topic = "holes"
        self.make_topic(1, cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio=0.01,
                        max_compaction_lag_ms=100, delete_retention_ms=0)
        file = self.pipeline(live={"compacted": "allow"})
        old = self.produce(60, key=lambda event: str(event["n"] % 10))
        self.catch_up(file)
        self.check(file)
        counted = [json.dumps(event) for event in old]

        def compacted():
            # Each round closes a segment, so that the one before can be compacted.
            time.sleep(0.2)
            counted.extend(json.dumps(event) for event in
                           self.produce(1, key="last"))
            return len(self.bodies()) < 30
        self.wait_for("the topic is compacted", compacted)
        self.catch_up(file)
        kept = self.bodies()
        self.assertLess(len(kept), len(counted))
        again = self.pipeline(live={"compacted": "allow"}, name="again")
        self.catch_up(again)
        # Compaction may have gone on meanwhile.
        self.assertIn(self.count(again), range(len(self.bodies()), len(kept) + 1))


class PartitionsTest(KafkaTest):
    def test_partitions_that_are_added_while_it_runs_count_from_their_start(self):
        self.make_topic(2)
        file = self.pipeline()
        self.produce(100)
        child = self.follow(file)
        for partitions in (3, 6):
            self.kafka.add_partitions(self.topic, partitions)
            self.partitions = partitions
            self.produce(120)
        self.wait_for_count(file, 340)
        self.end(child)
        self.check(file)
        self.assertEqual(self.catch_up(file)["records_this_run"], 0)

    def test_partitions_that_are_added_while_it_is_stopped_count_from_their_start(self):
        self.make_topic(2)
        file = self.pipeline(live={"start": "latest"})
        self.produce(100)
        self.catch_up(file)
        self.kafka.add_partitions(self.topic, 4)
        self.partitions = 4
        new = self.produce(200)
        self.catch_up(file)
        self.check(file, [json.dumps(event) for event in new])

    def test_idle_partitions_hold_up_nobody(self):
        self.make_topic(40)
        file = self.pipeline()
        child = self.follow(file, "--threads", 2)
        for k in range(5):
            start = time.monotonic()
            self.produce(20, partition=7 * k)
            self.wait_for_count(file, 20 * k + 20)
            self.assertLess(time.monotonic() - start, 3 * SLOWNESS)
        self.end(child)
        self.check(file)

    def test_a_hundred_partitions(self):
        self.make_topic(100)
        file = self.pipeline()
        self.produce(3000)
        start = time.monotonic()
        self.catch_up(file)
        self.assertLess(time.monotonic() - start, 20 * SLOWNESS)
        self.check(file)
        child = self.follow(file)
        self.produce(1000)
        self.wait_for_count(file, 4000)
        self.end(child)
        self.check(file)

    @unittest.skipIf(SLOWNESS > 1, "a sanitizer takes several times the memory")
    def test_many_partitions_share_what_may_be_fetched_ahead(self):
        # More than the limit of fetched messages, so that the fold lags behind the fetching.
        self.topic = "ahead"
        self.make_topic(128)
        for _ in range(4):
            events = [event | {"pad": "." * 4000} for event in self.events(24 * 1024)]
            self.kafka.produce(self.topic, events, partition=self.partition_of)
        slow = " and ".join(f"lower(pad) != '{n}'" for n in range(10))
        file = self.pipeline(name=self.topic, more=["memory: 128MiB", "threads: 1",
                                                    f'where: "{slow}"'])
        child = self.start("run", file, "--until-caught-up", "--quiet")
        peak = 0
        while child.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                text = pathlib.Path(f"/proc/{child.pid}/status").read_text()
                peak = max(peak, int(text.partition("VmHWM:")[2].split()[0]) >> 10)
            time.sleep(0.01)
        self.assertEqual(child.returncode, 0, child.communicate())
        self.assertEqual(sum(n for n, _ in self.counts(file).values()), 4 * len(events))
        # Batches of producers are fetched whole: here of 0.7 MiB, 128 at a time at the least.
        self.assertLess(peak, 500, "MiB")

    def test_several_topics(self):
        names = [f"{self.topic}.{k}" for k in range(3)]
        for name in names:
            self.topic = name
            self.make_topic(2)
            self.produce(50)
        file = self.pipeline(live={"topic": None, "topics": names[:2]})
        self.catch_up(file)
        expected = self.bodies(names[0]) + self.bodies(names[1])
        self.check(file, expected)
        file = self.pipeline(live={"topic": None, "topics": names, "start": {
            names[0]: {0: 25, 1: 10}, names[1]: {0: 25, 1: 25}, names[2]: {0: 0, 1: 25}}},
            name="from_offsets")
        self.catch_up(file)
        self.check(file, self.bodies(names[0], {1: (10, 25)}) + self.bodies(names[2], {0: (0, 25)}))

    def test_a_compacted_topic_that_comes_later_by_a_pattern_is_refused(self):
        self.topic = "late.first"
        self.make_topic(1)
        file = self.pipeline(live={"topic": None, "pattern": "^late"})
        child = self.follow(file)
        self.topic = "late.compacted"
        self.make_topic(1, **{"cleanup.policy": "compact"})
        _, err = child.communicate(timeout=WAIT_SECONDS_MAX)
        self.assertEqual(child.returncode, 1)
        self.assertIn("late.compacted is compacted", err)

    def test_topics_by_a_pattern_and_those_that_come_later(self):
        def topic_of(name):
            self.topic = f"pattern.{name}"
            self.make_topic(2)
            self.produce(40)
            return self.bodies()
        expected = topic_of("eu.views") + topic_of("us.views")
        topic_of("us.orders")
        file = self.pipeline(live={"topic": None, "pattern": r"^pattern\..*\.views$"})
        child = self.follow(file)
        self.wait_for_count(file, 80)
        expected += topic_of("asia.views")
        self.wait_for_count(file, 120)
        self.end(child)
        self.check(file, expected)
        expected += topic_of("africa.views")
        self.catch_up(file)
        self.check(file, expected)
        self.kafka.delete_topic("pattern.africa.views")
        child = self.follow(file)
        self.topic = "pattern.us.views"
        self.produce(10)
        self.wait_for_count(file, 170)
        self.end(child)

    def test_every_compression_and_batches_of_many_sizes(self):
        self.make_topic(2)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.produce(200, compression_type=codec)
            self.produce(5, compression_type=codec, linger_ms=0, batch_num_messages=1)
        file = self.pipeline()
        self.catch_up(file)
        self.check(file)


class BadRecordsTest(KafkaTest):
    BAD = [b"not JSON", None, b'{"x": 1}', b"", b"[1]", b'{"page": {"a": 1}}', b"\xff\xfe"]

    def letters(self):
        lines = (self.directory / "state/pipeline/dead-letters.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def mixed(self):
        """Bad records at the odd offsets of partition 0, after good ones."""
        events = [json.dumps(event) for event in self.events(len(self.BAD))]
        self.kafka.produce(self.topic, itertools.chain(*zip(events, self.BAD)), partition=0)
        return events

    def test_each_is_kept_with_its_place_and_reading_goes_on(self):
        self.make_topic(2)
        good = self.mixed()
        file = self.pipeline()
        summary = self.catch_up(file)
        self.assertEqual((summary["records"], summary["dead_letters"]), (len(good), len(good)))
        self.check(file, good)
        letters = self.letters()
        self.assertEqual([(letter["object"], letter["offset"]) for letter in letters],
                         [(f"{self.topic}/0", 2 * k + 1) for k in range(len(self.BAD))])
        self.assertEqual(self.positions(file), {0: 2 * len(good), 1: 0})
        self.assertEqual(self.catch_up(file)["dead_letters"], len(good))
        self.assertEqual(len(self.letters()), len(good))

    def test_json_behind_the_header_of_a_schema_registry_is_read(self):
        self.make_topic(1)
        good = [json.dumps(event) for event in self.events(3)]
        self.kafka.produce(self.topic, [b"\0\0\0\0\7" + body.encode() for body in good] +
                           [b"\0\0\0\0\7\2\6avro"], partition=0)
        file = self.pipeline()
        self.assertEqual(self.catch_up(file)["dead_letters"], 1)
        self.check(file, good)
        self.assertIn("schema registry", self.letters()[0]["detail"])

    def test_max_errors_ends_the_run_and_more_goes_on(self):
        self.make_topic(2)
        good = self.mixed()
        file = self.pipeline(more=["max_errors: 3"])
        err = self.fail_with(1, "run", file).err
        self.assertIn("FAILED", err)
        self.assertIn("more than max_errors: 3", err)
        self.assertIn("more than max_errors: 3", self.fail_with(1, "run", file).err)
        counted = self.count(file)
        file = self.pipeline(more=["max_errors: 100"])
        summary = self.catch_up(file)
        self.assertEqual((summary["records"], summary["dead_letters"]), (len(good), len(good)))
        self.assertEqual(summary["records_this_run"], len(good) - counted)
        self.check(file, good)
        self.assertEqual(len(self.letters()), len(good))
        self.fail_with(1, "run", file, "--until-caught-up", "--max-errors", 1)

    def test_max_errors_while_it_follows(self):
        self.make_topic(1)
        file = self.pipeline()
        child = self.follow(file, "--max-errors", 5)
        good = self.mixed()
        self.assertIn("more than max_errors: 5", self.fails(child))
        self.catch_up(file)
        self.check(file, good)

    def test_records_that_are_too_long(self):
        self.make_topic(1)
        events = [{"page": "/long", "x": 1, "pad": "p" * 3000}, {"page": "/short", "x": 2}]
        self.kafka.produce(self.topic, events, partition=0)
        file = self.pipeline(more=["max_record: 2KiB"])
        self.catch_up(file)
        self.check(file, [json.dumps(events[1])])
        self.assertEqual([letter["offset"] for letter in self.letters()], [0])

    def test_many_letters_are_killed_over_and_written_once(self):
        self.make_topic(2)
        file = self.pipeline()
        child = self.follow(file)
        for _ in range(20 if LONG else 3):
            self.kafka.produce(self.topic, [b"{"] * 500, partition=0)
            self.produce(100, partition=1)
            time.sleep(self.random.uniform(0, 0.3))
            child.kill()
            child.communicate()
            child = self.follow(file)
        self.end(child)
        self.catch_up(file)
        letters = [(letter["object"], letter["offset"]) for letter in self.letters()]
        end = self.kafka.end_offsets(self.topic)[0]
        self.assertEqual(sorted(letters), [(f"{self.topic}/0", k) for k in range(end)])
        self.check(file, self.bodies(ranges={1: (0, 10_000)}))


class BootstrapTest(KafkaTest):
    """First a file, then the topic from its end at the time when the first row was read."""

    def setUp(self):
        super().setUp()
        self.make_topic(2)

    def file_of(self, count, name="rows.jsonl"):
        rows = self.events(count)
        self.write_events(name, rows)
        return [json.dumps(row) for row in rows]

    def test_the_token_is_taken_once_before_the_first_row(self):
        self.produce(100)  # is in the rows, as it were
        file = self.pipeline(live={"start": None}, bootstrap={"path": "-", "handoff": "live"})
        child = self.start("run", file, "--quiet", stdin=subprocess.PIPE)
        self.wait_for("the token is stored", lambda: self.token(file))
        token = self.token(file)
        self.assertEqual(token, {f"kafka:{self.topic}": {"0": "50", "1": "50"}})
        live = [json.dumps(event) for event in self.produce(100)]
        rows = [json.dumps(row) for row in self.events(500)]
        child.stdin.write("\n".join(rows) + "\n")
        child.stdin.flush()
        live += [json.dumps(event) for event in self.produce(60)]
        child.stdin.close()
        child.stdin = None
        self.wait_for_count(file, len(rows) + len(live))
        live += [json.dumps(event) for event in self.produce(40)]
        self.wait_for_count(file, len(rows) + len(live))
        self.end(child)
        self.assertEqual(self.token(file), token)
        self.check(file, rows + live)
        self.assertIn("_exact", self.succeed("query", file, "/0", "--format", "json").rows()[0])
        self.assertEqual(self.succeed("query", file, "/0", "--format", "json").rows()[0]["_exact"],
                         "exact")

    def token(self, file):
        outcome = self.murmur("status", file, "--format", "json")
        return json.loads(outcome.out)["handoff"] if outcome.code == 0 else None

    def test_between_the_two_it_may_stop_for_long(self):
        self.produce(100)
        rows = self.file_of(1000)
        file = self.pipeline(live={"start": None},
                             bootstrap={"path": "rows.jsonl", "handoff": "live"})
        self.succeed("bootstrap", file)
        self.check(file, rows)
        token = self.token(file)
        live = [json.dumps(event) for event in self.produce(100)]
        self.catch_up(file)
        self.check(file, rows + live)
        self.assertEqual(self.token(file), token)

    def test_kills_in_the_bootstrap_and_behind_it(self):
        self.produce(100)
        rows = self.file_of(100_000)
        file = self.pipeline(live={"start": None}, more=["commit_every: 10ms", "threads: 1"],
                             bootstrap={"path": "rows.jsonl", "handoff": "live"})
        tokens, live = [], []
        for _ in range(30 if LONG else 6):
            child = self.start("run", file, "--quiet")
            time.sleep(self.random.uniform(0.02, 0.35))
            child.kill()
            child.communicate()
            token = self.token(file)
            tokens += [token] if token else []
            if tokens:
                live += [json.dumps(event) for event in self.produce(20)]
        self.catch_up(file)
        if tokens:
            self.assertEqual(tokens, [self.token(file)] * len(tokens))
            self.check(file, rows + live)

    def test_offsets_that_the_user_knows(self):
        self.produce(100)
        rows = self.file_of(200)
        file = self.pipeline(live={"start": "latest"}, bootstrap={
            "path": "rows.jsonl", "handoff": {"kafka": {0: 30, 1: 50}}})
        self.catch_up(file)
        self.check(file, rows + self.bodies(ranges={0: (30, 50)}))
        self.produce(10)
        self.catch_up(file)
        self.check(file, rows + self.bodies(ranges={0: (30, 100), 1: (50, 100)}))

    def test_offsets_that_are_gone_by_then(self):
        self.produce(100)
        self.file_of(10)
        self.kafka.delete_records(self.topic, {0: 40})
        file = self.pipeline(live={"start": None}, bootstrap={
            "path": "rows.jsonl", "handoff": {"kafka": {0: 30, 1: 50}}})
        self.assertIn("/0 begins at offset 40 by now, but is to be read from 30",
                      self.fail_with(1, "run", file).err)

    def test_offsets_of_some_partitions_only(self):
        self.produce(100)
        self.file_of(10)
        file = self.pipeline(live={"start": None}, bootstrap={
            "path": "rows.jsonl", "handoff": {"kafka": {0: 30}}})
        self.assertRegex(self.fail_with(1, "run", file).err,
                         "not for .*/1, which has offsets 0 to 50")

    def test_a_partition_added_during_the_bootstrap_counts_from_its_start(self):
        self.produce(100)
        rows = self.file_of(10)
        file = self.pipeline(live={"start": None},
                             bootstrap={"path": "rows.jsonl", "handoff": "live"})
        self.succeed("bootstrap", file)
        self.kafka.add_partitions(self.topic, 3)
        self.partitions = 3
        live = [json.dumps(event) for event in self.produce(90)]
        self.catch_up(file)
        self.check(file, rows + live)

    def test_a_fresh_bootstrap_takes_a_token_of_its_own(self):
        self.produce(100)
        rows = self.file_of(50)
        file = self.pipeline(live={"start": None},
                             bootstrap={"path": "rows.jsonl", "handoff": "live"})
        self.catch_up(file)
        self.produce(100)
        self.catch_up(file)
        self.assertEqual(self.count(file), 150)
        rows = self.file_of(70)
        self.succeed("bootstrap", file, "--fresh")
        self.check(file, rows)
        live = [json.dumps(event) for event in self.produce(30)]
        self.catch_up(file)
        self.check(file, rows + live)


class ReplayTest(KafkaTest):
    def setUp(self):
        super().setUp()
        self.made = 0

    def replay_file(self, *, live=None, **options):
        self.made += 1
        return self.pipeline(live=live, replay={"kafka": self.source(**options)},
                             more=["time: ts"], name=f"replay{self.made}")

    def events(self, count, page=None):
        """Ten seconds apart."""
        return [{**event, "ts": self.time_of(event["n"])} for event in super().events(count, page)]

    def time_of(self, n):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_770_000_000 + 10 * n))

    def replay(self, file, *arguments):
        return json.loads(self.succeed("replay", file, "--format", "json", "--quiet", *arguments)
                          .out)

    def live_from(self, file):
        """By partition of the topic: the offset after the range."""
        positions = self.status(file)["handoff"][f"kafka:{self.topic}"]
        return {int(partition): offset_of(position) for partition, position in positions.items()}

    def test_all_of_it(self):
        self.make_topic()
        self.produce(3000)
        self.kafka.transaction(self.topic, self.events(30), partition=self.partition_of)
        self.kafka.transaction(self.topic, self.events(30), abort=True, partition=1)
        file = self.replay_file()
        summary = self.replay(file, "--from", "earliest", "--to", "now")
        self.assertEqual((summary["records"], summary["range"]), (3030, "all"))
        self.check(file)
        self.assertEqual(self.live_from(file), self.kafka.end_offsets(self.topic))

    def test_offsets_are_half_open_and_exact(self):
        self.make_topic()
        self.produce(300)
        for begin, end in ((0, 100), (10, 90), (10, 10), (99, 100), (100, 100), (0, 1)):
            with self.subTest(begin=begin, end=end):
                file = self.replay_file()
                arguments = [["--from", f"0:{begin},1:{begin}"], ["--to", f"0:{end},1:{end}"]]
                summary = self.replay(file, *arguments[0], *arguments[1])
                self.assertRegex(summary["range"], rf"offsets 0: \[{begin}, {end}\)")
                self.check(file, self.bodies(ranges={0: (begin, end), 1: (begin, end),
                                                     2: (0, 100)}))
        file = self.replay_file()
        self.replay(file, "--to", "2:50")
        self.check(file, self.bodies(ranges={0: (0, 100), 1: (0, 100), 2: (0, 50)}))

    def test_ranges_that_end_in_markers_or_aborted_records(self):
        self.make_topic(1)
        self.produce(10)
        self.kafka.transaction(self.topic, self.events(10), abort=True)  # 10 to 19; a marker at 20
        self.kafka.transaction(self.topic, self.events(5))               # 21 to 25; a marker at 26
        for end in (10, 11, 15, 20, 21, 22, 25, 26, 27):
            with self.subTest(end):
                file = self.replay_file()
                self.replay(file, "--to", f"0:{end}")
                self.check(file, self.bodies(ranges={0: (0, end)}))
                self.assertEqual(self.live_from(file), {0: end})

    def test_holes_of_compaction_at_the_end(self):
        self.make_topic(1, cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio=0.01,
                        max_compaction_lag_ms=100, delete_retention_ms=0)
        self.produce(50, key=lambda event: str(event["n"] % 10))
        self.produce(50, key="one")

        def compacted():
            time.sleep(0.2)
            self.produce(1, key="last")
            return len(self.bodies()) < 30
        self.wait_for("it is compacted", compacted)
        for end in (50, 51, 75, 99, 100):
            with self.subTest(end):
                file = self.replay_file(compacted="allow")
                self.replay(file, "--to", f"0:{end}")
                self.check(file, self.bodies(ranges={0: (0, end)}))

    def test_offsets_that_are_not_there(self):
        self.make_topic()
        self.produce(300)
        self.kafka.delete_records(self.topic, {1: 40})
        for arguments, code, why in (
                (["--from", "1:39"], 1, "/1 begins at offset 40: the records from 39 on are gone"),
                (["--to", "0:101"], 1, r"/0 ends at offset 100, before .*: \[0, 101\)"),
                (["--from", "2:101"], 1, "/2 ends at offset 100"),
                (["--from", "7:0"], 2, "no partition 7"),
                (["--from", "0:50", "--to", "0:49"], 2, "partition 0: --from 50 is behind --to 49"),
                (["--from", "0:5", "--to", "2026-03-01T00:00:00Z"], 2, "times for both, or offsets"),
                (["--from", "0-5"], 2, "expected a time as RFC 3339, .*, offsets")):
            with self.subTest(arguments):
                file = self.replay_file()
                self.assertRegex(self.fail_with(code, "replay", file, *arguments).err, why)
        file = self.replay_file(topic=None, pattern=f"^{self.topic}|^{self.topic}.x")
        self.kafka.create_topic(f"{self.topic}.x", 1)
        self.assertIn("one topic only", self.fail_with(2, "replay", file, "--from", "0:5").err)
        file = self.replay_file()
        self.replay(file, "--from", "1:40")
        self.check(file)
        self.assertIn("/1: offsets [40, 100); the records before are gone",
                      self.succeed("replay", file).err)
        self.check(file)

    def test_times_are_those_of_the_records(self):
        self.make_topic()
        events = self.produce(300, timestamp_ms=lambda e: 1000 * (1_770_000_000 + 10 * e["n"]))
        late = self.events(30)  # written long after their time
        self.kafka.produce(self.topic, late, partition=2, timestamp_ms=1_780_000_000_000)
        for begin, end in ((100, 200), (0, 330), (150, 151), (310, 400)):
            with self.subTest(begin=begin, end=end):
                file = self.replay_file()
                self.replay(file, "--from", self.time_of(begin), "--to", self.time_of(end))
                self.check(file, [json.dumps(event) for event in events + late
                                  if begin <= event["n"] < end])
        self.assertEqual(self.status(file)["handoff"], None)

    def test_an_open_transaction_is_left_for_later(self):
        self.make_topic(1)
        self.produce(20)
        with self.kafka.open_transaction() as transaction:
            transaction.produce(self.topic, self.events(7))
            self.produce(20)
            file = self.replay_file(live={})
            self.replay(file)
            self.check(file)
            self.assertEqual(self.count(file), 20)
            transaction.commit()
        self.catch_up(file)
        self.check(file)
        self.assertEqual(self.count(file), 47)

    def test_it_goes_live_where_the_range_ended(self):
        self.make_topic()
        self.produce(300)
        file = self.replay_file(live={"start": None})
        self.replay(file, "--to", "0:50,1:60,2:70", "--no-swap")
        self.produce(60)
        self.succeed("swap", file, 1)
        self.catch_up(file)
        self.check(file)
        self.assertEqual(self.replay(file, "--from", "0:99", "--partial")["version"], 2)
        self.assertEqual(self.count(file), 21 + 240)
        self.kafka.add_partitions(self.topic, 5)
        self.partitions = 5
        new = self.produce(50)
        self.catch_up(file)
        self.assertEqual(self.count(file), 21 + 240 + len(new))

    def test_kills_while_it_replays(self):
        self.make_topic()
        self.produce(30_000)
        file = self.replay_file(live={"start": None})
        for _ in range(20 if LONG else 4):
            child = self.start("replay", file, "--threads", 1)
            time.sleep(self.random.uniform(0.02, 0.4))
            child.kill()
            child.communicate()
            self.produce(300)
        self.replay(file)
        self.check(file)

    def test_a_topic_made_anew_in_the_middle_is_refused(self):
        self.make_topic(1)
        self.kafka.produce(self.topic, [b"not JSON"])
        self.produce(10_000)
        file = self.replay_file()
        self.assertIn("max_errors", self.fail_with(1, "replay", file).err)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.produce(11_000)
        self.assertRegex(self.fail_with(1, "replay", file, "--max-errors", 1).err,
                         r"/0: offset \d+ holds another record than the one that was counted")

    def test_a_topic_made_anew_behind_it_is_refused_by_live(self):
        self.make_topic(1)
        self.produce(150)
        file = self.replay_file(live={"start": None})
        self.replay(file)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.produce(200)
        self.assertIn("/0: offset 149 holds another record than the one that was counted",
                      self.fail_with(1, "run", file, "--until-caught-up").err)
        self.assertEqual(self.count(file), 150)

    def test_from_an_archive_of_the_topic_to_live(self):
        self.make_topic()
        self.produce(600)
        log = {p: {} for p in range(self.partitions)}
        for partition, offset, _, _, body in self.kafka.read_all(self.topic):
            log[partition][offset] = json.loads(body)
        self.produce(90)
        until = {0: 200, 1: 150, 2: 199}
        golden = kafka_connect(log, {p: even_cuts(0, end, 60) for p, end in until.items()},
                               topic=self.topic)
        for name, body in golden.objects.items():
            path = self.directory / "archive" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        file = self.pipeline(live={"start": None}, replay={"archive": {"path": "archive"}})
        self.replay(file, "--no-swap")
        self.succeed("swap", file, 1)
        self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})
        self.check(file, [json.dumps(record) for record in golden.counting])
        self.catch_up(file)
        self.check(file)
        # The same in one command, beside a run of the version before.
        child = self.follow(file)
        self.produce(90)
        summary = self.replay(file)
        self.assertEqual((summary["version"], summary["swapped"]), (2, True))
        self.produce(90)
        self.wait_for_count(file, 870)
        self.end(child)
        self.check(file)


class SwapTest(KafkaTest):
    """A version is replayed during a run, while records arrive and others query.

    The k-th record of a partition is for its page k % PAGES, and its x is k: so each answer tells
    how many records of each partition it knows, and whether it is of one version."""

    def setUp(self):
        super().setUp()
        self.make_topic(2)
        self.file = self.pipeline(replay={"kafka": self.source()})

    def events(self, count, page=None):
        def event(n):
            partition, k = n % self.partitions, n // self.partitions
            return {"n": n, "page": f"/{partition}/{k % PAGES}", "x": k}
        return [event(n) for n in itertools.islice(self.numbers, count)]

    def known(self, rows):
        """How many records of each partition the answer includes; they must be its first ones."""
        found = {row["key"]["page"]: [row["n"], row["s"]] for row in rows}
        known = []
        for partition in range(self.partitions):
            counts = [found[f"/{partition}/{page}"] for page in range(PAGES)]
            known.append(sum(count for count, _ in counts))
            first = [range(page, known[-1], PAGES) for page in range(PAGES)]
            if counts != [[len(those), sum(those)] for those in first]:
                raise AssertionError(f"of partition {partition}: {counts}")
        return known

    def ask_on(self, end, answers, may_forget):
        """Queries again and again; returns what was wrong."""
        pages = [f"/{p}/{page}" for p in range(self.partitions) for page in range(PAGES)]
        before = [0] * self.partitions
        while not end.is_set():
            outcome = self.murmur("query", self.file, *pages, "--format", "json")
            if outcome.code != 0:
                return f"{outcome.code}: {outcome.err}"
            try:
                known = self.known(outcome.rows())
            except (AssertionError, KeyError) as wrong:
                return f"{wrong!r}\n{outcome.out}"
            if any(now < then for now, then in zip(known, before)) and not may_forget:
                return f"after {before} records of each partition came {known}"
            before = known
            answers.append(known)
        return None

    @contextlib.contextmanager
    def asked(self, may_forget=False):
        """While others query."""
        end, answers = threading.Event(), []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self.ask_on, end, answers, may_forget)
            try:
                yield
                time.sleep(0.3)
            finally:
                end.set()
            self.assertIsNone(asking.result())
        self.assertTrue(answers)

    def serving(self):
        [row] = [row for row in self.succeed("versions", self.file, "--format", "json").rows()
                 if row["serving"]]
        return row["version"]

    def finish(self, child):
        self.end_when_all_counts(self.file, child)

    def begin(self):
        self.produce(2000)
        self.catch_up(self.file)

    def test_beside_a_run_and_back_again(self):
        self.begin()
        child = self.follow(self.file)
        with Load(self, per_second=2000), self.asked():
            for k in range(10 if LONG else 2):
                self.succeed("replay", self.file)
                self.assertEqual(self.serving(), k + 2)
                time.sleep(0.2)
                self.succeed("rollback", self.file)
                self.assertEqual(self.serving(), k + 1)
                time.sleep(0.2)
                self.succeed("swap", self.file, k + 2)
            self.assertIsNone(child.poll())
        self.finish(child)

    def test_while_nobody_follows(self):
        self.begin()
        with Load(self, per_second=2000), self.asked():
            self.succeed("replay", self.file)
            self.assertEqual(self.serving(), 2)
        self.catch_up(self.file)
        self.check(self.file)
        self.succeed("rollback", self.file)
        self.catch_up(self.file)
        self.check(self.file)

    def test_a_new_definition_takes_over_from_the_run_of_the_old(self):
        self.begin()
        child = self.follow(self.file)
        with Load(self, per_second=2000):
            more = self.pipeline(replay={"kafka": self.source()}, more=["where: x != 1"])
            self.succeed("replay", more)
            self.assertIsNone(child.poll())
        ends = self.kafka.end_offsets(self.topic)
        self.wait_for("it has caught up", lambda: self.positions(more) == ends)
        self.end(child)
        expected = totals(self.bodies())
        for partition in range(2):
            expected[f"/{partition}/1"][0] -= 1
            expected[f"/{partition}/1"][1] -= 1
        self.assertEqual(self.counts(more), expected)

    def test_kills_of_the_replay(self):
        self.begin()
        child = self.follow(self.file)
        with Load(self, per_second=2000), self.asked():
            for _ in range(20 if LONG else 3):
                replay = self.start("replay", self.file)
                time.sleep(self.random.uniform(0, 0.8))
                replay.kill()
                replay.communicate()
            self.succeed("replay", self.file)
            self.assertIsNone(child.poll())
        self.finish(child)

    def test_kills_of_the_run_that_swaps(self):
        self.begin()
        child = self.follow(self.file)
        # Without a following run, the serving version had caught up a moment before.
        with Load(self, per_second=2000), self.asked(may_forget=True):
            for _ in range(20 if LONG else 3):
                replay = self.start("replay", self.file)
                time.sleep(self.random.uniform(0, 1))
                child.kill()
                child.communicate()
                replay.communicate(timeout=RUN_SECONDS_MAX)
                child = self.start("run", self.file, "--quiet")
        self.finish(child)

    def test_a_second_run_is_refused(self):
        self.begin()
        child = self.follow(self.file)
        self.assertIn(f"in use by pid {child.pid}", self.fail_with(1, "run", self.file).err)
        self.end(child)

    def test_a_run_does_not_follow_a_version_of_another_topic(self):
        self.begin()
        child = self.follow(self.file)
        first, self.topic = self.topic, f"{self.topic}.other"
        self.make_topic(2)
        self.produce(100)
        other = self.pipeline(replay={"kafka": self.source()})
        err = self.fail_with(1, "replay", other).err
        self.assertIn("version 2 is not of the live source that this run follows", err)
        self.assertIn(f"live.topic: {self.topic} → {first}", err)
        self.assertEqual(self.serving(), 1)
        self.end(child)
        self.succeed("swap", other, 2)
        self.catch_up(other)
        self.check(other)

    def test_a_version_whose_records_are_gone_is_not_swapped_in(self):
        self.begin()
        self.succeed("replay", self.file)
        child = self.follow(self.file)
        self.produce(1000)
        self.wait_for_count(self.file, 3000)
        self.kafka.delete_records(self.topic, {0: 1400, 1: 1400})
        self.assertRegex(self.fail_with(1, "rollback", self.file).err,
                         "begins at offset 1400 by now")
        self.assertEqual(self.serving(), 2)
        self.produce(10)
        self.wait_for_count(self.file, 3010)
        self.end(child)


class Table:
    """Rows in PostgreSQL, and the (key, value) messages that Debezium's connector writes about them
    to Kafka. A transaction locks the rows that it changes until it ends; the changes are written
    then."""

    def __init__(self, random, schema=False):
        self.random, self.schema = random, schema
        self.rows, self.open = {}, []
        self.lsn = itertools.count(1000, 8)
        self.last_commit = None

    def transactions(self, count):
        """The messages of that many transactions; some are open at once, some stay open."""
        messages = []
        while count:
            if len(self.open) < 4 and self.random.random() < 0.5:
                self.open.append({})
            elif self.open and self.random.random() < 0.7:
                self.change(self.random.choice(self.open))
            elif self.open:
                messages += self.commit()
                count -= 1
        return messages

    def change(self, transaction):
        number = self.random.randrange(ROWS)
        if any(number in other for other in self.open if other is not transaction):
            return
        changes = transaction.setdefault(number, [])
        row = changes[-1][1] if changes else self.rows.get(number)
        gone = row is not None and self.random.random() < 0.3
        changes.append((next(self.lsn), None if gone else self.row(number)))

    def row(self, number):
        return {"id": number, "page": f"/{self.random.randrange(PAGES)}",
                "x": self.random.getrandbits(40), "nobody": {"reads": ["this", None]}}

    def commit(self):
        transaction = self.open.pop(self.random.randrange(len(self.open)))
        changes = sorted((lsn, number, row) for number, some in transaction.items()
                         for lsn, row in some)
        messages = []
        for lsn, number, row in changes:
            op = "d" if row is None else "u" if number in self.rows else "c"
            messages.append(self.message(op, number, row, lsn))
            if row is None:
                messages.append((messages[-1][0], None))
                self.rows.pop(number, None)
            else:
                self.rows[number] = row
        self.last_commit = next(self.lsn)
        return messages

    def snapshot(self, kind):
        """A snapshot of what is committed. Open transactions are not seen, though they may have
        changed rows before. An incremental snapshot is in the transaction that requests it."""
        lsn = next(self.lsn)
        if kind != "incremental":
            self.last_commit = None
        messages = [self.message("r", number, row, lsn, kind) for number, row in self.rows.items()]
        if kind == "incremental":
            self.last_commit = next(self.lsn)
        return messages

    def message(self, op, number, row, lsn, snapshot="false"):
        commit = None if self.last_commit is None else str(self.last_commit)
        source = {"version": "2.7.0.Final", "connector": "postgresql", "name": "shop",
                  "ts_ms": self.random.randrange(10**12), "snapshot": snapshot, "db": "shop",
                  "sequence": json.dumps([commit, str(lsn)]), "schema": "public",
                  "table": "views", "txId": 5, "lsn": lsn, "xmin": None}
        envelope = {"before": None, "after": row, "source": source, "op": op,
                    "ts_ms": 1_700_000_000_000, "transaction": None}
        return tuple(map(self.text, ({"id": number}, envelope)))

    def text(self, payload):
        if self.schema:
            payload = {"schema": {"type": "struct", "fields": []}, "payload": payload}
        # Not always the same text for the same key.
        return json.dumps(payload, separators=self.random.choice([(",", ":"), (", ", ": ")]))


class UnknownFieldTest(KafkaTest):
    def told(self, file):
        return {field["name"]: field.get("did_you_mean")
                for field in self.status(file).get("unknown_fields", [])}

    def misspelt(self, **options):
        file = self.pipeline(**options)
        file.write_text(file.read_text().replace("s: sum(x)", "s: sum(x), t: sum(pagee), u: sum(brought_later)"))
        return file

    def test_of_a_topic(self):
        self.make_topic()
        self.produce(50)
        file = self.misspelt()
        self.catch_up(file)
        self.assertEqual(self.told(file), {"pagee": "page", "brought_later": None})
        self.kafka.produce(self.topic, [{"page": "/a", "n": 1, "x": 1, "brought_later": 1}], partition=1)
        self.catch_up(file)
        self.assertEqual(self.told(file), {"pagee": "page"})

    def test_of_the_rows_inside_changes(self):
        for schema in (False, True):
            with self.subTest(schema=schema):
                self.topic = f"unknown.{schema}"
                self.make_topic()
                table = Table(self.random, schema)
                sender = kafka_server.Sender(self.kafka.address, {})
                for key, value in table.transactions(50):
                    sender.produce(self.topic, [value], 0, key)
                file = self.misspelt(live={"format": "debezium"}, name=f"p{schema}")
                self.catch_up(file)
                self.assertEqual(self.told(file), {"pagee": "page", "brought_later": None})

    def test_all_messages_dead_is_told_at_once_and_fails(self):
        self.make_topic()
        self.kafka.produce(self.topic, [b"not JSON"] * 1000, partition=0)
        file = self.pipeline()
        child = self.start("run", file)
        line = child.stderr.readline()
        while "dead letter" not in line:
            self.assertNotEqual(line, "")
            line = child.stderr.readline()
        self.assertIn("dead letter, undecodable: ", line)
        self.assertIn("dead-letters.jsonl in ", line)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.stderr.read().count("dead letter, "), 0)
        child.wait()
        err = self.fail_with(1, "run", file, "--until-caught-up").err
        self.assertIn("no record could be counted: 1000 undecodable", err)


class DebeziumTest(KafkaTest):
    def setUp(self):
        super().setUp()
        self.table = Table(self.random)

    def changes(self, *, live={}, **options):
        return self.pipeline(live={"format": "debezium", **live}, **options)

    def send(self, messages, topic=None):
        """Sends each message to the partition of its row."""
        sender = kafka_server.Sender(self.kafka.address, {})
        for key, value in messages:
            payload = json.loads(key) if key else {}
            number = payload.get("payload", payload).get("id", 0)
            sender.produce(topic or self.topic, [value], number % self.partitions, key)

    def check_rows(self, file, *tables):
        self.assertEqual(self.counts(file), totals(
            json.dumps(row) for table in tables or [self.table] for row in table.rows.values()))

    def test_rows_come_change_and_go(self):
        for schema in (False, True):
            with self.subTest(schema=schema):
                self.topic = f"rows.{schema}"
                self.table = Table(self.random, schema)
                self.make_topic()
                file = self.changes(name=f"rows_{schema}")
                for _ in range(3):
                    self.send(self.table.transactions(100))
                    self.assertEqual(self.catch_up(file)["dead_letters"], 0)
                    self.check_rows(file)
                self.assertEqual(self.catch_up(file)["records_this_run"], 0)
                self.send([self.table.message("d", number, None, next(self.table.lsn))
                           for number in self.table.rows])
                self.catch_up(file)
                self.assertEqual(self.counts(file), {})

    def test_kills_redelivery_and_partitions_added_end_at_the_rows_as_they_are(self):
        self.make_topic()
        file = self.changes()
        before = self.table.transactions(200)  # of which the topic knows nothing
        messages = self.table.snapshot("first") + self.table.transactions(20)
        self.assertGreater(len(before), 0)
        self.send(messages)
        written = len(messages)
        kills = max(KILLS, 6)
        for k in range(kills):
            child = self.start("run", file, "--quiet")
            for _ in range(3):
                new = self.table.transactions(60)
                if self.random.random() < 0.3:
                    new += self.table.snapshot("incremental")
                if k % 2 == 1:  # the connector was killed, and begins where it had last noted
                    new = messages[-self.random.randrange(300):] + new
                self.send(new)
                messages += new
            if k == kills // 3 or k == 2 * kills // 3:
                self.partitions += 2
                self.kafka.add_partitions(self.topic, self.partitions)
            time.sleep(self.random.uniform(0, 0.5))
            child.kill()
            child.communicate()
        self.assertGreater(len(messages), 5 * written)
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check_rows(file)
        again = self.changes(name="again")  # now partitions are read side by side
        self.catch_up(again, "--threads", 4)
        self.check_rows(again)

    def test_rows_of_several_topics_are_not_mixed_up(self):
        topics = [f"{self.topic}.{k}" for k in range(2)]
        tables = [Table(self.random) for _ in topics]
        for self.topic, table in zip(topics, tables):
            self.make_topic()
            self.send(table.transactions(100))
        file = self.changes(live={"topic": None, "topics": topics})
        self.catch_up(file)
        self.check_rows(file, *tables)

    def test_what_a_row_holds_now_that_nobody_knows_does_not_count(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        row = self.table.row(ROWS)
        number = row["id"]
        broken = {**row, "page": "__debezium_unavailable_value"}  # of a row that is not known
        self.send([self.table.message("u", number, broken, next(self.table.lsn)),
                   (None, self.table.message("u", number, row, 0)[1]), ("{}", "no JSON")])
        self.assertEqual(self.catch_up(file)["dead_letters"], 3)
        self.check_rows(file)
        letters = [json.loads(line) for line in
                   (self.directory / "state/pipeline/dead-letters.jsonl").read_text().splitlines()]
        self.assertEqual([letter["reason"] for letter in letters],
                         ["undecodable", "missing_key", "undecodable"])
        self.assertIn("REPLICA IDENTITY FULL", letters[0]["detail"])
        self.assertIn("message.key.columns", letters[1]["detail"])
        self.assertEqual(letters[0]["id"], f'{self.topic}:{{"id":{number}}}')
        self.table.rows[number] = row
        self.send([self.table.message("u", number, row, next(self.table.lsn))])
        self.catch_up(file)
        self.check_rows(file)

    def test_a_value_that_is_left_out_is_what_the_row_held(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        for number, row in self.table.rows.items():
            row["x"] += 1
            self.send([self.table.message("u", number, {
                **row, "page": "__debezium_unavailable_value"}, next(self.table.lsn))])
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check_rows(file)
        own = self.changes(name="own", live={"unavailable.value.placeholder": "__gone__"})
        for number, row in self.table.rows.items():
            self.send([self.table.message("u", number, {**row, "x": 5}, next(self.table.lsn)),
                       self.table.message("u", number, {**row, "x": 7, "page": "__gone__"},
                                          next(self.table.lsn))])
            row["x"] = 7
        self.catch_up(own)
        self.check_rows(own)

    def test_dead_letters_of_rows_reach_their_topic(self):
        """Exactly these dead letters, each at its offset, even if several are of one row."""
        self.make_topic(2)
        letters_topic = f"{self.topic}.letters"
        self.kafka.create_topic(letters_topic)
        self.send(self.table.transactions(50))
        file = self.changes(live={"dead_letters": letters_topic}, more=["commit_every: 10ms"])
        expected = set()
        for _ in range(3):
            for number in (0, 1, 1, 0, 1):
                row = {"id": number, "page": f"/{number}", "x": "no number"}
                offset = self.kafka.end_offsets(self.topic)[number % 2]
                self.send([self.table.message("u", number, row, next(self.table.lsn))])
                self.table.rows.pop(number, None)
                expected.add((str(number % 2), str(offset)))
            summary = self.catch_up(file)
            self.assertEqual(summary["dead_letters"], len(expected))
            self.check_rows(file)
        self.catch_up(file)
        published = self.headers_of(letters_topic)
        self.assertEqual(len(published), len(expected))
        self.assertEqual({(one["partition"], one["offset"]) for one in published}, expected)
        self.assertEqual({one["reason"] for one in published}, {"wrong_type"})
        lines = (self.directory / "state/pipeline/dead-letters.jsonl").read_text().splitlines()
        self.assertEqual(len(lines), len(expected))

    def headers_of(self, topic):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.kafka.address, "group.id": "reader"})
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        messages = []
        while len(messages) < self.kafka.end_offsets(topic)[0]:
            messages += consumer.consume(100, 1)
        consumer.close()
        return [{name: value.decode() for name, value in message.headers()}
                for message in messages]

    def test_a_second_snapshot_is_told(self):
        """A connector stopped in its first snapshot begins again: rows may be gone meanwhile."""
        self.make_topic(2)
        file = self.changes()
        before = self.table.transactions(50)  # of which the topic knows nothing
        self.assertGreater(len(before), 0)
        self.send(self.table.snapshot("first"))
        self.assertNotIn("at_least_once", self.catch_up(file))
        self.send(self.table.transactions(5) + self.table.snapshot("incremental"))
        self.assertNotIn("at_least_once", self.catch_up(file))
        self.send(self.table.snapshot("true"))
        done = self.succeed("run", file, "--until-caught-up", "--format", "json")
        self.assertIn("second snapshot", json.loads(done.out)["at_least_once"])
        self.assertRegex(done.err, "WARNING: .*second snapshot.*new topic")
        self.assertIn("second snapshot", self.catch_up(file)["at_least_once"])

    def test_a_topic_that_is_none_of_a_table(self):
        """A run that can use no record ends with an error, whether it follows or not."""
        for name, value, why in (
                ("flat", {"page": "/a", "x": 1, "__op": "c"}, "ExtractNewRecordState"),
                ("beat", {"ts_ms": 1}, "heartbeats"),
                ("ddl", {"source": {}, "ddl": "create table t (i int)", "tableChanges": []},
                 "how schemas change")):
            with self.subTest(name):
                self.topic = f"none.{name}"
                self.make_topic(1)
                self.send([(json.dumps({"id": 1}), json.dumps(value))] * 3)
                file = self.changes(name=name)
                for arguments in (["--until-caught-up"], []):
                    self.assertRegex(self.fail_with(1, "run", file, *arguments).err,
                                     f"none of 3 messages could be used.*{why}")

    def test_a_table_that_is_counted_as_records_gets_a_hint(self):
        self.make_topic(1)
        self.send(self.table.transactions(20))
        file = self.pipeline()
        self.assertIn("`format: debezium`", self.fail_with(1, "run", file, "--until-caught-up").err)

    def test_decimals_without_a_schema(self):
        """Digits that may be a number's bytes are dead letters until they are declared."""
        self.make_topic(1)
        for number, text in ((1, "12.50"), (2, "1234")):
            self.send([self.table.message("c", number, {"page": "/", "price": text},
                                          next(self.table.lsn))])
        more = ["aggregates: {n: count, s: 'sum(price, decimal=2)'}"]
        for name, mode, answer in (("unsaid", None, (1, 12.5)), ("text", "string", (2, 1246.5))):
            file = self.changes(name=name, live={"decimal.handling.mode": mode}, more=more)
            file.write_text(file.read_text().replace("aggregates: {n: count, s: sum(x)}\n", ""))
            self.assertEqual(self.catch_up(file)["dead_letters"], 2 - answer[0])
            [row] = self.succeed("dump", file).rows()
            self.assertEqual((row["n"], float(row["s"])), answer)
        letter = json.loads((self.directory / "state/unsaid/dead-letters.jsonl").read_text())
        self.assertIn("decimal.handling.mode", letter["detail"])

    def test_a_table_that_is_truncated_ends_the_run_before_it(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        offset = self.kafka.end_offsets(self.topic)[0]
        truncate = json.loads(self.table.message("t", 0, None, next(self.table.lsn))[1])
        self.send([(None, json.dumps(truncate)), *self.table.snapshot("incremental")])
        for _ in range(2):
            self.assertIn(f"offset {offset}: the table was truncated",
                          self.fail_with(1, "run", file).err)
            self.assertEqual(self.positions(file), {0: offset})
            self.check_rows(file)

    def test_a_change_that_is_too_long_ends_the_run_until_it_may_be(self):
        self.make_topic(1)
        file = self.changes(more=["max_record: 4KiB"])
        self.send(self.table.transactions(30))
        self.table.rows[0] = {"id": 0, "page": "/long", "x": 1, "nobody": "x" * 5000}
        self.send([self.table.message("u", 0, self.table.rows[0], next(self.table.lsn))])
        self.assertIn("longer than max_record", self.fail_with(1, "run", file).err)
        file = self.changes(more=["max_record: 40KiB"])
        self.catch_up(file)
        self.check_rows(file)

    def test_a_compacted_topic(self):
        self.make_topic(1, cleanup_policy="compact")
        file = self.changes()
        self.send(self.table.transactions(100))
        self.assertRegex(self.fail_with(1, "run", file).err, "compacted: .*delete.retention.ms")
        file = self.changes(live={"compacted": "allow"})
        self.catch_up(file)
        self.check_rows(file)
        # Only this is left of its delete.
        number = min(self.table.rows)
        self.send([(json.dumps({"id": number}), None)])
        del self.table.rows[number]
        self.catch_up(file)
        self.check_rows(file)

    def test_a_topic_that_has_lost_its_first_changes(self):
        self.make_topic(1)
        self.send(self.table.transactions(50))
        self.kafka.delete_records(self.topic, {0: 10})
        file = self.changes()
        self.assertRegex(self.fail_with(1, "run", file).err,
                         "begins at offset 10: rows that did not change since are missing")
        file = self.changes(live={"start": {0: 10}})
        self.catch_up(file)
        self.assertNotEqual(self.counts(file), {})

    def test_what_does_not_go_with_a_table(self):
        self.make_topic(1)
        jsonl = {"path": "rows.jsonl"}
        for k, (why, options) in enumerate((
                ("bootstrap does not go with a table", {"bootstrap": jsonl}),
                ("replay does not go with a table", {"replay": {"kafka": self.source()}}))):
            file = self.changes(name=f"table{k}", **options)
            self.assertIn(why, self.fail_with(2, "check", file).err)
        file = self.pipeline(replay={"kafka": self.source(format="debezium")}, live=None)
        self.assertIn("'debezium': is for live: only", self.fail_with(2, "check", file).err)


class TieredTest(KafkaTest):
    """Records that are only in the remote tier."""

    def setUp(self):
        super().setUp()
        self.make_topic(2, **TIERED)
        events = [{**event, "pad": "p" * 300} for event in self.events(10_000)]
        self.kafka.produce(self.topic, events, partition=self.partition_of)
        for partition, end in self.kafka.end_offsets(self.topic).items():
            self.wait_for("all has left the broker's disk", lambda:
                          self.kafka.local_start_offset(self.topic, partition) == end)
        self.assertGreater(len(self.kafka.remote_segments(self.topic)), 2)
        self.file = self.pipeline(live=None, replay={"kafka": self.source()})

    @contextlib.contextmanager
    def away(self):
        """While the tier has lost its first segment."""
        path = self.kafka.remote_segments(self.topic)[0][2]
        path.rename(path.with_suffix(".away"))
        try:
            yield
        finally:
            path.with_suffix(".away").rename(path)

    def test_replay_and_live_from_the_first_offset(self):
        self.succeed("replay", self.file, "--from", "0:0,1:0", "--to", "0:4000,1:5000")
        self.check(self.file, self.bodies(ranges={0: (0, 4000), 1: (0, 5000)}))
        self.produce(100)
        self.succeed("replay", self.file)
        self.check(self.file)
        live = self.pipeline(name="live")
        self.catch_up(live)
        self.check(live)

    def test_a_tier_that_is_away_is_waited_for(self):
        live = self.pipeline(name="live")
        with self.away():
            replay = self.start("replay", self.file)
            run = self.follow(live)
            time.sleep(2)
            self.assertIsNone(replay.poll())
            self.assertIsNone(run.poll())
            self.wait_for("the lag is told",
                          lambda: self.status(live)["live"]["lag_records"] >= 5000)
        _, err = replay.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(replay.returncode, 0, err)
        self.check(self.file)
        self.wait_for_count(live, 10_000)
        self.end(run)
        self.check(live)


class SecurityTest(KafkaTest):
    def tls(self, **config):
        return {"brokers": self.kafka.tls_address, "config": {
            "security.protocol": "ssl", "ssl.ca.location": str(self.kafka.ca_file), **config}}

    def test_over_tls(self):
        self.make_topic()
        self.produce(300)
        file = self.pipeline(live=self.tls(), replay={"kafka": self.source(**self.tls())})
        self.catch_up(file)
        self.check(file)
        self.succeed("replay", file)
        self.produce(30)
        self.end(self.follow(file))
        self.catch_up(file)
        self.check(file)

    def test_passwords_are_never_shown_or_stored(self):
        self.make_topic()
        self.produce(30)
        live = self.tls(**{"sasl.username": "murmur", "sasl.password": "written-out",
                           "ssl.key.password": "${FROM_THE_ENVIRONMENT}"})
        file = self.pipeline(live=live, replay={"kafka": self.source(**live)})
        with unittest.mock.patch.dict(os.environ, FROM_THE_ENVIRONMENT="of-the-environment"):
            child = self.follow(file)
            said = [self.murmur(*verb) for verb in (
                ["check", file], ["status", file], ["versions", file], ["replay", file],
                ["status", file, "--format", "json"], ["run", file])]
            self.kafka.delete_records(self.topic, {0: 10})
            said += [Outcome(0, *child.communicate()) for _ in [child.terminate()]]
            bad = self.pipeline(live=self.tls(**{"sasl.password": "written-out", "linger.ms": "x"}),
                                name="bad")
            said += [self.murmur("run", bad)]
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("FROM_THE_ENVIRONMENT", None)
            said += [self.fail_with(1, "run", file)]
        self.assertIn("FROM_THE_ENVIRONMENT", said[-1].err)
        stored = [path.read_bytes() for path in (self.directory / "state").rglob("*")
                  if path.is_file()]
        for secret in ("written-out", "of-the-environment"):
            for outcome in said:
                self.assertNotIn(secret, outcome.out + outcome.err)
            self.assertFalse([body for body in stored if secret.encode() in body], secret)


class StatusTest(KafkaTest):
    def test_positions_lag_and_mode(self):
        self.make_topic()
        self.produce(300)
        file = self.pipeline()
        child = self.follow(file)
        self.wait_for_count(file, 300)
        self.wait_for("the ends are known", lambda: self.ends(file) == {0: 100, 1: 100, 2: 100})
        status = self.status(file)
        self.assertEqual((status["mode"], status["records"]), ("live", 300))
        self.assertEqual(status["live"]["lag_records"], 0)
        self.assertEqual(self.positions(file), {0: 100, 1: 100, 2: 100})
        self.assertIn("last_commit", status["live"])
        self.produce(300)
        self.wait_for_count(file, 600)
        self.wait_for("the ends are known", lambda: self.ends(file) == {0: 200, 1: 200, 2: 200})
        self.end(child)
        self.assertEqual(self.positions(file), {0: 200, 1: 200, 2: 200})

    def ends(self, file):
        return {int(split.rpartition("/")[2]): offset_of(one["end"] or "-1")
                for split, one in self.status(file)["live"]["splits"].items()}

    def test_the_consumer_group_shows_the_positions(self):
        self.make_topic()
        self.produce(300)
        for group in (None, "another"):
            file = self.pipeline(live={"group": group}, name=f"group_{group}")
            self.catch_up(file)
            self.wait_for("the group knows", lambda: self.kafka.committed(
                group or "murmur-pipeline", self.topic) == self.positions(file))
        child = self.follow(file)
        self.produce(30)
        self.wait_for("the group knows", lambda: self.kafka.committed("another", self.topic)
                      == {0: 110, 1: 110, 2: 110})
        # Changes of the group's offsets by others have no effect.
        self.end(child)
        offsets = [confluent_kafka.TopicPartition(self.topic, p, 7) for p in range(3)]
        consumer = confluent_kafka.Consumer(kafka_server.client_settings(self.kafka.address)
                                            | {"group.id": "another"})
        with contextlib.closing(consumer):
            consumer.commit(offsets=offsets, asynchronous=False)
        self.catch_up(file)
        self.check(file)

    def test_sigterm_ends_it_within_a_second(self):
        self.make_topic()
        file = self.pipeline()
        with Load(self, per_second=2000):
            for _ in range(3):
                child = self.follow(file)
                start = time.monotonic()
                err = self.end(child)
                self.assertLess(time.monotonic() - start, 1 * SLOWNESS)
                self.assertNotIn("rror", err)
        self.catch_up(file)
        self.check(file)

    def test_records_are_seen_soon(self):
        self.make_topic()
        file = self.pipeline()
        child = self.follow(file)
        seconds = []
        with Load(self, per_second=1000):
            for k in range(30 if LONG else 8):
                page = f"/marked/{k}"
                self.produce(1, page=page)
                start = time.monotonic()
                self.wait_for(f"{page} is seen", lambda: self.murmur(
                    "query", file, page, "--format", "json").out.count('"n"'))
                seconds.append(time.monotonic() - start)
        self.end(child)
        self.assertLess(sorted(seconds)[len(seconds) // 2], 2 * SLOWNESS, seconds)


if __name__ == "__main__":
    main()
