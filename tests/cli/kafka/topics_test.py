"""What is read of topics: partitions, transactions, batches, and records that can't be used."""

import contextlib
import itertools
import json
import pathlib
import time
import unittest

from kafka_case import KafkaCase, bodies_of
from program import LONG, SLOWNESS, main


class PartitionsTest(KafkaCase):
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
        self.check(file, bodies_of(new))

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
        self.assertIn("late.compacted is compacted", self.wait_for_end(child, 1))

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


class TransactionTest(KafkaCase):
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
        self.wait_until("it has passed them", lambda: self.positions(file) == {0: 32})
        self.wait_until("no lag is left", lambda: self.status(file)["live"]["lag_records"] == 0)
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


class BadRecordsTest(KafkaCase):
    BAD = [b"not JSON", None, b'{"x": 1}', b"", b"[1]", b'{"page": {"a": 1}}', b"\xff\xfe"]

    def mixed(self):
        """Bad records at the odd offsets of partition 0, after good ones."""
        events = bodies_of(self.events(len(self.BAD)))
        self.kafka.produce(self.topic, itertools.chain(*zip(events, self.BAD)), partition=0)
        return events

    def test_each_is_kept_with_its_place_and_reading_goes_on(self):
        self.make_topic(2)
        good = self.mixed()
        file = self.pipeline()
        summary = self.catch_up(file)
        self.assertEqual((summary["records"], summary["dead_letters"]), (len(good), len(good)))
        self.check(file, good)
        letters = self.dead_letters()
        self.assertEqual([(letter["object"], letter["offset"]) for letter in letters],
                         [(f"{self.topic}/0", 2 * k + 1) for k in range(len(self.BAD))])
        self.assertEqual(self.positions(file), {0: 2 * len(good), 1: 0})
        self.assertEqual(self.catch_up(file)["dead_letters"], len(good))
        self.assertEqual(len(self.dead_letters()), len(good))

    def test_json_behind_the_header_of_a_schema_registry_is_read(self):
        self.make_topic(1)
        good = bodies_of(self.events(3))
        self.kafka.produce(self.topic, [b"\0\0\0\0\7" + body.encode() for body in good] +
                           [b"\0\0\0\0\7\2\6avro"], partition=0)
        file = self.pipeline()
        self.assertEqual(self.catch_up(file)["dead_letters"], 1)
        self.check(file, good)
        self.assertIn("schema registry", self.dead_letters()[0]["detail"])

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
        self.assertEqual(len(self.dead_letters()), len(good))
        self.fail_with(1, "run", file, "--until-caught-up", "--max-errors", 1)

    def test_max_errors_while_it_follows(self):
        self.make_topic(1)
        file = self.pipeline()
        child = self.follow(file, "--max-errors", 5)
        good = self.mixed()
        self.assertIn("more than max_errors: 5", self.wait_for_end(child, 1))
        self.catch_up(file)
        self.check(file, good)

    def test_records_that_are_too_long(self):
        self.make_topic(1)
        events = [{"page": "/long", "x": 1, "pad": "p" * 3000}, {"page": "/short", "x": 2}]
        self.kafka.produce(self.topic, events, partition=0)
        file = self.pipeline(more=["max_record: 2KiB"])
        self.catch_up(file)
        self.check(file, [json.dumps(events[1])])
        self.assertEqual([letter["offset"] for letter in self.dead_letters()], [0])

    def test_many_letters_are_killed_over_and_written_once(self):
        self.make_topic(2)
        file = self.pipeline()
        child = self.follow(file)
        for _ in range(20 if LONG else 3):
            self.kafka.produce(self.topic, [b"{"] * 500, partition=0)
            self.produce(100, partition=1)
            time.sleep(self.random.uniform(0, 0.3))
            self.kill(child)
            child = self.follow(file)
        self.end(child)
        self.catch_up(file)
        letters = [(letter["object"], letter["offset"]) for letter in self.dead_letters()]
        end = self.kafka.end_offsets(self.topic)[0]
        self.assertEqual(sorted(letters), [(f"{self.topic}/0", k) for k in range(end)])
        self.check(file, self.bodies(ranges={1: (0, 10_000)}))


if __name__ == "__main__":
    main()
