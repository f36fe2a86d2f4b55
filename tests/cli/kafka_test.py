"""Live and replay from Kafka: the program against a real broker that is killed, cut short, refilled.

What is right is told by the topic, read by a client that shares no code with the program, and by a
plain dictionary.
"""

import collections
import contextlib
import functools
import itertools
import json
import signal
import subprocess
import threading
import time
import unittest

import kafka as kafka_python

import kafka_server
from kafka_server import TIERED, KafkaServer
from program import LONG, PROGRAM, RUN_SECONDS_MAX, SLOWNESS, ProgramTest, main
from writers import even_cuts, kafka_connect

KILLS = 100 if LONG else 5
BROKER_KILLS = 10 if LONG else 1
BOTH_KILLS = 10 if LONG else 1
PAGES = 7
PARTITIONS = 3
WAIT_SECONDS_MAX = 60 * SLOWNESS


@functools.cache
def shared_broker():
    return unittest.enterModuleContext(KafkaServer(tiered=True, tls=True))


def totals(bodies):
    """What must be counted of these records: by page, how many, and the sum."""
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

    def produce(self, count, *, topic=None, page=None, **options):
        """New records, spread over the partitions."""
        events = self.events(count, page)
        options.setdefault("partition", lambda event: event["n"] % self.partitions)
        self.kafka.produce(topic or self.topic, events, **options)
        return events

    def bodies(self, topic=None, ranges=None):
        """Of the topic's records that a reader of committed ones sees; those at the offsets
        {partition: (from, until)}."""
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
        self.wait_for("it follows", lambda: child.poll() is not None or self.is_live(file))
        self.assertIsNone(child.poll(), child.poll() is not None and child.communicate())
        return child

    def is_live(self, file):
        outcome = self.murmur("status", file, "--format", "json")
        return outcome.code == 0 and json.loads(outcome.out)["mode"] == "live"

    def end(self, child, code=143):
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, code, err)
        return err

    def fails(self, child):
        """What a run says that must end by itself, with an error."""
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, 1, err)
        return err

    def status(self, file):
        return json.loads(self.succeed("status", file, "--format", "json").out)

    def positions(self, file):
        """By partition of the topic: the offset behind what is counted."""
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
        """That all is counted, once: of the topic, or of what is given."""
        self.assertEqual(self.counts(file), totals(self.bodies() if bodies is None else bodies))

    def wait_for(self, what, condition, seconds=WAIT_SECONDS_MAX):
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up:
                self.fail(f"waited in vain until {what}")
            time.sleep(0.02)

    def wait_for_count(self, file, count):
        self.wait_for(f"{count} records are counted", lambda: self.count(file) >= count)
        self.assertEqual(self.count(file), count)


class StartTest(KafkaTest):
    def started(self, start, name):
        """What is counted by a run that starts so."""
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
    """Counts a topic's records beside the program, so that they may be deleted."""

    def __init__(self, kafka, topic, partitions):
        self.kafka = kafka
        self.next = {kafka_python.TopicPartition(topic, p): 0 for p in range(partitions)}
        self.bodies = []

    def read_to(self, ends):
        """All before these offsets, by partition."""
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
    """Records on and on by a thread of its own, some in transactions, until the block ends."""

    def __init__(self, test, per_second, transactions=False):
        self.test, self.pause, self.end = test, self.BATCH / per_second, threading.Event()
        self.transactions = transactions
        self.sent = 0
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    BATCH = 50

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        if self.failure:
            raise self.failure

    def run(self):
        test = self.test
        try:
            sender = kafka_server.Sender(test.kafka.address, {})
            while not self.end.wait(self.pause):
                events = test.events(self.BATCH)
                batches = self.sent // self.BATCH
                if self.transactions and batches % 20 == 0:
                    test.kafka.transaction(test.topic, events, abort=batches % 40 == 0,
                                           partition=lambda e: e["n"] % test.partitions)
                else:
                    sender.produce(test.topic, events, lambda e: e["n"] % test.partitions)
                self.sent += self.BATCH
        except Exception as failure:
            self.failure = failure


class RestartTest(KafkaTest):
    """Behind each kill the records that are committed are deleted: to begin again would show."""

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
                time.sleep(self.random.uniform(0, 1.5))
                self.kill_the_run()
                self.delete_what_is_counted()
                self.run_again()
        self.finish()
        self.assertGreater(self.moved, KILLS / 2)
        self.assertGreater(load.sent, 100 * KILLS)

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

    def test_a_run_ends_at_once_though_no_broker_answers(self):
        self.kafka.kill()
        try:
            time.sleep(0.5)
            start = time.monotonic()
            self.end(self.child)
            self.assertLess(time.monotonic() - start, 3 * SLOWNESS)
        finally:
            self.kafka.start()


class LostRecordsTest(KafkaTest):
    """What can't be read any more, or means something else by now, is an error and never counted."""

    def begin(self, count=300, **live):
        self.produce(count)
        file = self.pipeline(live=live)
        self.catch_up(file)
        self.check(file)
        return file

    def check_refused(self, file, why):
        """That a run fails, and leaves what is counted as it is."""
        before = self.counts(file), self.positions(file)
        self.assertRegex(self.fail_with(1, "run", file).err, why)
        self.murmur("run", file, "--until-caught-up")
        self.assertEqual((self.counts(file), self.positions(file)), before)

    def test_deleted_records_that_were_not_counted(self):
        self.make_topic()
        file = self.begin()
        self.produce(300)
        self.kafka.delete_records(self.topic, {1: 100 + 33})
        self.check_refused(file, r"/1 begins at offset 133 by now, but is to be read from 100: the "
                                 r"33 records between are gone")

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
        # Nothing lies behind the positions, so there is nothing to count; but who follows looks.
        self.murmur("run", file, "--until-caught-up")
        self.assertEqual(self.counts(file), before)
        self.assertRegex(self.fail_with(1, "run", file).err,
                         "another record than the one that was counted: the topic was made anew")
        self.produce(30)
        self.check_refused(file, "the topic was made anew")

    def test_a_topic_made_anew_with_fewer(self):
        self.make_topic()
        self.check_refused(self.anew(self.begin(), 90),
                           "ends at offset 30, but was read up to 100 already: .* made anew")

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
        self.assertEqual(self.count(again), len(kept))


if __name__ == "__main__":
    main()
