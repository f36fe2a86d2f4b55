"""What a run must report: fields that no record has, conditions that refuse everything,
records of which none can be counted, the first dead letter of a kind."""

import json
import signal
import time

import pyarrow
import pyarrow.parquet

from program import ProgramTest, main

BUYS = [{"type": "buy", "page": "/a", "amount": 5}, {"type": "sell", "page": "/b", "amount": 7},
        {"type": "buy", "page": "/a", "amount": 2}]


class SilenceTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write_events("events.jsonl", BUYS)

    def pipeline(self, aggregates="n: count", extra="", **options):
        return self.define(window=None, aggregates=aggregates, extra=extra, **options)

    def unknown(self, file):
        return self.status(file).get("unknown_fields", [])


class UnknownFieldTest(SilenceTest):
    def test_one_that_no_record_has_is_told_with_what_may_be_meant(self):
        file = self.pipeline("n: count\ns: sum(amuont)")
        done = self.succeed("bootstrap", file, "--format", "json")
        told = [{"name": "amuont", "records": 3, "did_you_mean": "amount"}]
        self.assertEqual(json.loads(done.out)["unknown_fields"], told)
        self.assertIn("WARNING: no record had a value for 'amuont' (looked for in 3 records); "
                      "did you mean 'amount'?", done.err)
        self.assertEqual(self.unknown(file), told)
        self.assertRegex(self.succeed("status", file, "--format", "table").out,
                         r"unknown_fields +amuont \(no value in 3 records; did you mean 'amount'\?\)")

    def test_what_every_record_has_is_no_news(self):
        file = self.pipeline("n: count\ns: sum(amount)", "where: type = 'buy'")
        done = self.succeed("bootstrap", file, "--format", "json")
        self.assertNotIn("unknown_fields", json.loads(done.out))
        self.assertNotIn("WARNING", done.err)
        self.assertEqual(self.unknown(file), [])

    def test_one_record_that_has_it_is_enough(self):
        rows = [{"page": "/a"} for _ in range(30_000)] + [{"page": "/a", "rare": 1}]
        self.write_events("events.jsonl", rows)
        self.assertEqual(self.unknown_of("s: sum(rare)\nm: sum(never)"), ["never"])

    def test_one_file_of_many_is_enough(self):
        for number in range(20):
            self.write_events(f"data/{number}.jsonl", [{"page": "/a"}])
        self.write_events("data/7.jsonl", [{"page": "/a", "rare": 1}])
        self.assertEqual(self.unknown_of("s: sum(rare)\nm: sum(never)", path="data/*.jsonl"),
                         ["never"])

    def test_one_that_is_refused_by_where_has_been_seen(self):
        self.write_events("events.jsonl", BUYS + [{"type": "x", "page": "/a", "fee": 1}])
        self.assertEqual(self.unknown_of("s: sum(fee)", extra="where: type = 'buy'"), [])

    def test_paths_and_indices(self):
        self.write_events("events.jsonl", [{"page": "/a", "user": {"id": 1, "tags": ["x"]}}])
        file = self.pipeline("a: sum(user.id)\nb: distinct(user.tags[0])\nc: sum(user.idd)\n"
                             "d: distinct(user.tags[1])\ne: sum(id)")
        self.succeed("bootstrap", file)
        self.assertEqual({field["name"]: field.get("did_you_mean") for field in self.unknown(file)},
                         {"user.idd": "user.id", "user.tags[1]": "user.tags", "id": "user.id"})

    def test_one_that_is_always_null_has_no_value(self):
        self.write_events("events.jsonl", [{"page": "/a", "fee": None}] * 2)
        file = self.pipeline("s: sum(fee)")
        self.assertIn("no record had a value for 'fee' (looked for in 2 records)",
                      self.succeed("bootstrap", file).err)

    def test_dead_letters_of_other_fields_were_looked_at(self):
        self.write_events("events.jsonl", [{"page": "/a", "amount": "x"}] * 2 + BUYS)
        file = self.pipeline("s: sum(amount)\nf: sum(fee)")
        self.succeed("bootstrap", file, "--max-errors", "unlimited")
        self.assertEqual(self.unknown(file), [{"name": "fee", "records": 5}])

    def test_a_run_that_goes_on_knows_what_the_first_half_had(self):
        """The first run ends at a bad line after the only record that has the field."""
        self.write("events.jsonl", json.dumps({"page": "/a", "early": 1}) + "\nbad\n"
                   + json.dumps({"page": "/b", "late": 1}) + "\n")
        file = self.pipeline("a: sum(early)\nb: sum(late)\nc: sum(never)")
        self.fail_with(1, "bootstrap", file)
        done = self.succeed("bootstrap", file, "--max-errors", "1")
        self.assertNotIn("early", done.err)
        self.assertEqual([field["name"] for field in self.unknown(file)], ["never"])

    def test_after_a_kill_too(self):
        rows = [{"page": f"/{n % 7}", "x": n} for n in range(400_000)]
        rows[0]["first"] = 1
        rows[-1]["last"] = 1
        self.write_events("events.jsonl", rows)
        file = self.pipeline("a: sum(first)\nb: sum(last)\nc: sum(neither)",
                             "commit_every: 20ms\nthreads: 1")
        child = self.start("bootstrap", file)
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.succeed("bootstrap", file)
        self.assertEqual([field["name"] for field in self.unknown(file)], ["neither"])

    def test_of_parquet_the_schema_tells_names(self):
        table = pyarrow.table({"page": ["/a", "/b"], "amount": [1, 2],
                               "user": [{"name": "x"}, {"name": "y"}],
                               "empty": pyarrow.array([None, None], pyarrow.int64())})
        pyarrow.parquet.write_table(table, self.directory / "events.parquet")
        file = self.pipeline("a: sum(amuont)\nb: sum(empty)\nc: distinct(user.nam)")
        file.write_text(file.read_text().replace("jsonl: {path: events.jsonl}",
                                                 "parquet: {path: events.parquet}"))
        self.succeed("bootstrap", file)
        self.assertEqual({field["name"]: field.get("did_you_mean") for field in self.unknown(file)},
                         {"amuont": "amount", "empty": None, "user.nam": "user.name"})
        self.assertIn("no record had a value for 'amuont'", self.succeed("check", file).out)

    def test_check_looks_at_the_first_records_and_writes_nothing(self):
        file = self.pipeline("n: count\ns: sum(amuont)", "where: typ = 'buy'")
        out = self.succeed("check", file).out
        self.assertIn("WARNING: no record had a value for 'amuont' (looked for in 3 records); "
                      "did you mean 'amount'?", out)
        self.assertIn("did you mean 'type'?", out)
        self.assertIn("`where` refused all of them", out)
        self.assertFalse((self.directory / "state").exists())
        (self.directory / "events.jsonl").unlink()
        self.assertIn("the source: ", self.succeed("check", file).out)

    def unknown_of(self, aggregates, **options):
        file = self.pipeline(aggregates, **options)
        self.succeed("bootstrap", file)
        return [field["name"] for field in self.unknown(file)]


