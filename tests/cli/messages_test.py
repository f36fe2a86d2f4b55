"""The program's messages: valid text for any data, and true statements."""

import json
import os
import subprocess

from program import PROGRAM, ProgramTest, main

LONG = "a" + "ä" * 40  # 60 bytes end inside a character


class OddBytesTest(ProgramTest):
    """No byte of a value, an id or a name makes an output that is no JSON, or an abort."""

    def all_json(self, file, code=1):
        """Every JSON output about the state, after a bootstrap that ends with `code`."""
        done = self.run_bytes("bootstrap", file, "--format", "json")
        self.assertEqual(done.returncode, code, done.stderr)
        outputs = [done.stdout]
        for verb in ("status", "versions", "dump"):
            one = self.run_bytes(verb, file, "--format", "json")
            self.assertEqual(one.returncode, 0, (verb, one.stderr))
            outputs.append(one.stdout)
            table = self.run_bytes(verb, file, "--format", "table")
            self.assertEqual(table.returncode, 0, (verb, table.stderr))
            table.stdout.decode()
        done.stderr.decode()
        return [[json.loads(line) for line in out.decode().splitlines()] for out in outputs]

    def run_bytes(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=60,
                              cwd=self.directory)

    def write_bytes(self, name, data):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def test_a_long_value_is_cut_between_characters(self):
        self.write_events("events.jsonl", [{"page": "/a", "x": LONG}])
        file = self.define(window=None, aggregates="s: sum(x)")
        (summary,), (status,), (version,), _ = self.all_json(file)
        shown = "s: x is 'a" + "ä" * 29 + "…', a string, which this aggregate can't take"
        for said in (summary["failure"], status["failure"], version["failure"]):
            self.assertIn(shown, said)
        [letter] = self.dead_letters()
        self.assertIn(shown, letter["detail"])

    def test_at_every_length(self):
        for kind in ("ä", "€", "😀", "\u200b", "\t"):
            for before in range(5):
                value = "a" * (57 + before) + kind * 5
                self.write_events("events.jsonl", [{"page": "/a", "x": value}])
                file = self.define(f"p{ord(kind)}_{before}.yaml", window=None,
                                   aggregates="s: sum(x)")
                self.all_json(file)

    def test_control_characters_are_escaped(self):
        self.write_events("events.jsonl", [{"page": "/a", "x": "red \x1b[31m\r\n\x9b1m \u202e"}])
        file = self.define(window=None, aggregates="s: sum(x)")
        (summary,), *_ = self.all_json(file)
        self.assertIn(r"'red \x1b[31m\r\n\xc2\x9b1m \xe2\x80\xae', a string", summary["failure"])

    def test_bytes_that_are_no_text(self):
        self.write_bytes("events.jsonl", b'{"page": "/a", "x": "\xff\xfe"}\n{"page": "\xc3", "x": 1}\n')
        self.all_json(self.define(window=None, aggregates="s: sum(x)"))
        file = self.define("other.yaml", window=None, aggregates="n: count",
                           extra="id: x\nmax_errors: unlimited")
        self.write_bytes("events.jsonl", b'{"page": "/a", "x": "\xff"}\n{"page": "/b", "x": "\x7f"}\n')
        self.all_json(file, code=0)

    def test_ids_of_all_kinds(self):
        rows = [{"page": 1 if n % 2 else [], "x": x}
                for n, x in enumerate(["\x00", "\x1b]0;x\x07", LONG, "\u2028", "'\"\\", ""])]
        self.write_events("events.jsonl", rows)
        self.all_json(self.define(window=None, extra="id: x\nmax_errors: unlimited"), code=0)

    def test_names_of_files(self):
        for name in (b"caf\xe9.jsonl", b"tab\tnew\nline.jsonl", "ä€😀.jsonl".encode(), b"'\"\\.jsonl"):
            directory = b"data" + name.hex().encode()
            path = os.path.join(os.fsencode(self.directory), directory)
            os.mkdir(path)
            with open(os.path.join(path, name), "wb") as file:
                file.write(b'{"page": "/a", "x": "y"}\n')
            file = self.define(name.hex() + ".yaml", window=None, aggregates="s: sum(x)",
                               path=directory.decode() + "/*.jsonl")
            done = self.run_bytes("bootstrap", file, "--format", "json")
            self.assertIn(done.returncode, (0, 1, 2), done.stderr)
            done.stderr.decode()
            for line in done.stdout.decode().splitlines():
                json.loads(line)
            if done.stdout:
                self.all_json(file)

    def test_keys_in_a_table_stay_on_their_line(self):
        self.write_events("events.jsonl", [{"page": "two\nlines\x1b[2J"}])
        file = self.define(window=None)
        self.all_json(file, code=0)
        lines = self.run_bytes("dump", file, "--format", "table").stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["page", r"two\nlines\x1b[2J"])

    def test_a_long_record_is_cut_between_characters(self):
        self.write_events("events.jsonl", [{"page": "/a", "x": "y", "long": "ä" * 40_000}])
        text = (self.directory / "events.jsonl").read_text()
        (self.directory / "events.jsonl").write_text(json.dumps(json.loads(text),
                                                                ensure_ascii=False) + "\n")
        self.all_json(self.define(window=None, aggregates="s: sum(x)"))
        [letter] = self.dead_letters()
        self.assertTrue(letter["raw"].endswith("ä"))


