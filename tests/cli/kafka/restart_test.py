"""Runs, brokers and leaders that are killed, and come back."""

import signal
import time

import kafka as kafka_python

from kafka_case import KILLS, KafkaCase, Load, bodies_of
from kafka_server import KafkaCluster, KafkaError, KafkaServer, python_consumer
from program import LONG, SLOWNESS, WAIT_SECONDS_MAX, main

BROKER_KILLS = 10 if LONG else 1
BOTH_KILLS = 10 if LONG else 1
LEADER_KILLS = 30 if LONG else 2


class Witness:
    """Counts a topic's records independently, so that they may be deleted."""

    def __init__(self, kafka, topic, partitions):
        self.kafka = kafka
        self.next = {kafka_python.TopicPartition(topic, p): 0 for p in range(partitions)}
        self.bodies = []

    def read_to(self, ends):
        """All records before these offsets, by partition."""
        ends = {at: ends[at.partition] for at in self.next}
        with python_consumer(self.kafka.address) as consumer:
            consumer.assign(list(self.next))
            for at, offset in self.next.items():
                consumer.seek(at, offset)
            give_up = time.monotonic() + WAIT_SECONDS_MAX
            while any(self.next[at] < end for at, end in ends.items()):
                if time.monotonic() > give_up:
                    raise KafkaError(f"{self.next} is not {ends}, and no more comes")
                for batch in consumer.poll(timeout_ms=100).values():
                    self.bodies += [record.value for record in batch]
                self.next = {at: consumer.position(at) for at in self.next}


class RestartTest(KafkaCase):
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
        self.witness.read_to(self.kafka.end_offsets(self.topic))
        self.end_when_all_counts(self.file, self.child, self.witness.bodies)

    def test_kills_at_random_moments_lose_and_double_nothing(self):
        with Load(self, per_second=3000, transactions=True) as load:
            for _ in range(KILLS):
                time.sleep(self.random.uniform(0, 1.5) * min(SLOWNESS, 3))
                self.kill(self.child)
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
                self.wait_while_it_runs(self.child, "it goes on",
                                        lambda: self.positions(self.file) != position)
        self.finish()

    def test_both_killed_at_once(self):
        with Load(self, per_second=2000):
            for _ in range(BOTH_KILLS):
                time.sleep(self.random.uniform(0, 1))
                self.kill(self.child)
                self.kill_the_broker()
                self.delete_what_is_counted()
                self.run_again()
                time.sleep(self.random.uniform(0, 1))
                self.kill_the_broker()
                self.kill(self.child)
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
                self.check(file, bodies_of(written[:until]))

    def test_a_run_ends_at_once_though_no_broker_answers(self):
        self.kafka.kill()
        try:
            time.sleep(0.5)
            start = time.monotonic()
            self.end(self.child)
            self.assertLess(time.monotonic() - start, 3 * SLOWNESS)
        finally:
            self.kafka.start()


class LeaderTest(KafkaCase):
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
                    self.kill(child)
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
        self.wait_while_it_runs(child, "it knows its positions", knows_its_positions)
        # A run that has just begun may not report all of them.
        self.wait_while_it_runs(child, "it goes on everywhere", lambda: all(
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
            self.wait_until("it replays", lambda: self.is_replaying(file))
            partition, leader = self.kill_a_leader()
            self.assertTrue(self.is_replaying(file))
            self.kafka.wait_for_leader(self.topic, partition, other_than=leader)
            self.assertIsNone(child.poll())
            self.produce(30)
            self.wait_for_end(child, 0)
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
        self.wait_until("they follow", lambda: all(self.follows(file) for file in files))
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
        self.assertRegex(self.wait_for_end(child, 1), f"{self.ANOTHER}|{self.SHORTER}")
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
        self.assertRegex(self.wait_for_end(children[0], 1), f"{self.ANOTHER}|{self.SHORTER}")
        self.assertRegex(self.wait_for_end(children[1], 1), self.ANOTHER)
        for file in follows, halted:
            self.assertEqual((self.counts(file), self.positions(file)), (before, {0: 150}))


if __name__ == "__main__":
    main()
