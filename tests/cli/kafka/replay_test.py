"""A topic that is replayed; a file that is read before a topic is followed."""

import json
import subprocess
import time

from kafka_case import KafkaCase, bodies_of, offset_of
from program import LONG, main
from writers import even_cuts, kafka_connect


class BootstrapTest(KafkaCase):
    """First a file, then the topic from its end at the time when the first row was read."""

    def setUp(self):
        super().setUp()
        self.make_topic(2)

    def file_of(self, count, name="rows.jsonl"):
        rows = self.events(count)
        self.write_events(name, rows)
        return bodies_of(rows)

    def test_the_token_is_taken_once_before_the_first_row(self):
        self.produce(100)  # is in the rows, as it were
        file = self.pipeline(live={"start": None}, bootstrap={"path": "-", "handoff": "live"})
        child = self.start("run", file, "--quiet", stdin=subprocess.PIPE)
        self.wait_until("the token is stored", lambda: self.token(file))
        token = self.token(file)
        self.assertEqual(token, {f"kafka:{self.topic}": {"0": "50", "1": "50"}})
        live = bodies_of(self.produce(100))
        rows = bodies_of(self.events(500))
        child.stdin.write("\n".join(rows) + "\n")
        child.stdin.flush()
        live += bodies_of(self.produce(60))
        child.stdin.close()
        child.stdin = None
        self.wait_for_count(file, len(rows) + len(live))
        live += bodies_of(self.produce(40))
        self.wait_for_count(file, len(rows) + len(live))
        self.end(child)
        self.assertEqual(self.token(file), token)
        self.check(file, rows + live)
        self.assertIn("_exact", self.succeed("query", file, "/0", "--format", "json").rows()[0])
        self.assertEqual(self.succeed("query", file, "/0", "--format", "json").rows()[0]["_exact"],
                         "exact")

    def token(self, file):
        return self.status_if_any(file).get("handoff")

    def test_between_the_two_it_may_stop_for_long(self):
        self.produce(100)
        rows = self.file_of(1000)
        file = self.pipeline(live={"start": None},
                             bootstrap={"path": "rows.jsonl", "handoff": "live"})
        self.succeed("bootstrap", file)
        self.check(file, rows)
        token = self.token(file)
        live = bodies_of(self.produce(100))
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
            self.kill(child)
            token = self.token(file)
            tokens += [token] if token else []
            if tokens:
                live += bodies_of(self.produce(20))
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
        live = bodies_of(self.produce(90))
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
        live = bodies_of(self.produce(30))
        self.catch_up(file)
        self.check(file, rows + live)


class ReplayTest(KafkaCase):
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
        self.make_compacted_topic()
        self.produce(50, key=lambda event: str(event["n"] % 10))
        self.produce(50, key="one")
        self.wait_until_compacted(records_max=29)
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
                (["--from", "0:50", "--to", "0:49"], 2, "partition 0: --from 50 is after --to 49"),
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
                self.check(file, bodies_of(event for event in events + late
                                           if begin <= event["n"] < end))
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
            self.kill(child)
            self.produce(300)
        self.replay(file)
        self.check(file)

    # Before 2.3, librdkafka tells no ids of topics: then the record before it is another.
    MADE_ANEW = (r"/0: offset \d+ holds another record than the one that was counted|"
                 "is another topic than the one that was read")

    def test_a_topic_made_anew_in_the_middle_is_refused(self):
        self.make_topic(1)
        self.kafka.produce(self.topic, [b"not JSON"])
        self.produce(10_000)
        file = self.replay_file()
        self.assertIn("max_errors", self.fail_with(1, "replay", file).err)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.produce(11_000)
        self.assertRegex(self.fail_with(1, "replay", file, "--max-errors", 1).err, self.MADE_ANEW)

    def test_a_topic_made_anew_behind_it_is_refused_by_live(self):
        self.make_topic(1)
        self.produce(150)
        file = self.replay_file(live={"start": None})
        self.replay(file)
        self.kafka.delete_topic(self.topic)
        self.make_topic(1)
        self.produce(200)
        self.assertRegex(self.fail_with(1, "run", file, "--until-caught-up").err, self.MADE_ANEW)
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
        self.check(file, bodies_of(golden.counting))
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


if __name__ == "__main__":
    main()