class NothingUsableTest(SilenceTest):
    def test_where_on_a_field_that_no_record_has_fails(self):
        file = self.pipeline(extra="where: typ = 'buy'")
        done = self.fail_with(1, "bootstrap", file, "--format", "json")
        self.assertEqual(json.loads(done.out)["status"], "failed")
        self.assertIn("`where` refused all 3 records: no record had a value for 'typ' (looked for "
                      "in 3 records); did you mean 'type'?", done.err)
        self.assertNotIn("go on with", done.err)
        status = self.status(file)
        self.assertEqual((status["status"], status["filtered"]), ("failed", 3))
        self.fail_with(1, "bootstrap", file)  # and again

    def test_where_that_says_what_holds_without_the_field_does_not(self):
        file = self.pipeline(extra="where: coalesce(typ, 'none') = 'buy'")
        done = self.succeed("bootstrap", file)
        self.assertIn("no record had a value for 'typ'", done.err)
        self.assertIn("refused all 3 records", done.err)
        self.succeed("bootstrap", self.pipeline(name="other.yaml", extra="where: typ is not null"))

    def test_where_that_refuses_all_for_their_values_says_so(self):
        file = self.pipeline(extra="where: type = 'gift'")
        done = self.succeed("bootstrap", file)
        self.assertIn("WARNING: `where: type = 'gift'` refused all 3 records: the answer is empty",
                      done.err)

    def test_where_that_refuses_some_does_not(self):
        done = self.succeed("bootstrap", self.pipeline(extra="where: type = 'buy'"))
        self.assertNotIn("WARNING", done.err)

    def test_all_records_dead_fails_whatever_is_allowed(self):
        self.write_events("events.jsonl", [{"page": "/a", "amount": "x"}] * 9)
        file = self.pipeline("s: sum(amount)")
        done = self.fail_with(1, "bootstrap", file, "--max-errors", "unlimited")
        self.assertIn("no record could be counted: 9 wrong_type; see dead-letters.jsonl in", done.err)

    def test_an_empty_source_is_complete(self):
        self.write("events.jsonl", "")
        self.succeed("bootstrap", self.pipeline("s: sum(amount)", "where: type = 'buy'"))


