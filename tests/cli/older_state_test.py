"""States that an earlier commit of Murmur wrote are read, and say what they said then.

states/COMMIT-NAME.tar.gz holds NAME/: a definition, its state, and what was counted, one JSON object
a line, from which the values are computed here. They are never written anew: each is what people
have who built that commit.
"""

import decimal
import fractions
import hashlib
import json
import pathlib
import tarfile

from program import ProgramTest, main

STATES = pathlib.Path(__file__).with_name("states")
DISTINCT_ERROR = 0.05  # of a sketch that few values went through


def good_events(path):
    """Those that count: whole lines with a time."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line, parse_float=decimal.Decimal)
        except json.JSONDecodeError:
            continue
        if "ts" in event:
            yield event


def grouped(rows, keys):
    """{key: rows} for each of several functions that make a key of a row."""
    groups = {}
    for row in rows:
        for key in keys:
            groups.setdefault(key(row), []).append(row)
    return groups


class OlderStateTest(ProgramTest):
    def unpack(self, name):
        with tarfile.open(STATES / f"{name}.tar.gz") as archive:
            archive.extractall(self.directory)  # our own archive
        self.folder = self.directory / name.split("-")[1]
        return self.folder / f"{self.folder.name}.yaml"

    def files(self):
        return {path: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (self.folder / "state").rglob("*") if path.is_file()}

    def dumped(self, file):
        return {(row["key"].get(self.key), row["window"]): row
                for row in self.succeed("dump", file).rows()}

    def check(self, file, groups, expect):
        before = self.files()
        dumped = self.dumped(file)
        self.assertEqual(set(dumped), set(groups))
        for key, rows in groups.items():
            with self.subTest(key=key):
                expect(dumped[key], rows)
        for (value, _), rows in groups.items():
            with self.subTest(query=value):
                text = json.dumps(value) if value is not None else ""
                found = self.succeed("query", file, text, "--format", "json").rows()
                for row in found:
                    row.pop("_exact", None)
                self.assertEqual(found, [row for (k, _), row in dumped.items() if k == value])
        self.assertEqual(self.files(), before, "reading changes nothing")

    def test_facts_in_windows(self):
        file = self.unpack("f45f1c3-facts")
        self.key = "page"
        events = list(good_events(self.folder / "events.jsonl"))
        day = lambda event: event["ts"][:10] + "T00:00:00Z"
        groups = grouped(events, [lambda e: (e["page"], day(e)), lambda e: (None, day(e))])

        def expect(row, rows):
            ms = [event["ms"] for event in rows if event["ms"] is not None]
            users = {event["user"] for event in rows}
            self.assertEqual(row["n"], len(rows))
            self.assertEqual(row["ms_total"], sum(ms))
            self.assertEqual(decimal.Decimal(row["revenue"]), sum(e["amount"] for e in rows))
            self.assertEqual(row["least"], float(min(e["amount"] for e in rows)))
            self.assertEqual(row["most"], max(ms))
            self.assertEqual(row["exact_users"], len(users))
            self.assertAlmostEqual(row["users"], len(users), delta=1 + DISTINCT_ERROR * len(users))
            self.assertEqual(row["mean"], float(fractions.Fraction(sum(ms), len(ms))))

        self.check(file, groups, expect)
        status = self.status(file)
        self.assertEqual(status["records"], len(events))
        self.assertEqual(status["dead_letters_by_reason"], {"undecodable": 1, "bad_time": 1})

    def test_one_of_older_rules_is_not_written_to_and_built_anew_beside(self):
        file = self.unpack("f45f1c3-facts")
        self.key = "page"
        before, dumped = self.files(), self.dumped(file)
        for verb in (["bootstrap", file], ["verify", file]):
            refused = self.murmur(*verb)
            self.assertNotEqual(refused.code, 0, verb)
        self.assertIn("older rules", self.murmur("bootstrap", file).err)
        self.assertIn("bootstrap FILE --fresh", self.murmur("bootstrap", file).err)
        self.assertEqual(self.files(), before)
        self.succeed("bootstrap", file, "--fresh")
        self.assertEqual(self.dumped(file), dumped)
        self.succeed("bootstrap", file)
        self.succeed("rollback", file)
        self.assertEqual(self.dumped(file), dumped)
        self.assertIn("older rules", self.fail_with(1, "bootstrap", file).err)

    def test_rows_of_a_table_that_changed(self):
        file = self.unpack("f45f1c3-rows")
        self.key = "customer"
        rows = [json.loads(line)
                for line in (self.folder / "rows.jsonl").read_text().splitlines()]
        groups = grouped(rows, [lambda r: (r["customer"], None), lambda r: (None, None)])

        def expect(row, rows):
            self.assertEqual(row["n"], len(rows))
            self.assertEqual(decimal.Decimal(row["revenue"]), sum(r["total"] for r in rows))
            self.assertEqual(row["largest"], max(r["total"] for r in rows))
            self.assertEqual(row["customers"], len({r["customer"] for r in rows}))

        self.check(file, groups, expect)


if __name__ == "__main__":
    main()
