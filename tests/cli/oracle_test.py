"""The program against the slow second opinion of tests/oracle: on random data, on the sample data,
and on files with each kind of bad input.
"""

import json
import os
import pathlib
import subprocess
import sys

from program import LONG, ProgramTest, main

ORACLE = pathlib.Path(os.environ["MURMUR_ORACLE"])
RANDOM_RUNS = 60 if LONG else 6
BAD_LINES = 2000
AGGREGATES = {
    "n": ["count"], "total": ["sum", "x"], "cents": ["sum", "amount", {"decimal": 2}],
    "low": ["min", "x"], "high": ["max", "x"], "mean": ["avg", "x"],
    "users": ["distinct_exact", "user"], "by": ["count_by", "country"],
    "opening": ["first", "user"], "closing": ["last", "user"],
}


def call(function, argument=None, parameters=None):
    more = "".join(f", {name}={value}" for name, value in (parameters or {}).items())
    return f"{function}({argument}{more})" if argument else function


class OracleTest(ProgramTest):
    def compare(self, pipeline, files):
        """Runs the pipeline over the files by both, and holds the dumps against each other."""
        every = pipeline.get("every")
        keys = "[" + ", ".join("[" + ", ".join(key) + "]" for key in pipeline["keys"]) + "]"
        lines = [f"{name}: {call(*spec)}" for name, spec in pipeline["aggregates"].items()]
        extra = "time: ts" if "time" in pipeline and not every else ""
        definition = self.define(key=keys, path=json.dumps(files), aggregates="\n".join(lines),
                                 window=f"{every}s" if every else None, extra=extra)
        self.succeed("bootstrap", definition, "--max-errors", "unlimited")
        self.write("dump.jsonl", self.succeed("dump", definition).out)
        self.write("pipeline.json", json.dumps(pipeline))
        expected = self.script("oracle.py", "pipeline.json", *files)
        self.write("expected.jsonl", expected.stdout)
        self.assertNotEqual(expected.stdout, "")
        compared = self.script("compare.py", "pipeline.json", "expected.jsonl", "dump.jsonl",
                               check=False)
        self.assertEqual(compared.returncode, 0, compared.stdout + compared.stderr)

    def script(self, name, *arguments, check=True):
        return subprocess.run([sys.executable, "-B", ORACLE / name, *map(str, arguments)],
                              capture_output=True, text=True, check=check, cwd=self.directory)

    def random_event(self):
        draw = self.random
        event = {"ts": f"2026-03-{draw.randint(1, 9):02d}T{draw.randint(0, 23):02d}:"
                       f"{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}"
                       + draw.choice(["Z", ".5Z", ".123456Z", "+05:30", "-11:00"]),
                 "page": draw.choice(["/a", "/b", "/ü", "/\"q\"", "", 5, 5.0, 7.25, True]),
                 "country": draw.choice(["US", "DE", None]),
                 "user": f"u{draw.randint(0, 300)}",
                 "x": draw.choice([draw.randint(-10**9, 10**9), draw.uniform(-1e3, 1e3),
                                   10.0**draw.randint(-30, 30), 2**62, None]),
                 "amount": draw.randint(-10000, 10000) / 100}
        if draw.random() < 0.25:
            del event[draw.choice(["page", "country", "user", "x", "amount"])]
        return event

    def test_random_pipelines_over_random_events(self):
        for number in range(RANDOM_RUNS):
            files = []
            for part in range(self.random.randint(1, 3)):
                name = f"random{number}_{part}.jsonl"
                self.write_events(name, [self.random_event() for _ in range(2000)])
                files.append(name)
            names = self.random.sample(sorted(AGGREGATES), k=self.random.randint(2, 8))
            pipeline = {"keys": self.random.choice([[["page"]], [["page"], []],
                                                    [["page", "country"], ["country"]]]),
                        "time": {"field": "ts"},
                        "aggregates": {name: AGGREGATES[name] for name in names}}
            if self.random.random() < 0.7:
                pipeline["every"] = self.random.choice([60, 3600, 86400])
            with self.subTest(pipeline=pipeline):
                self.compare(pipeline, files)
            subprocess.run(["rm", "-rf", self.directory / "state"], check=True)

    def test_the_sample_data(self):
        self.sample_copies(compressed=1, plain=0)
        self.compare({"keys": [["page"], ["country"]], "time": {"field": "ts"}, "every": 86400,
                      "aggregates": {"views": ["count"], "visitors": ["distinct_exact", "user"],
                                     "revenue": ["sum", "amount", {"decimal": 2}],
                                     "slowest": ["max", "ms"], "mean": ["avg", "ms"]}},
                     ["data/packed0.jsonl.gz"])


class BadInputTest(ProgramTest):
    def test_bad_records_cost_nothing_but_themselves(self):
        subprocess.run([sys.executable, "-B", ORACLE / "make_bad.py", self.directory / "bad",
                        str(BAD_LINES)], check=True)
        manifest = json.loads((self.directory / "bad/manifest.json").read_text())
        self.assertGreater(len(manifest), 20)
        for name, facts in manifest.items():
            with self.subTest(name):
                self.check_file(name, facts)

    def check_file(self, name, facts):
        file = self.define("bad.yaml", path=f"bad/{name}",
                           aggregates="events: count\namount: sum(amount)")
        if name.endswith(".parquet"):
            file.write_text(file.read_text().replace("jsonl:", "parquet:"))
        summary = json.loads(self.succeed("bootstrap", file, "--max-errors", "unlimited",
                                          "--format", "json").out)
        events = sum(row["events"] for row in self.succeed("dump", file).rows())
        self.assertEqual(events, facts["good"])
        self.assertEqual(summary["records"], facts["good"])
        self.assertEqual(summary["dead_letters"], facts["bad"])
        self.assertLessEqual(set(summary["dead_letters_by_reason"]), set(facts["reasons"]))
        subprocess.run(["rm", "-rf", self.directory / "state"], check=True)


if __name__ == "__main__":
    main()
