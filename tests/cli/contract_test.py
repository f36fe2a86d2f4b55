"""What other programs may rely on: bootstrap, dump and query, their formats and their order."""

import csv
import io
import json

from program import ProgramTest, main

EVENTS = [
    {"ts": "2026-03-02T10:00:00Z", "page": "/b", "user": "u1", "country": "US", "ms": 5, "amount": 1.10},
    {"ts": "2026-03-01T23:59:59.999Z", "page": "/a", "user": "u1", "country": "DE", "ms": 10},
    {"ts": "2026-03-02T00:00:00+02:00", "page": "/a", "user": "u2", "country": "DE", "ms": 20,
     "amount": 2.20},
    {"ts": "2026-03-02T00:00:00Z", "page": "/a", "user": "u2", "country": None, "ms": 30,
     "amount": 0.1},
    {"ts": "2026-03-05T12:00:00Z", "page": "/ä,\"quoted\"", "user": "u3", "country": "US", "ms": 1},
]
AGGREGATES = """
    views: count
    slow: count_if(ms > 15)
    total_ms: sum(ms)
    revenue: sum(amount, decimal=2)
    visitors: distinct(user)
"""


def midnight(day):
    return f"2026-03-{day:02d}T00:00:00Z"


class ContractTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write_events("events.jsonl", EVENTS)
        self.file = self.define(aggregates=AGGREGATES)

    def test_dump_prints_one_object_per_key_and_window_sorted(self):
        self.succeed("bootstrap", self.file, "--threads", 2)
        rows = self.succeed("dump", self.file, "--format", "jsonl").rows()
        self.assertEqual(rows, [
            {"key": {"page": "/a"}, "window": midnight(1), "views": 2, "slow": 1, "total_ms": 30,
             "revenue": "2.20", "visitors": 2},
            {"key": {"page": "/a"}, "window": midnight(2), "views": 1, "slow": 1, "total_ms": 30,
             "revenue": "0.10", "visitors": 1},
            {"key": {"page": "/b"}, "window": midnight(2), "views": 1, "slow": 0, "total_ms": 5,
             "revenue": "1.10", "visitors": 1},
            {"key": {"page": "/ä,\"quoted\""}, "window": midnight(5), "views": 1, "slow": 0,
             "total_ms": 1, "revenue": "0.00", "visitors": 1},
        ])

    def test_columns_come_in_the_order_of_the_definition(self):
        self.succeed("bootstrap", self.file)
        first = self.succeed("dump", self.file).out.splitlines()[0]
        self.assertEqual(list(json.loads(first)),
                         ["key", "window", "views", "slow", "total_ms", "revenue", "visitors"])

    def test_without_windows_the_window_is_null(self):
        file = self.define("all_time.yaml", window=None)
        self.succeed("bootstrap", file)
        self.assertEqual(self.succeed("dump", file).rows()[0],
                         {"key": {"page": "/a"}, "window": None, "views": 3})

    def test_rollups_count_each_event_under_each_key(self):
        file = self.define("rollups.yaml", key="[[page], [], [page, user]]")
        self.succeed("bootstrap", file)
        rows = self.succeed("dump", file).rows()
        for names in (["page"], [], ["page", "user"]):
            views = sum(row["views"] for row in rows if list(row["key"]) == names)
            self.assertEqual(views, len(EVENTS), names)

    def test_query_prints_the_objects_of_the_dump(self):
        self.succeed("bootstrap", self.file)
        dumped = [row for row in self.succeed("dump", self.file).rows()
                  if row["key"]["page"] == "/a"]
        queried = self.succeed("query", self.file, "/a", "--format", "json").rows()
        for row in queried:
            self.assertIn("approximate (visitors", row.pop("_exact"))
        self.assertEqual(queried, dumped)

    def test_query_answers_in_the_order_of_its_keys(self):
        self.succeed("bootstrap", self.file)
        rows = self.succeed("query", self.file, "/b", "/a", "--format", "json").rows()
        self.assertEqual([row["key"]["page"] for row in rows], ["/b", "/a", "/a"])

    def test_a_quoted_key_value_may_hold_commas(self):
        self.succeed("bootstrap", self.file)
        rows = self.succeed("query", self.file, json.dumps("/ä,\"quoted\"", ensure_ascii=False),
                            "--format", "json").rows()
        self.assertEqual([row["views"] for row in rows], [1])

    def test_the_last_windows_end_at_the_newest_event(self):
        self.succeed("bootstrap", self.file)
        def windows(*options):
            return [row["window"] for row in
                    self.succeed("query", self.file, "/a", "--format", "json", *options).rows()]
        self.assertEqual(windows("--window", "5d"), [midnight(1), midnight(2)])
        self.assertEqual(windows("--window", "4d"), [midnight(2)])
        self.assertEqual(windows("--window", "1d", "--as-of", "2026-03-01T12:00:00Z"), [midnight(1)])
        self.assertEqual(windows("--from", midnight(2), "--to", midnight(3)), [midnight(2)])

    def test_an_unknown_key_is_an_error_that_names_it(self):
        self.succeed("bootstrap", self.file)
        outcome = self.fail_with(1, "query", self.file, "/nowhere", "--format", "json")
        self.assertIn("/nowhere", outcome.err)
        self.assertEqual(outcome.out, "")

    def test_csv_has_a_column_per_key_part_and_aggregate(self):
        self.succeed("bootstrap", self.file)
        rows = list(csv.DictReader(io.StringIO(self.succeed("dump", self.file, "--format", "csv").out)))
        self.assertEqual(list(rows[0]),
                         ["page", "window", "views", "slow", "total_ms", "revenue", "visitors"])
        self.assertEqual([row["page"] for row in rows], ["/a", "/a", "/b", "/ä,\"quoted\""])
        self.assertEqual(rows[0]["revenue"], "2.20")

    def test_parquet_holds_what_jsonl_holds(self):
        import pyarrow.parquet
        self.succeed("bootstrap", self.file)
        path = self.directory / "dump.parquet"
        self.succeed("dump", self.file, "--format", "parquet", "--output", path)
        expected = self.succeed("dump", self.file).rows()
        rows = pyarrow.parquet.read_table(path).to_pylist()
        self.assertEqual([{"page": row["key"].pop("page"), **row} for row in expected],
                         [{"key": {}, **row} for row in rows])

    def test_results_are_on_stdout_and_all_else_on_stderr(self):
        outcome = self.succeed("bootstrap", self.file)
        self.assertEqual(outcome.out, "")
        self.assertIn("COMPLETE", outcome.err)
        outcome = self.succeed("bootstrap", self.file, "--quiet")
        self.assertEqual(outcome.out + outcome.err, "")

    def test_a_complete_state_is_left_alone(self):
        self.succeed("bootstrap", self.file)
        before = self.succeed("dump", self.file).out
        self.assertIn("COMPLETE already", self.succeed("bootstrap", self.file).err)
        self.assertEqual(self.succeed("dump", self.file).out, before)

    def test_the_summary_as_json(self):
        summary = json.loads(self.succeed("bootstrap", self.file, "--format", "json").out)
        self.assertEqual(summary["status"], "complete")
        self.assertEqual(summary["records"], len(EVENTS))
        self.assertEqual(summary["dead_letters"], 0)

    def test_status_tells_the_counters(self):
        self.succeed("bootstrap", self.file)
        status = self.status(self.file)
        self.assertEqual(status["status"], "complete")
        self.assertNotIn("percent", status)
        self.assertIn("2026-03-05T12:00:00Z", json.dumps(status))
        self.assertIn("complete", self.succeed("status", self.file).out)

    def test_check_prints_the_plan_and_touches_nothing(self):
        plan = self.succeed("check", self.file).out
        for word in ("page", "views", "distinct", "events.jsonl"):
            self.assertIn(word, plan)
        self.assertFalse((self.directory / "state").exists())

    def test_standard_input_is_a_source(self):
        file = self.define("piped.yaml", path='"-"')
        lines = (self.directory / "events.jsonl").read_text()
        self.succeed("bootstrap", file, stdin=lines)
        self.assertEqual(sum(row["views"] for row in self.succeed("dump", file).rows()), len(EVENTS))

    def test_run_until_caught_up_bootstraps_and_ends(self):
        self.succeed("run", self.file, "--until-caught-up")
        self.assertEqual(len(self.succeed("dump", self.file).rows()), 4)


if __name__ == "__main__":
    main()
