"""Records that are gone, are others by now, or are only in the remote tier."""

import contextlib
import signal
import time

from kafka_case import KafkaCase
from kafka_server import TIERED
from program import main


class LostRecordsTest(KafkaCase):
    """Records that are gone, or that others have replaced, are an error and never counted."""

    # Where librdkafka tells the ids of topics, instead of what the records tell.
    ANOTHER_TOPIC = "is another topic than the one that was read, .* made anew"

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
        self.assertRegex(self.wait_for_end(child, 1),
                         "/0 begins at offset 800 by now, but is to be read from 300")
        self.assertEqual(self.counts(file), before)

    def anew(self, file, count, **config):
        self.kafka.delete_topic(self.topic)
        self.make_topic(self.partitions, **config)
        self.produce(count)
        return file

    ANOTHER_RECORD = ("another record than the one that was counted: the topic was made anew"
                      f"|{ANOTHER_TOPIC}")

    def test_a_topic_made_anew_with_more_records(self):
        self.make_topic()
        self.check_refused(self.anew(self.begin(), 900), self.ANOTHER_RECORD)

    def test_a_topic_made_anew_with_as_many(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        self.anew(file, 300)
        # Nothing lies after the positions, so there is nothing to count; but following checks.
        self.murmur("run", file, "--until-caught-up")
        self.assertEqual(self.counts(file), before)
        self.assertRegex(self.fail_with(1, "run", file).err, self.ANOTHER_RECORD)
        self.produce(30)
        self.check_refused(file, "the topic was made anew")

    def test_a_topic_made_anew_with_fewer(self):
        self.make_topic()
        self.check_refused(self.anew(self.begin(), 90),
                           "ends at offset 30, but had records up to 100: .* made anew"
                           f"|{self.ANOTHER_TOPIC}")

    def test_a_topic_made_anew_where_the_last_record_was_a_marker_is_now(self):
        self.make_topic(1)
        file = self.begin(5)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.kafka.transaction(self.topic, self.events(4))  # offsets 0 to 3; a marker at 4
        self.produce(10)
        self.check_refused(file, f"offset 4 holds no record, .* made anew|{self.ANOTHER_TOPIC}")

    def test_a_topic_made_anew_that_aborted_all(self):
        self.make_topic(1)
        file = self.begin(5)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.kafka.transaction(self.topic, self.events(20), abort=True)
        self.check_refused(file, f"offset 4 holds no record, .* made anew|{self.ANOTHER_TOPIC}")

    def test_a_topic_made_anew_whose_record_at_the_position_was_deleted(self):
        self.make_topic(1)
        file = self.begin(300)
        [split] = self.status(file)["live"]["splits"].values()
        if split["committed"].count(":") < 2:
            self.skipTest("librdkafka before 2.3 does not tell the ids of topics")
        self.anew(file, 400)
        self.kafka.delete_records(self.topic, {0: 300})
        self.check_refused(file, self.ANOTHER_TOPIC)

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
        self.assertIn("no topic", self.wait_for_end(child, 1))

    def test_a_topic_made_anew_while_it_is_followed(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        child = self.follow(file)
        self.anew(file, 900)
        self.assertRegex(self.wait_for_end(child, 1), "made anew|no topic")
        self.assertEqual(self.counts(file), before)

    def test_a_topic_made_anew_while_it_is_followed_with_fewer(self):
        self.make_topic()
        file = self.begin()
        before = self.counts(file)
        child = self.follow(file)
        self.anew(file, 90)
        self.assertRegex(self.wait_for_end(child, 1), "made anew|no topic")
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
        self.make_compacted_topic()
        file = self.pipeline(live={"compacted": "allow"})
        old = self.produce(60, key=lambda event: str(event["n"] % 10))
        self.catch_up(file)
        self.check(file)
        written = old + self.wait_until_compacted(records_max=29)
        self.catch_up(file)
        kept = self.bodies()
        self.assertLess(len(kept), len(written))
        again = self.pipeline(live={"compacted": "allow"}, name="again")
        self.catch_up(again)
        # Compaction may have gone on meanwhile.
        self.assertIn(self.count(again), range(len(self.bodies()), len(kept) + 1))


class TieredTest(KafkaCase):
    """Records that are only in the remote tier."""

    def setUp(self):
        super().setUp()
        self.make_topic(2, **TIERED)
        events = [{**event, "pad": "p" * 300} for event in self.events(10_000)]
        self.kafka.produce(self.topic, events, partition=self.partition_of)
        for partition, end in self.kafka.end_offsets(self.topic).items():
            self.wait_until("all has left the broker's disk", lambda:
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
            self.wait_until("the lag is told",
                            lambda: self.status(live)["live"]["lag_records"] >= 5000)
        self.wait_for_end(replay, 0)
        self.check(self.file)
        self.wait_for_count(live, 10_000)
        self.end(run)
        self.check(live)


if __name__ == "__main__":
    main()
