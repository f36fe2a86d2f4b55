"""Files as people have them: what compressors, shells and Windows make of lines of JSON.

What counts is compared with what Python wrote; the compressed bytes come from Python's libraries.
"""

import gzip
import json
import os
import struct
import subprocess

import duckdb
import lz4.frame
import pyarrow
import pyarrow.parquet
import zstandard

from program import PROGRAM, RUN_SECONDS_MAX, ProgramTest, main

MARK = b"\xef\xbb\xbf"  # a byte order mark


def lines(first, count):
    return b"".join(b'{"k":"a","x":%d}\n' % x for x in range(first, first + count))


def skippable(content, kind=0):
    return struct.pack("<II", 0x184D2A50 + kind, len(content)) + content


def long_window(text, log):
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=log, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(text) + compressor.flush()  # the content's size is not in the header


class FormatsTest(ProgramTest):
    def definition(self, path, extra=""):
        return self.write("d.yaml", "name: t\nkey: [k]\naggregates: {n: count, s: sum(x)}\n"
                          f"bootstrap: {{jsonl: {{path: '{path}'}}}}\n"
                          f"state: {{rocksdb: {{path: state}}}}\n{extra}")

    def run_over(self, body, name="in", extra="", arguments=()):
        (self.directory / name).write_bytes(body)
        file = self.definition(name, extra)
        subprocess.run(["rm", "-rf", str(self.directory / "state")], check=True)
        return file, self.murmur("bootstrap", file, *arguments)

    def check(self, body, count, what="", **how):
        """`body` holds the records with x from 0 to count - 1."""
        file, outcome = self.run_over(body, **how)
        self.assertEqual(outcome.code, 0, f"{what}: {outcome.err}")
        row = self.succeed("dump", file).rows()[0]
        self.assertEqual((row["n"], row["s"]), (count, count * (count - 1) // 2), what)

    def refused(self, body, said, **how):
        _, outcome = self.run_over(body, **how)
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn(said, outcome.err)

    def test_frames_that_hold_nothing_are_passed_over(self):
        text = lines(0, 3000)
        zstd, lz = zstandard.ZstdCompressor().compress, lz4.frame.compress
        for pack, what in ((zstd, "zstd"), (lz, "lz4")):
            half = [pack(lines(0, 1500)), pack(lines(1500, 1500))]
            for kind, content in ((0, b"\x10\0\0\0"), (15, b""), (7, b"x" * 300_000)):
                skip = skippable(content, kind)
                self.check(skip + pack(text), 3000, f"{what} before")
                self.check(skip + skip + half[0] + half[1], 3000, f"{what} twice before")
                self.check(half[0] + skip + half[1], 3000, f"{what} between")
                self.check(half[0] + half[1] + skip, 3000, f"{what} after")
        self.check(skippable(b"abc") + gzip.compress(text), 3000, "before gzip")

    def test_a_long_window_is_read_within_memory_and_else_says_what_it_takes(self):
        text = lines(0, 1000)
        self.check(long_window(text, 27), 1000)
        for log, megabytes in ((28, 256), (31, 2048)):
            body = long_window(text, log)
            self.refused(body, f"in: its zstd frame takes a window of {megabytes} MiB to decompress "
                         "(zstd --long), and `memory` allows 128 MiB: say memory: "
                         f"{megabytes * 4}MiB")
            self.check(body, 1000, extra=f"memory: {megabytes * 4}MiB\n")

    def test_damaged_zstd_keeps_what_comes_before(self):
        body = zstandard.ZstdCompressor().compress(lines(0, 50_000))
        file, outcome = self.run_over(body[:-1000], arguments=["--max-errors", "unlimited"])
        self.assertEqual(outcome.code, 0, outcome.err)
        count = self.succeed("dump", file).rows()[0]["n"]
        self.assertGreater(count, 10_000)
        letters = (self.directory / "state").rglob("dead-letters.jsonl")
        self.assertIn("truncated zstd stream", next(letters).read_text())

    def test_a_byte_order_mark_where_files_were_put_together(self):
        a, b = lines(0, 1000), lines(1000, 1000)
        self.check(MARK + a + MARK + b, 2000, "cat")
        self.check(MARK + MARK + a + MARK + b, 2000, "twice")
        self.check(gzip.compress(MARK + a) + gzip.compress(MARK + b), 2000, "gzip members")
        self.check(MARK + a + MARK + b"\r\n" + b + MARK, 2000, "a line of its own")
        self.check((MARK + a.replace(b"\n", b"\r\n")) + MARK + b, 2000, "CRLF")

    def test_compressed_more_than_once(self):
        text = lines(0, 900)
        inner = b"".join(gzip.compress(lines(at, 300)) for at in (0, 300, 600))
        self.check(gzip.compress(inner), 900, "gzip in gzip")
        self.check(zstandard.ZstdCompressor().compress(inner), 900, "gzip in zstd")
        self.check(gzip.compress(zstandard.ZstdCompressor().compress(text)), 900, "zstd in gzip")
        self.check(gzip.compress(gzip.compress(gzip.compress(text))), 900, "thrice")
        deep = text
        for _ in range(5):
            deep = gzip.compress(deep)
        self.refused(deep, "in: is compressed more than 4 times over")

    def test_damage_of_the_outer_layer_is_told_as_such(self):
        noisy = lambda at: b"".join(b'{"k":"a","x":%d,"z":"%s"}\n' % (x, self.random.randbytes(20)
                                    .hex().encode()) for x in range(at, at + 300))
        inner = b"".join(gzip.compress(noisy(at)) for at in range(0, 90_000, 300))
        outer = gzip.compress(inner)
        whole = zstandard.ZstdCompressor().compress(inner)
        for body in (outer[:-len(outer) // 3], whole[:-len(whole) // 3]):
            file, outcome = self.run_over(body, arguments=["--max-errors", "unlimited"])
            self.assertEqual(outcome.code, 0, outcome.err)
            letters = next((self.directory / "state").rglob("dead-letters.jsonl")).read_text()
            self.assertEqual(len(letters.splitlines()), 1)
            self.assertRegex(letters, "truncated (gzip|zstd) stream")
            self.assertGreater(self.succeed("dump", file).rows()[0]["n"], 10_000)

    def test_text_that_is_not_utf8_is_named(self):
        text = lines(0, 10).decode()
        for encoding, name in (("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"),
                               ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32")):
            for body in (text.encode(encoding), gzip.compress(text.encode(encoding))):
                self.refused(body, f"in: is {name}, not UTF-8: convert it, as iconv -f {name} -t "
                             "UTF-8 does")

    def test_a_list_is_called_a_list(self):
        records = [json.loads(line) for line in lines(0, 3).splitlines()]
        for body in (json.dumps(records), json.dumps(records, indent=2), json.dumps(records) + "\n",
                     "[]"):
            _, outcome = self.run_over(body.encode())
            self.assertEqual(outcome.code, 1)
            letter = next((self.directory / "state").rglob("dead-letters.jsonl")).read_text()
            letter = json.loads(letter.splitlines()[0])
            self.assertEqual(letter["reason"], "undecodable", letter)
            self.assertIn("write one object a line, as jq -c '.[]' does", letter["detail"])
        _, outcome = self.run_over(lines(0, 1) + b'{"k":"a"')
        letter = next((self.directory / "state").rglob("dead-letters.jsonl")).read_text()
        letter = json.loads(letter)
        self.assertEqual(letter["reason"], "truncated")

    def test_a_column_that_a_parquet_file_has_twice_is_refused_where_it_is_used(self):
        table = pyarrow.table([["a", "a"], [1, 2], [3, 4]], names=["k", "x", "x"])
        pyarrow.parquet.write_table(table, self.directory / "twice.parquet")
        for aggregates, code in (("{s: sum(x)}", 1), ("{n: count}", 0)):
            file = self.write("d.yaml", f"name: t\nkey: [k]\naggregates: {aggregates}\n"
                              "bootstrap: {parquet: {path: twice.parquet}}\n"
                              "state: {rocksdb: {path: state}}\n")
            subprocess.run(["rm", "-rf", str(self.directory / "state")], check=True)
            outcome = self.murmur("bootstrap", file)
            self.assertEqual(outcome.code, code, outcome.err)
            if code:
                self.assertIn("twice.parquet: has 2 columns 'x', and the definition does not say "
                              "which it means", outcome.err)

    def hive(self, kind, put, path="data", options=""):
        """Sums by the values of directories; beside them what DuckDB reads there."""
        for number, directory in enumerate(["dt=2026-03-01/country=DE",
                                            "dt=2026-03-01/country=a%2Fb",
                                            "dt=2026-03-02/country=__HIVE_DEFAULT_PARTITION__"]):
            put(self.directory / "data" / directory, number)
        file = self.write("d.yaml", "name: t\nkey: [country]\nnull_key: keep\ntime: dt\n"
                          "window: {every: 1d}\naggregates: {n: count, s: sum(x)}\n"
                          f"bootstrap: {{{kind}: {{path: {path}, hive: true{options}}}}}\n"
                          "state: {rocksdb: {path: state}}\n")
        self.succeed("bootstrap", file)
        return {(row["window"][:10], row["key"]["country"]): row["s"]
                for row in self.succeed("dump", file).rows()}

    def test_directories_that_say_key_and_value_are_fields(self):
        def put_lines(directory, number):
            directory.mkdir(parents=True)
            (directory / "a.jsonl").write_text('{"x": %d}\n' % 2**number)

        def put_parquet(directory, number):
            directory.mkdir(parents=True)
            pyarrow.parquet.write_table(pyarrow.table({"x": [2**number]}), directory / "a.parquet")
        expected = {("2026-03-01", "DE"): 1, ("2026-03-01", "a/b"): 2, ("2026-03-02", None): 4}
        for kind, put in (("jsonl", put_lines), ("parquet", put_parquet)):
            subprocess.run(["rm", "-rf", "data", "state"], cwd=self.directory, check=True)
            self.assertEqual(self.hive(kind, put), expected, kind)
            rows = duckdb.sql("select dt::varchar, country, sum(x) from read_"
                              f"{'json' if kind == 'jsonl' else kind}("
                              f"'{self.directory}/data/**/*.{kind}', hive_partitioning = true) "
                              "group by all").fetchall()
            self.assertEqual({(dt, country): s for dt, country, s in rows}, expected)

    def test_a_field_of_the_record_goes_before_one_of_the_directory(self):
        self.write_events("data/k=dir/a.jsonl",
                          [{"k": "own", "x": 1}, {"x": 2}, {"k": None, "x": 4}])
        file = self.write("d.yaml", "name: t\nkey: [k]\naggregates: {s: sum(x)}\n"
                          "bootstrap: {jsonl: {path: data, hive: true}}\n"
                          "state: {rocksdb: {path: state}}\n")
        self.succeed("bootstrap", file)
        rows = {row["key"]["k"]: row["s"] for row in self.succeed("dump", file).rows()}
        self.assertEqual(rows, {"own": 1, "dir": 6})
        without = file.read_text().replace(", hive: true", "")
        file.write_text(without)
        refused = self.murmur("bootstrap", file)
        self.assertNotEqual(refused.code, 0)  # another definition than the state's

    def shell(self, command):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True,
                              timeout=RUN_SECONDS_MAX, cwd=self.directory)
        self.assertEqual(done.returncode, 0, done.stderr)
        row = self.succeed("dump", self.directory / "d.yaml").rows()[0]
        self.assertEqual((row["n"], row["s"]), (100, 4950))
        subprocess.run(["rm", "-rf", str(self.directory / "state")], check=True)

    def test_pipes_by_every_name(self):
        (self.directory / "lines").write_bytes(lines(0, 100))
        (self.directory / "packed").write_bytes(gzip.compress(lines(0, 100)))
        os.mkfifo(self.directory / "pipe")
        self.definition("pipe")
        self.shell(f"cat lines > pipe & {PROGRAM} bootstrap d.yaml")
        self.shell(f"{PROGRAM} bootstrap d.yaml & (sleep 0.5; cat packed > pipe); wait $!")
        self.definition(str(self.directory / "pipe"))
        self.shell(f"cat lines > pipe & {PROGRAM} bootstrap d.yaml")
        for path in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "-"):
            self.definition(path)
            self.shell(f"cat packed | {PROGRAM} bootstrap d.yaml")
            self.shell(f"{PROGRAM} bootstrap d.yaml < lines")
        self.definition("/dev/fd/7")
        self.shell(f"exec 7< <(cat lines); {PROGRAM} bootstrap d.yaml")

    def test_a_pipe_that_nobody_writes_to_is_left_when_stopped(self):
        os.mkfifo(self.directory / "pipe")
        child = self.start("bootstrap", self.definition("pipe"))
        self.wait_until("it waits", lambda: (self.directory / "state").exists())
        child.terminate()
        self.assertEqual(child.wait(timeout=RUN_SECONDS_MAX), 143)


if __name__ == "__main__":
    main()