class WordsTest(ProgramTest):
    def dead_detail(self, value, aggregates="s: sum(x)", key="[page]"):
        self.write_events("events.jsonl", [value])
        file = self.define(window=None, aggregates=aggregates, key=key)
        done = self.fail_with(1, "bootstrap", file)
        (self.directory / "state").rename(self.directory / f"old{self.random.random()}")
        return done.err

    def test_what_was_found_is_named_with_its_article(self):
        for value, shown in [
                ({"a": 1}, '{"a":1}, an object or list, which'), ([1, 2], "[1,2], an object or list"),
                ("abc", "'abc', a string, which"), (True, "true, a boolean, which")]:
            err = self.dead_detail({"page": "/a", "x": value}).replace(": ", ":")
            self.assertIn("x is " + shown.replace(": ", ":"), err.replace(", 2", ",2"))
        err = self.dead_detail({"page": {"a": 1}})
        self.assertRegex(err, r'key page: expected a single value, found \{"a": ?1\}, an object or list')

    def test_a_way_to_go_on_only_where_it_leads_on(self):
        self.write_events("events.jsonl", [{"page": "/a", "x": "y"}, {"page": "/a", "x": 1}])
        err = self.fail_with(1, "bootstrap", self.define(window=None, aggregates="s: sum(x)")).err
        self.assertRegex(err, "What was committed is good; to leave such records out, go on with: "
                              "murmur bootstrap .*pipeline.yaml --max-errors unlimited")
        command = err.rsplit("go on with: murmur ", 1)[1].split()
        self.succeed(*command)

    def test_nothing_is_called_good_where_nothing_was_committed(self):
        file = self.define(window=None, path="nowhere.jsonl")
        err = self.fail_with(1, "bootstrap", file).err
        self.assertNotIn("committed", err)
        self.assertRegex(err, r"(?m)^When that is mended, go on with: murmur bootstrap ")

    def test_one_is_counted_as_one(self):
        self.write_events("data/a.jsonl", [{"page": "/a"}])
        self.write("data/b.jsonl", "bad\n")
        file = self.define(window=None, path="data/*.jsonl", extra="max_errors: 1\nid: page")
        self.assertIn("limits: 1 bad record;", self.succeed("check", file).out)
        err = self.succeed("bootstrap", file).err
        self.assertRegex(err, r"COMPLETE version 1: 1 record, 1 dead letter; read ")
        self.assertRegex(self.succeed("versions", file).out, r" 1 record   .*  1 dead letter\n")
        file = self.define("typo.yaml", window=None, path="data/a.jsonl", extra="where: x = 1")
        err = self.fail_with(1, "bootstrap", file).err
        self.assertIn("`where` refused the one record: no record had a value for 'x' (looked for in "
                      "1 record)", err)

    def test_an_object_that_changed_is_no_reason_to_go_on(self):
        self.write_events("data/a.jsonl", [{"page": "/a"}])
        self.write("data/b.jsonl", "bad\n")
        file = self.define(window=None, path="data/*.jsonl")
        self.fail_with(1, "bootstrap", file)
        self.write("data/b.jsonl", '{"page": "/long enough to differ"}\n')
        err = self.fail_with(1, "bootstrap", file, "--max-errors", "9").err
        self.assertIn("b.jsonl", err)
        self.assertNotIn("go on with: murmur", err)

    def test_a_quantile_in_a_table_shows_the_digits_that_are_known(self):
        self.write_events("events.jsonl", [{"page": "/a", "ms": n} for n in range(1, 1000)])
        file = self.define(window=None, aggregates="q: quantiles(ms, [0.27, 0.5, 0.999])")
        self.succeed("bootstrap", file)
        exact = self.succeed("dump", file, "--format", "jsonl").rows()[0]["q"]
        table = self.succeed("dump", file, "--format", "table").out
        shown = json.loads(table.splitlines()[1].split(None, 1)[1])
        for q, value in exact.items():
            self.assertEqual(shown[q], float(f"{value:.3g}"))
            self.assertLess(len(str(shown[q])), 7)
        self.assertEqual(list(shown.values()), sorted(shown.values()))
        self.assertRegex(table, r'"0.27": 2\d\d, ')  # as an integer that it is

    def test_a_long_cell_of_a_table_is_cut_and_says_so(self):
        self.write_events("events.jsonl", [{"page": "/a", "user": f"user ä {n}"} for n in range(50)])
        file = self.define(window=None, aggregates="users: set(user)\nn: count")
        self.succeed("bootstrap", file)
        lines = self.succeed("dump", file, "--format", "table").out.splitlines()
        self.assertLess(max(map(len, lines)), 90)
        self.assertIn("…", lines[1])
        self.assertTrue(lines[1].rstrip().endswith(" 50"))
        self.assertEqual(lines[2], "… stands for more: --format json has all of it")
        self.assertEqual(len(self.succeed("dump", file, "--format", "json").rows()[0]["users"]), 50)

    def test_check_says_what_this_aggregate_does(self):
        self.write("events.jsonl", '{"page": "/a", "x": 1}\n')
        file = self.define(window=None, aggregates="""
            plain: sum(x)
            money: sum(x, decimal=2)
            q: quantiles(x, [0.5], accuracy=0.001)
            about: distinct(x, precision=14)
            top: topk(x, 3)""")
        out = self.succeed("check", file).out
        for said in ["plain = sum(x): The exact sum. [",
                     "The exact sum of decimals with up to 2 digits after the point. [",
                     "relative error 0.098 %. [", "standard error 0.81 %. [",
                     "The 3 most frequent values"]:
            self.assertIn(said, out)
        self.assertNotIn("decimal=N", out)

    def test_a_closed_standard_output_is_no_crash(self):
        self.write_events("events.jsonl", [{"page": f"/{n}"} for n in range(20_000)])
        file = self.define(window=None)
        self.succeed("bootstrap", file)
        child = subprocess.Popen([PROGRAM, "dump", str(file)], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, cwd=self.directory)
        child.stdout.close()
        err = child.stderr.read()
        child.stderr.close()
        self.assertIn(child.wait(), (1, -13, 141), err)


if __name__ == "__main__":
    main()