class FirstDeadLetterTest(SilenceTest):
    def test_one_of_a_kind_is_told_with_a_remedy(self):
        rows = [{"page": "/a", "amount": "x"}] * 1000 + [{"amount": 1}] * 1000 + BUYS
        self.write_events("events.jsonl", rows)
        err = self.succeed("bootstrap", self.pipeline("s: sum(amount)"), "--max-errors",
                           "unlimited").err
        told = sorted(line for line in err.splitlines() if line.startswith("dead letter, "))
        self.assertEqual(len(told), 2, err)
        self.assertRegex(told[1], r"wrong_type: .*events.jsonl at 0: s: amount is 'x', a string, which "
                                  r"this aggregate can't take\. Convert it .*dead-letters\.jsonl in state/")
        self.assertRegex(told[0], r"missing_key: .* null_key: keep would count it")

    def test_it_is_told_at_once(self):
        """Not at the end, which is seconds away."""
        with open(self.directory / "events.jsonl", "w") as file:
            file.write('{"page": "/a", "amount": "x"}\n')
            for n in range(1_500_000):
                file.write(f'{{"page": "/{n % 1000}", "amount": {n}}}\n')
        child = self.start("bootstrap", self.pipeline("s: sum(amount)", "threads: 1"),
                           "--max-errors", "unlimited")
        began = time.monotonic()
        line = child.stderr.readline()
        first = time.monotonic() - began
        rest = child.stderr.read()
        self.assertEqual(child.wait(), 0, rest)
        self.assertIn("dead letter, wrong_type", line)
        self.assertLess(first, max(0.1, (time.monotonic() - began) * 0.7))

    def test_kinds_have_a_limit(self):
        rows = [{"page": "/a", **{f"f{n}": "x"}} for n in range(100)]
        self.write_events("events.jsonl", rows + BUYS)
        aggregates = "\n".join(f"a{n}: sum(f{n})" for n in range(100))
        err = self.succeed("bootstrap", self.pipeline(aggregates), "--max-errors", "unlimited").err
        self.assertLessEqual(err.count("dead letter, "), 20)

    def test_quiet_is_quiet(self):
        self.write_events("events.jsonl", [{"page": "/a", "amount": "x"}] + BUYS)
        done = self.succeed("bootstrap", self.pipeline("s: sum(amount)"), "--max-errors", "5", "-q")
        self.assertEqual(done.err, "")

    def test_where_none_is_allowed_the_error_tells_it(self):
        self.write_events("events.jsonl", [{"page": "/a", "amount": "x"}] + BUYS)
        err = self.fail_with(1, "bootstrap", self.pipeline("s: sum(amount)")).err
        self.assertEqual(err.count("which this aggregate can't take"), 1)


if __name__ == "__main__":
    main()
