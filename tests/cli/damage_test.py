"""Damage in a state is never forgotten, and never an answer: whoever asks is told, and what to do."""

import pathlib
import subprocess

from program import PROGRAM, ProgramTest, main

DAMAGE = pathlib.Path(PROGRAM).with_name("murmur_damage_state")
REMEDY = "stored values are damaged; build the version again: murmur bootstrap FILE --fresh"


class DamageTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write_events("events.jsonl", [{"page": f"/{i % 9}", "x": i} for i in range(900)])
        self.file = self.define(window=None, aggregates="n: count\ns: sum(x)")
        self.succeed("bootstrap", self.file)
        self.good = self.succeed("dump", self.file).out
        done = subprocess.run([DAMAGE, self.file, "break-key", "4"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_everybody_is_told(self):
        # Opening for writing merges, and writes anew what a crash left in the log.
        for _ in range(3):
            self.assertIn(REMEDY, self.fail_with(1, "query", self.file, "/4").err)
            out = self.fail_with(1, "dump", self.file)
            self.assertIn(REMEDY, out.err)
            self.fail_with(1, "bootstrap", self.file, "--max-errors", "1")
            status = self.status(self.file)
            self.assertIn(REMEDY, status["damaged"])
            self.assertEqual(status["records"], 900)
            self.assertIn("DAMAGED", self.succeed("versions", self.file).out)

    def test_a_version_built_anew_is_whole(self):
        self.succeed("bootstrap", self.file, "--fresh")
        self.assertEqual(self.succeed("dump", self.file).out, self.good)
        status = self.status(self.file)
        self.assertNotIn("damaged", status)


if __name__ == "__main__":
    main()
