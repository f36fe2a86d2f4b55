"""Failures: bad definitions, bad records, missing files, changed definitions, full disks. Each says
what, where, and what to do, and loses nothing.
"""

import json
import os
import subprocess
import unittest

from program import ProgramTest, main

GOOD = '{"ts": "2026-03-01T00:00:00Z", "page": "/a", "ms": 1}\n'


def can_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "true"], capture_output=True).returncode == 0


class FailureTest(ProgramTest):
    def test_a_missing_definition(self):
        self.assertIn("nothing.yaml", self.fail_with(2, "bootstrap", "nothing.yaml").err)

    def test_a_bad_definition_names_every_place(self):
        self.write("bad.yaml", "name: bad\nkey: [page]\nwindow: {every: 1d}\n"
                               "aggregates:\n  views: coutn\n  top: topk(page, -1)\n"
                               "bootstrap: {jsonl: {path: events.jsonl}}\n")
        for verb in ("check", "bootstrap", "dump"):
            err = self.fail_with(2, verb, "bad.yaml").err
            self.assertRegex(err, r"bad\.yaml:5:\d+.*coutn.*count")
            self.assertRegex(err, r"bad\.yaml:6:\d+")
            self.assertRegex(err, r"bad\.yaml:3:\d+.*time")

    def test_a_missing_source_file_is_named(self):
        err = self.fail_with(1, "bootstrap", self.define(path="gone/*.jsonl")).err
        self.assertIn("gone/*.jsonl", err)

    def test_reading_before_the_first_bootstrap(self):
        self.write("events.jsonl", GOOD)
        file = self.define()
        for arguments in (["dump", file], ["query", file, "/a"], ["status", file]):
            self.assertIn("bootstrap", self.fail_with(1, *arguments).err)

    def test_a_changed_definition_is_refused_with_the_difference(self):
        self.write("events.jsonl", GOOD)
        self.succeed("bootstrap", self.define())
        changed = self.define(aggregates="views: count\ntotal: sum(ms)")
        err = self.fail_with(1, "bootstrap", changed).err
        self.assertIn("aggregates.total", err)
        self.define()
        self.assertEqual(self.succeed("dump", changed).rows()[0]["views"], 1)

    def test_a_state_path_that_is_no_directory(self):
        self.write("events.jsonl", GOOD)
        self.write("state", "a file\n")
        self.assertIn("state", self.fail_with(1, "bootstrap", self.define()).err)

    def test_a_read_only_file_system(self):
        self.write("events.jsonl", GOOD)
        self.define()
        text = (self.directory / "pipeline.yaml").read_text()
        self.write("pipeline.yaml", text.replace("state/pipeline", "/proc/murmur"))
        self.assertIn("/proc/murmur", self.fail_with(1, "bootstrap", "pipeline.yaml").err)


class DeadLetterTest(ProgramTest):
    BAD = {"undecodable": "{nonsense\n",
           "missing_key": '{"ts": "2026-03-01T00:00:00Z", "ms": 2}\n',
           "bad_time": '{"ts": "yesterday", "page": "/a", "ms": 3}\n',
           "wrong_type": '{"ts": "2026-03-01T00:00:00Z", "page": "/a", "ms": "many"}\n'}

    def setUp(self):
        super().setUp()
        self.write("events.jsonl", GOOD * 3 + "".join(self.BAD.values()) + GOOD * 2)
        self.file = self.define(aggregates="views: count\ntotal: sum(ms)")

    def test_the_first_one_ends_the_run_unless_more_are_allowed(self):
        outcome = self.fail_with(1, "bootstrap", self.file)
        self.assertIn("FAILED", outcome.err)
        self.assertIn("max-errors", outcome.err.replace("_", "-"))
        status = self.status(self.file)
        self.assertEqual(status["status"], "failed")
        self.assertIn(f"failed at {int(status['percent'])} %", self.succeed("status", self.file).out)

        self.succeed("bootstrap", self.file, "--max-errors", len(self.BAD))
        self.assertEqual(self.succeed("dump", self.file).rows()[0]["views"], 5)

    def test_each_is_kept_with_place_reason_and_bytes(self):
        self.succeed("bootstrap", self.file, "--max-errors", "unlimited")
        letters = self.dead_letters()
        self.assertEqual([letter["reason"] for letter in letters], list(self.BAD))
        at = len(GOOD) * 3
        for letter, line in zip(letters, self.BAD.values()):
            self.assertEqual(letter["offset"], at)
            self.assertEqual(letter["object"], "events.jsonl")
            self.assertEqual(letter["raw"], line.rstrip("\n"))
            self.assertNotEqual(letter["detail"], "")
            at += len(line)

    def test_they_are_counted_by_reason(self):
        summary = json.loads(self.succeed("bootstrap", self.file, "--max-errors", "unlimited",
                                          "--format", "json").out)
        self.assertEqual(summary["dead_letters_by_reason"], {reason: 1 for reason in self.BAD})

    def test_one_more_than_allowed_fails(self):
        self.fail_with(1, "bootstrap", self.file, "--max-errors", len(self.BAD) - 1)
        self.succeed("bootstrap", self.file, "--max-errors", len(self.BAD))
        self.assertEqual(len(self.dead_letters()), len(self.BAD))


@unittest.skipUnless(can_mount(), "needs root and mount namespaces to make a small disk")
class FullDiskTest(ProgramTest):
    # In a mount namespace of its own: $1 is the state's folder, $2 the program, $3 the definition.
    SCRIPT = """
        mount -t tmpfs -o size=1500k none "$1" || exit 77
        "$2" bootstrap "$3"
        echo "first $?" >&2
        mount -o remount,size=400m "$1"
        "$2" bootstrap "$3" --quiet && "$2" dump "$3"
    """

    def test_a_full_disk_fails_clearly_and_goes_on_with_space(self):
        self.write("events.jsonl", "".join(
            json.dumps({"ts": "2026-03-01T00:00:00Z", "page": f"/p/{self.random.random()}", "ms": n})
            + "\n" for n in range(120_000)))
        file = self.define(aggregates="views: count\ntotal: sum(ms)\nlast: last(page)",
                           extra="commit_every: 50ms")
        self.succeed("bootstrap", file)
        expected = self.succeed("dump", file).out
        small = self.define("small.yaml", aggregates="views: count\ntotal: sum(ms)\nlast: last(page)",
                            extra="commit_every: 50ms")
        state = self.directory / "state/small"
        state.mkdir(parents=True)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", self.SCRIPT, "sh", str(state),
             os.environ["MURMUR_PROGRAM"], str(small)], capture_output=True, text=True)
        if done.returncode == 77:
            self.skipTest("may not mount a tmpfs here")
        self.assertIn("first 1", done.stderr)
        self.assertRegex(done.stderr, r"(?i)no space left|disk (is )?full")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, expected)


if __name__ == "__main__":
    main()
