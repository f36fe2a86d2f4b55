"""Versions of a topic that take over from each other while records arrive."""

import concurrent.futures
import contextlib
import itertools
import threading
import time

from kafka_case import PAGES, KafkaCase, Load, totals
from program import LONG, RUN_SECONDS_MAX, main


class SwapTest(KafkaCase):
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
        self.wait_until_it_is_at_the_end(more)
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
                self.kill(replay)
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
                self.kill(child)
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


if __name__ == "__main__":
    main()
