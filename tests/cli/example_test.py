"""The shipped example: its definitions are valid, both formats of the data give the same answers, and
these are what counting the events one by one gives.
"""

import collections
import decimal
import gzip
import json
import os
import shutil
import subprocess

from program import PROGRAM, SAMPLE, ProgramTest, main

EXAMPLE = SAMPLE.parent


class ExampleTest(ProgramTest):
    def setUp(self):
        super().setUp()
        for definition in EXAMPLE.glob("*.yaml"):
            shutil.copy(definition, self.directory)
        (self.directory / "data").symlink_to(SAMPLE)

    def test_every_definition_passes_the_check(self):
        definitions = sorted(self.directory.glob("*.yaml"))
        self.assertGreater(len(definitions), 2)
        for definition in definitions:
            self.succeed("check", definition)

    def test_parquet_answers_as_json_lines_do(self):
        dumps = []
        for definition in ("page_totals.yaml", "page_totals_parquet.yaml"):
            self.succeed("bootstrap", definition)
            dumps.append(self.succeed("dump", definition).out)
        self.assertEqual(dumps[0], dumps[1])

    def test_answers_are_those_of_counting_one_by_one(self):
        views, revenue = collections.Counter(), collections.Counter()
        with gzip.open(SAMPLE / "events.jsonl.gz", "rt") as events:
            for line in events:
                event = json.loads(line, parse_float=decimal.Decimal)
                key = event["page"], event["ts"][:10] + "T00:00:00Z"
                views[key] += 1
                revenue[key] += decimal.Decimal(event.get("amount", 0))
        self.succeed("bootstrap", "page_views.yaml")
        rows = [row for row in self.succeed("dump", "page_views.yaml").rows()
                if list(row["key"]) == ["page"]]
        self.assertEqual({(row["key"]["page"], row["window"]): row["views"] for row in rows}, views)
        for row in rows:
            self.assertEqual(decimal.Decimal(row["revenue"]),
                             revenue[row["key"]["page"], row["window"]])

    def test_the_demo_runs(self):
        program = self.directory / "build/bin/murmur"
        program.parent.mkdir(parents=True)
        program.symlink_to(PROGRAM)
        done = subprocess.run([EXAMPLE / "demo", program], capture_output=True, text=True,
                              cwd=self.directory, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Try next:", done.stdout)
        self.assertEqual(done.stdout.count("2026-04-2"), 7)


if __name__ == "__main__":
    main()
