"""Versions of a state: built beside the serving one, swapped in, taken back, dropped, compared."""

import concurrent.futures
import gzip
import itertools
import json
import pathlib
import signal
import subprocess
import threading
import time

from program import LONG, PROGRAM, RUN_SECONDS_MAX, ProgramTest, main

SWAPS = 200 if LONG else 40
KEYS = 300


def event(number, x=1):
    return {"ts": "2026-03-01T00:00:00Z", "page": f"/{number % KEYS:03d}", "user": f"u{number % 7}",
            "x": x}


def events(rounds, x=1):
    return [event(number, x) for number in range(rounds * KEYS)]


def bytes_below(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


class VersionsTest(ProgramTest):
    """`archive/` is what a replay reads, `events.jsonl` what a bootstrap does."""

    def setUp(self):
        super().setUp()
        self.state = self.directory / "state/pipeline"
        self.write_events("events.jsonl", events(1))
        self.archive(2)
        self.file = self.pipeline()

    def archive(self, rounds, x=1):
        self.write_events("archive/a.jsonl", events(rounds, x))

    def pipeline(self, aggregates="n: count\n  s: sum(x)", path="events.jsonl", keep=None, extra="",
                 name="pipeline.yaml", key="[page]"):
        kept = "" if keep is None else f", keep_versions: {keep}"
        return self.write(name, f"name: pipeline\nkey: {key}\naggregates:\n  {aggregates}\n"
                          f"bootstrap: {{jsonl: {{path: '{path}'}}}}\n"
                          f"replay: {{archive: {{path: archive}}}}\n"
                          f"state: {{rocksdb: {{path: state/pipeline{kept}}}}}\n{extra}")

    def versions(self):
        return {row["version"]: row
                for row in self.succeed("versions", self.file, "--format", "json").rows()}

    def serving(self):
        serving = [number for number, row in self.versions().items() if row["serving"]]
        self.assertEqual(len(serving), 1)
        return serving[0]

    def counts(self):
        """The values of n in the serving version."""
        return {row["n"] for row in self.succeed("dump", self.file).rows()}

    def summary(self, *arguments):
        return json.loads(self.succeed(*arguments, "--format", "json", "--quiet").out)

    def replays(self, *rounds):
        """Makes versions 1, 2, …; in each, every key has the given number of events."""
        for one in rounds:
            self.archive(one)
            self.succeed("replay", self.file)

    def build_held_open(self, file=None, *, verb=("bootstrap", "--fresh")):
        """A version that is being built until its standard input ends."""
        before = {path.name for path in self.state.glob("v*")}
        child = self.start(verb[0], file or self.pipeline(path="-"), *verb[1:],
                           stdin=subprocess.PIPE)
        def its_version():
            new = {path.name for path in self.state.glob("v*")} - before
            return new and not any(self.state.glob("creating-*"))
        self.wait_until("a version is being built", its_version)
        return child

    def finish(self, child, lines=()):
        for one in lines:
            child.stdin.write(json.dumps(one) + "\n")
        child.stdin.close()
        child.stdin = None
        _, err = child.communicate()
        self.assertEqual(child.returncode, 0, err)
        return err


class SwapTest(VersionsTest):
    def test_a_range_takes_no_serving_versions_place_unless_told(self):
        self.file = self.pipeline(extra="time: ts\n")
        self.replays(1)
        ranged = ["--from", "2026-01-01T00:00:00Z"]
        told = self.succeed("replay", self.file, *ranged)
        self.assertIn("version 1 still serves", told.err)
        self.assertEqual(self.serving(), 1)
        # The second has the newer records.
        self.succeed("replay", self.file, *ranged, "--partial")
        self.assertEqual(self.serving(), 3)

    def test_without_a_state_there_are_no_versions(self):
        for verb in (["versions"], ["swap"], ["rollback"], ["drop"], ["diff"]):
            arguments = {"swap": [1], "drop": [1], "diff": [1, 2]}.get(verb[0], [])
            self.assertIn("no state", self.fail_with(1, *verb, self.file, *arguments).err)
        self.assertFalse(self.state.exists())

    def test_a_replay_makes_a_version_and_swaps_to_it(self):
        self.succeed("bootstrap", self.file)
        outcome = self.succeed("replay", self.file)
        self.assertIn("version 2 serves now, instead of 1", outcome.err)
        self.assertEqual(self.counts(), {2})
        first, second = self.versions().values()
        self.assertEqual((first["mode"], first["status"], first["serving"], first["records"]),
                         ("bootstrap", "complete", False, KEYS))
        self.assertEqual((second["mode"], second["status"], second["serving"], second["records"]),
                         ("replay", "complete", True, 2 * KEYS))
        self.assertEqual(second["source"], "archive:archive")
        self.assertEqual(second["range"], "all")
        lines = self.succeed("versions", self.file).out.splitlines()
        self.assertEqual([line[0] for line in lines], [" ", "*"])
        self.assertIn("600 records", lines[1])

    def test_a_replay_may_come_first(self):
        summary = self.summary("replay", self.file)
        self.assertEqual((summary["version"], summary["swapped"]), (1, True))
        self.assertEqual(self.counts(), {2})

    def test_without_a_swap_the_new_version_waits_beside(self):
        self.succeed("bootstrap", self.file)
        summary = self.summary("replay", self.file, "--no-swap")
        self.assertEqual((summary["version"], summary["swapped"]), (2, False))
        self.assertEqual(self.counts(), {1})
        self.assertEqual(self.serving(), 1)
        self.assertIn("version 2 serves now, instead of 1",
                      self.succeed("swap", self.file, 2).err)
        self.assertEqual(self.counts(), {2})

    def test_a_first_replay_without_a_swap_serves_nothing_yet(self):
        self.succeed("replay", self.file, "--no-swap")
        err = self.fail_with(1, "dump", self.file).err
        self.assertIn("no version", err)
        self.succeed("swap", self.file, 1)
        self.assertEqual(self.counts(), {2})

    def test_a_fresh_bootstrap_reads_again_and_swaps(self):
        self.succeed("bootstrap", self.file)
        self.write_events("events.jsonl", events(3))
        self.assertIn("COMPLETE already", self.succeed("bootstrap", self.file).err)
        self.assertEqual(self.counts(), {1})
        self.assertIn("version 2 serves now, instead of 1",
                      self.succeed("bootstrap", self.file, "--fresh").err)
        self.assertEqual(self.counts(), {3})
        self.assertEqual(self.versions()[2]["mode"], "bootstrap")

    def test_what_came_after_a_replay_without_a_swap_is_read_or_told(self):
        self.succeed("bootstrap", self.file)
        self.succeed("replay", self.file, "--no-swap")
        self.write_events("archive/b.jsonl", events(3))
        outcome = self.succeed("replay", self.file)
        if self.counts() != {5}:
            self.assertIn("archive/b.jsonl", outcome.err)

    def test_swap_and_rollback_name_what_they_did(self):
        self.replays(2, 3)
        self.assertEqual(self.counts(), {3})
        self.assertIn("version 1 serves now, instead of 2",
                      self.succeed("rollback", self.file).err)
        self.assertEqual(self.counts(), {2})
        self.assertIn("version 2 serves now, instead of 1",
                      self.succeed("swap", self.file, 2).err)
        self.assertEqual(self.counts(), {3})
        self.assertIn("version 2 serves", self.succeed("swap", self.file, 2).err)

    def test_a_rollback_without_an_earlier_version_is_refused(self):
        self.succeed("bootstrap", self.file)
        self.assertIn("nothing to go back to", self.fail_with(1, "rollback", self.file).err)
        self.succeed("replay", self.file, "--no-swap")
        self.assertIn("nothing to go back to", self.fail_with(1, "rollback", self.file).err)

    def test_a_version_that_is_not_there_is_refused(self):
        self.succeed("bootstrap", self.file)
        for verb in ("swap", "drop"):
            self.assertIn("no version 7", self.fail_with(1, verb, self.file, 7).err)
        self.assertIn("no version 7", self.fail_with(1, "diff", self.file, 1, 7).err)
        self.assertEqual(self.counts(), {1})


class IncompleteTest(VersionsTest):
    """A version that isn't complete can't serve."""

    def check_refused(self, number, why):
        err = self.fail_with(1, "swap", self.file, number).err
        self.assertIn(f"version {number} is {why}: only a complete version can serve", err)
        self.assertEqual(self.counts(), {1})

    def test_while_it_is_built(self):
        self.succeed("bootstrap", self.file)
        child = self.build_held_open()
        self.check_refused(2, "still being built")
        row = self.versions()[2]
        self.assertEqual((row["status"], row["in_use"], row["serving"]), ("building", True, False))
        self.assertIn("in use", self.succeed("versions", self.file).out)
        self.assertIn(f"in use by pid {child.pid}", self.fail_with(1, "drop", self.file, 2).err)
        self.finish(child, events(4))
        self.assertEqual(self.counts(), {4})

    def test_after_its_builder_was_killed(self):
        self.succeed("bootstrap", self.file)
        text = gzip.compress("".join(json.dumps(one) + "\n" for one in events(100)).encode(), 1)
        for k in range(60):
            path = self.directory / f"archive/{k:02d}.jsonl.gz"
            path.write_bytes(text)
        self.file = self.pipeline(extra="commit_every: 10ms\n")
        child = self.start("replay", self.file, "--threads", 1)
        self.wait_until("some of it is committed",
                        lambda: self.versions().get(2, {"splits_done": 0})["splits_done"] > 0)
        child.kill()
        self.assertEqual(child.wait(), -signal.SIGKILL)
        self.check_refused(2, "still being built")
        row = self.versions()[2]
        self.assertEqual((row["status"], row["in_use"]), ("building", False))
        self.assertGreater(row["records"], 0)
        self.assertLess(row["records"], 60 * 100 * KEYS)
        summary = self.summary("replay", self.file)
        self.assertEqual(summary["version"], 2)
        self.assertLess(summary["records_this_run"], summary["records"])
        self.assertEqual(self.counts(), {60 * 100 + 2})

    def test_after_it_failed(self):
        self.succeed("bootstrap", self.file)
        self.write("archive/bad.jsonl", "not JSON\n")
        self.fail_with(1, "replay", self.file)
        self.check_refused(2, "failed")
        self.assertEqual(self.versions()[2]["status"], "failed")
        self.assertIn("max_errors", self.versions()[2]["failure"])
        self.assertIn("version 2 dropped", self.succeed("drop", self.file, 2).err)
        self.assertEqual(list(self.versions()), [1])

    def test_how_to_go_on_is_told_with_the_same_range(self):
        self.file = self.pipeline(extra="time: ts\n")
        self.write("archive/bad.jsonl", "not JSON\n")
        # One thread, which reads the good object first: the advice needs a record that counts.
        err = self.fail_with(1, "replay", self.file, "--threads", 1, "--from",
                             "2026-03-01T00:00:00Z", "--no-swap").err
        self.assertRegex(err, "go on with: murmur replay .*pipeline.yaml.* --from "
                              "'?2026-03-01T00:00:00Z.*--no-swap")

    def test_more_errors_allowed_goes_on_where_it_failed(self):
        self.succeed("bootstrap", self.file)
        self.write("archive/bad.jsonl", "not JSON\n")
        self.fail_with(1, "replay", self.file)
        summary = self.summary("replay", self.file, "--max-errors", 1)
        self.assertEqual((summary["version"], summary["dead_letters"]), (2, 1))
        self.assertEqual(self.counts(), {2})


class KeptVersionsTest(VersionsTest):
    def test_the_last_two_are_kept(self):
        self.replays(1, 2, 3)
        self.assertEqual(list(self.versions()), [2, 3])
        self.assertEqual(sorted(path.name for path in self.state.glob("*[0-9]*")), ["v2", "v3"])
        self.archive(4)
        self.assertIn("version 2 dropped", self.succeed("replay", self.file).err)
        self.succeed("rollback", self.file)
        self.assertEqual(self.counts(), {3})
        self.assertIn("no version 1", self.fail_with(1, "swap", self.file, 1).err)

    def test_the_definition_says_how_many(self):
        self.file = self.pipeline(keep=4)
        self.replays(1, 2, 3, 4, 5)
        self.assertEqual(list(self.versions()), [2, 3, 4, 5])
        self.file = self.pipeline(keep=1)
        self.replays(6)
        self.assertEqual(list(self.versions()), [6])
        self.assertIn("nothing to go back to", self.fail_with(1, "rollback", self.file).err)

    def test_a_rollback_counts_as_serving(self):
        self.file = self.pipeline(keep=2)
        self.replays(1, 2)
        self.succeed("rollback", self.file)
        self.replays(3)
        # Version 1 served last before 3, and 2 before that.
        self.assertEqual(list(self.versions()), [1, 3])
        self.succeed("rollback", self.file)
        self.assertEqual(self.counts(), {1})

    def test_a_number_is_never_used_again(self):
        self.replays(1)
        self.replays(2)
        self.succeed("rollback", self.file)
        self.succeed("drop", self.file, 2)
        self.archive(3)
        for new in (3, 4):
            self.assertEqual(self.summary("replay", self.file, "--no-swap")["version"], new)
        self.assertEqual(self.serving(), 1)
        # Version 2 served, and is gone; 3 and 4 never did.
        self.assertIn("nothing to go back to", self.fail_with(1, "rollback", self.file).err)
        self.assertEqual(self.counts(), {1})
        self.succeed("drop", self.file, 4)
        self.assertIn("no version 2", self.fail_with(1, "swap", self.file, 2).err)
        builder = self.build_held_open()
        self.assertTrue((self.state / "v5").exists())
        builder.kill()
        builder.wait()
        self.succeed("drop", self.file, 5)
        self.assertEqual(self.summary("replay", self.file, "--no-swap")["version"], 6)

    def test_what_fails_behind_a_swap_is_a_warning(self):
        self.file = self.pipeline(keep=1)
        self.replays(1)
        self.archive(2)
        self.succeed("replay", self.file, "--no-swap")
        (self.state / "dropped-1/in the way").mkdir(parents=True)
        done = self.succeed("swap", self.file, 2)
        self.assertIn("version 2 serves now, instead of 1", done.err)
        self.assertIn("WARNING: dropping version 1: ", done.err)
        self.assertEqual(self.counts(), {2})
        self.assertEqual(list(self.versions()), [1, 2])
        # The next version that is made clears the way.
        self.replays(3)
        self.assertEqual(list(self.versions()), [3])

    def test_none_is_kept_is_refused(self):
        for keep in ("0", "-1", "many"):
            with self.subTest(keep):
                err = self.fail_with(2, "check", self.pipeline(keep=keep)).err
                self.assertIn(f"'{keep}': expected a number from 1 on", err)

    def test_the_space_of_dropped_versions_is_given_back(self):
        self.file = self.pipeline(key="[page, user]", aggregates="seen: distinct(user)\n"
                                  "  spread: quantiles(x, [0.5])\n  n: count")
        sizes = []
        for rounds in range(1, 6):
            self.write_events("archive/a.jsonl", [
                {"page": f"/{number}", "user": f"u{number}", "x": number * rounds}
                for number in range(20_000)])
            self.succeed("replay", self.file)
            sizes.append(bytes_below(self.state))
        self.assertEqual(list(self.versions()), [4, 5])
        self.assertLess(max(sizes[2:]), 1.2 * sizes[1])
        self.assertIn("version 4 dropped", self.succeed("drop", self.file, 4).err)
        self.assertLess(bytes_below(self.state), 0.7 * sizes[-1])
        self.assertEqual(self.counts(), {1})

    def test_the_serving_version_is_not_dropped(self):
        self.replays(1, 2)
        err = self.fail_with(1, "drop", self.file, 2).err
        self.assertIn("version 2 is the current one; switch to another first", err)
        self.assertEqual(self.counts(), {2})
        self.succeed("drop", self.file, 1)
        self.assertIn("nothing to go back to", self.fail_with(1, "rollback", self.file).err)

    def test_a_drop_that_was_killed_leaves_no_half_version(self):
        self.succeed("bootstrap", self.file)
        for _ in range(20 if LONG else 4):
            number = self.summary("replay", self.file, "--no-swap")["version"]
            child = self.start("drop", self.file, number)
            time.sleep(self.random.uniform(0, 0.03))
            self.kill(child)
            rows = self.versions()
            self.assertTrue(number not in rows or rows[number]["status"] == "complete", rows)
        self.archive(4)
        self.assertEqual(self.counts(), {1})
        self.file = self.pipeline(aggregates="n: count")
        self.succeed("replay", self.file)
        self.assertEqual(self.counts(), {4})
        self.assertEqual(list(self.state.glob("dropped-*")), [])


class DiffTest(VersionsTest):
    """Version 1 has one event a page; version 2 two, but for the changes below."""

    def setUp(self):
        super().setUp()
        self.write_events("archive/a.jsonl", [
            {"page": "/same", "x": 5}, {"page": "/more", "x": 1}, {"page": "/gone", "x": 7},
            {"page": "/much", "x": 10}, {"page": "/less", "x": 4}])
        self.succeed("replay", self.file)
        self.write_events("archive/a.jsonl", [
            {"page": "/same", "x": 5}, {"page": "/more", "x": 1}, {"page": "/more", "x": 2},
            {"page": "/much", "x": 1010}, {"page": "/less", "x": 1}, {"page": "/new", "x": 20}])
        self.succeed("replay", self.file)

    def diff(self, *arguments):
        return json.loads(self.succeed("diff", self.file, *arguments, "--format", "json").out)

    def test_it_tells_totals_and_the_keys_that_differ_most_first(self):
        diff = self.diff(1, 2)
        self.assertEqual((diff["before"], diff["after"]), (1, 2))
        self.assertEqual((diff["keys_in_both"], diff["keys_that_differ"]), (4, 3))
        self.assertEqual((diff["keys_only_before"], diff["keys_only_after"]), (1, 1))
        self.assertEqual(diff["totals"]["n"], {"before": 5, "after": 6, "difference": 1})
        self.assertEqual(diff["totals"]["s"], {"before": 27, "after": 1039, "difference": 1012})
        self.assertEqual([row["key"]["page"] for row in diff["top"]],
                         ["/much", "/new", "/gone", "/less", "/more"])
        much, new, gone, _, more = diff["top"]
        self.assertEqual(much["s"], {"before": 10, "after": 1010})
        self.assertEqual(new["n"], {"before": None, "after": 1})
        self.assertEqual(gone["s"], {"before": 7, "after": None})
        self.assertEqual(more["n"], {"before": 1, "after": 2})

    def test_top_limits_the_keys_and_not_the_totals(self):
        diff = self.diff(1, 2, "--top", 2)
        self.assertEqual([row["key"]["page"] for row in diff["top"]], ["/much", "/new"])
        self.assertEqual(diff["totals"]["s"]["difference"], 1012)
        self.assertEqual(self.diff(1, 2, "--top", 0)["top"], [])

    def test_the_other_way_round_the_signs_turn(self):
        diff = self.diff(2, 1)
        self.assertEqual(diff["totals"]["s"]["difference"], -1012)
        self.assertEqual((diff["keys_only_before"], diff["keys_only_after"]), (1, 1))

    def test_a_version_does_not_differ_from_itself(self):
        diff = self.diff(2, 2)
        self.assertEqual((diff["keys_that_differ"], diff["top"]), (0, []))

    def test_as_text(self):
        text = self.succeed("diff", self.file, 1, 2, "--top", 3).out
        self.assertIn("4 keys in both, 3 of them differ; 1 only in 1, 1 only in 2", text)
        self.assertIn("total s: 27 → 1039 (+1012)", text)
        self.assertIn('{"page":"/much"}', text)
        self.assertIn("s: 10 → 1010 (+1000)", text)
        self.assertNotIn("/more", text)

    def test_aggregates_that_both_have_are_compared(self):
        self.file = self.pipeline(aggregates="users: distinct(user)\n  n: count")
        self.succeed("replay", self.file)
        diff = self.diff(2, 3)
        self.assertEqual(list(diff["totals"]), ["n"])
        self.assertEqual(diff["keys_that_differ"], 0)

    def test_windows_that_begin_elsewhere_can_not_be_compared(self):
        for offset in ("0h", "6h"):
            self.file = self.pipeline(
                "n: count", keep=9, extra="time: {field: x, unit: s}\n"
                f"window: {{every: 1d, offset: {offset}}}\n")
            self.succeed("replay", self.file)
        self.assertIn("can't be compared", self.fail_with(1, "diff", self.file, 3, 4).err)

    def test_other_keys_can_not_be_compared(self):
        self.file = self.pipeline(key="[x]")
        self.succeed("replay", self.file)
        self.assertIn("can't be compared", self.fail_with(1, "diff", self.file, 2, 3).err)


class ChangedDefinitionTest(VersionsTest):
    CHANGED = "n: count\n  top: max(x)"

    def test_bootstrap_refuses_it_and_names_the_remedy(self):
        self.succeed("bootstrap", self.file)
        changed = self.pipeline(aggregates=self.CHANGED)
        err = self.fail_with(1, "bootstrap", changed).err
        self.assertIn("the definition is not the one that version 1", err)
        self.assertIn("max(x)", err)
        self.assertIn("murmur bootstrap FILE --fresh, or murmur replay FILE", err)
        self.assertEqual(self.columns(), ["key", "window", "n", "s"])

    def columns(self):
        first = self.succeed("dump", self.file).out.splitlines()[0]
        return list(json.loads(first))

    def test_replay_and_fresh_build_it(self):
        for verb in (["replay"], ["bootstrap", "--fresh"]):
            self.file = self.pipeline()
            self.succeed("bootstrap", self.file, "--fresh")
            before = self.serving()
            self.file = self.pipeline(aggregates=self.CHANGED)
            self.succeed(verb[0], self.file, *verb[1:])
            self.assertEqual(self.columns(), ["key", "window", "n", "top"])
            self.succeed("rollback", self.file)
            self.assertEqual(self.serving(), before)
            self.assertEqual(self.columns(), ["key", "window", "n", "s"])

    def test_readers_go_on_with_the_old_versions_own_definition(self):
        self.succeed("bootstrap", self.file)
        old = self.succeed("dump", self.file).out
        answer = self.succeed("query", self.file, "/007", "--format", "json").out
        self.file = self.pipeline(aggregates=self.CHANGED, path="-")
        child = self.build_held_open(self.file)
        self.assertEqual(self.succeed("dump", self.file).out, old)
        self.assertEqual(self.succeed("query", self.file, "/007", "--format", "json").out, answer)
        self.assertEqual(self.status(self.file)["version"], 1)
        self.finish(child, events(1, x=9))
        self.assertEqual(self.columns(), ["key", "window", "n", "top"])
        self.assertEqual(self.succeed("query", self.file, "/007", "--format", "json").rows()[0]
                         ["top"], 9)

    def test_other_keys_are_built_and_asked_for_by_their_own_names(self):
        self.succeed("bootstrap", self.file)
        self.file = self.pipeline(key="[user]")
        self.assertEqual(len(self.succeed("dump", self.file).rows()), KEYS)
        self.succeed("query", self.file, "/007")
        self.succeed("replay", self.file)
        self.assertEqual(len(self.succeed("dump", self.file).rows()), 7)
        self.succeed("query", self.file, "u3")
        self.fail_with(1, "query", self.file, "/007")

    def test_an_unfinished_version_of_another_definition_is_not_gone_on_with(self):
        self.succeed("bootstrap", self.file)
        child = self.build_held_open()
        child.kill()
        child.wait()
        self.file = self.pipeline(aggregates=self.CHANGED)
        self.succeed("bootstrap", self.file, "--fresh")
        self.assertEqual(self.serving(), 3)
        self.assertEqual(self.versions()[2]["status"], "building")


class ConcurrentTest(VersionsTest):
    QUERY = [f"/{number:03d}" for number in range(0, KEYS, 7)]

    def read_on(self, arguments, right, end):
        """Runs the program again and again; returns what was wrong, and how often each version
        answered."""
        wrong, seen = [], dict.fromkeys(right.values(), 0)
        while not end.is_set() and not wrong:
            done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                                  timeout=RUN_SECONDS_MAX, cwd=self.directory)
            if done.returncode != 0 or done.stdout not in right:
                wrong.append((arguments, done.returncode, done.stdout[:500], done.stderr))
            else:
                seen[right[done.stdout]] += 1
        return wrong, seen

    def hammer(self, change, right):
        """Calls change() while two processes dump and query all the time."""
        end = threading.Event()
        readers = {"dump": ["dump", self.file], "query": self.query()}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = [pool.submit(self.read_on, arguments, right[name], end)
                       for name, arguments in readers.items()]
            try:
                change()
            finally:
                end.set()
            for reader in running:
                wrong, seen = reader.result()
                self.assertEqual(wrong, [])
                for number, count in seen.items():
                    self.assertGreater(count, 0, f"version {number} was never seen: {seen}")

    def query(self):
        return ["query", self.file, *self.QUERY, "--format", "json"]

    def remember(self, right, number):
        """Checks that the present answer is that of version `number`."""
        right.setdefault("dump", {})[self.succeed("dump", self.file).out] = number
        right.setdefault("query", {})[self.succeed(*self.query()).out] = number

    def test_readers_see_one_version_or_the_other_during_many_swaps(self):
        self.archive(1, x=3)
        self.succeed("replay", self.file)
        self.archive(2, x=5)
        self.succeed("replay", self.file)
        right = {}
        for number in (1, 2):
            self.succeed("swap", self.file, number)
            self.remember(right, number)
        rows = [[json.loads(line) for line in text.splitlines()] for text in right["dump"]]
        for one, other in zip(*rows):
            self.assertEqual(one["key"], other["key"])
            self.assertNotEqual(one["n"], other["n"])
            self.assertNotEqual(one["s"], other["s"])

        def swap():
            for number in itertools.islice(itertools.cycle((1, 2)), SWAPS):
                self.succeed("swap", self.file, number)
                self.assertEqual(self.serving(), number)
        self.hammer(swap, right)

    def test_readers_see_one_version_or_the_other_while_versions_are_dropped(self):
        # The definition keeps one: each replay drops what readers may have just opened.
        self.file = self.pipeline(keep=1)
        self.archive(1, x=3)
        self.succeed("replay", self.file)
        right = {}
        for number, x in ((1, 3), (2, 5)):
            self.archive(number, x)
            self.succeed("replay", self.file)
            self.remember(right, number)

        def replay():
            for number in itertools.islice(itertools.cycle((1, 2)), SWAPS):
                self.archive(number, x={1: 3, 2: 5}[number])
                self.succeed("replay", self.file)
        self.hammer(replay, right)

    def test_swaps_of_several_processes_leave_one_of_their_versions(self):
        self.replays(1, 2)
        def swap(number):
            for _ in range(SWAPS // 4):
                self.succeed("swap", self.file, number)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(swap, (1, 2)))
        self.assertEqual(list(self.versions()), [1, 2])
        self.assertEqual(self.counts(), {self.serving()})

    def test_a_swap_killed_at_any_moment_leaves_a_serving_version(self):
        self.replays(1, 2)
        for attempt in range(100 if LONG else 20):
            child = self.start("swap", self.file, 1 + attempt % 2)
            time.sleep(self.random.uniform(0, 0.04))
            self.kill(child)
            self.assertEqual(self.counts(), {self.serving()})
        self.succeed("rollback", self.file)

    def test_a_replay_beside_a_running_bootstrap_swaps_and_stays(self):
        child = self.build_held_open(self.pipeline(path="-"), verb=("bootstrap",))
        child.stdin.write(json.dumps(event(0)) + "\n")
        child.stdin.flush()
        outcome = self.succeed("replay", self.file)
        self.assertIn("version 2 serves now, instead of 1", outcome.err)
        self.assertEqual(self.counts(), {2})
        self.assertIsNone(child.poll())
        self.assertEqual(self.versions()[1]["status"], "building")
        self.finish(child, events(1)[1:])
        # Somebody swapped to 2; that 1 is complete now does not undo it.
        self.assertEqual(self.serving(), 2)
        self.assertEqual(self.counts(), {2})
        self.assertEqual(self.versions()[1]["status"], "complete")
        self.succeed("swap", self.file, 1)
        self.assertEqual(self.counts(), {1})

    def test_two_replays_of_the_same_do_not_build_one_version_together(self):
        self.succeed("bootstrap", self.file)
        child = self.build_held_open()
        err = self.fail_with(1, "bootstrap", self.file.parent / "pipeline.yaml", "--fresh",
                             stdin="").err
        self.assertIn(f"in use by pid {child.pid}", err)
        self.finish(child, events(1))

    def test_two_replays_of_different_ranges_run_beside_each_other(self):
        text = gzip.compress("".join(json.dumps(one) + "\n" for one in events(100)).encode(), 1)
        for k in range(30):
            (self.directory / f"archive/{k:02d}.jsonl.gz").write_bytes(text)
        extra = "time: ts\nwindow: {every: 1d}\ncommit_every: 10ms\n"
        self.file = self.pipeline(extra=extra, keep=5)
        children = [self.start("replay", self.file, "--threads", 1, *options)
                    for options in ([], ["--to", "2030-01-01T00:00:00Z"])]
        for child in children:
            _, err = child.communicate()
            self.assertEqual(child.returncode, 0, err)
        rows = self.versions()
        self.assertEqual({row["status"] for row in rows.values()}, {"complete"})
        self.assertEqual({row["records"] for row in rows.values()}, {3002 * KEYS})
        for number in rows:
            self.succeed("swap", self.file, number)
            self.assertEqual(self.counts(), {3002})


if __name__ == "__main__":
    main()
