"""The program on a real S3 server: signatures, many objects of all kinds, and a store that fails."""

import gzip
import io
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import program
from fault_proxy import Fault, FaultProxy
from s3_server import S3Server

OBJECTS = 1500
PER_OBJECT = 40


def line(number):
    return {"page": f"/{number % 17}", "user": f"u{number % 211}", "x": number}


def parquet(records):
    import pyarrow
    import pyarrow.parquet
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), out, row_group_size=25)
    return out.getvalue()


def zstd(text):
    import pyarrow
    return pyarrow.compress(text, codec="zstd", asbytes=True)


def as_lines(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


ENCODINGS = [("jsonl", as_lines), ("jsonl.gz", lambda r: gzip.compress(as_lines(r))),
             ("jsonl.zst", lambda r: zstd(as_lines(r))), ("parquet", parquet)]


class S3Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server())
        cls.proxy = cls.enterClassContext(FaultProxy(cls.server.endpoint))
        objects, cls.expected = {}, {}
        for i in range(OBJECTS):
            records = [line(i * PER_OBJECT + k) for k in range(PER_OBJECT)]
            ending, encode = ENCODINGS[i % len(ENCODINGS)]
            objects[f"events/{i % 7}/{i:05d}.{ending}"] = encode(records)
            for record in records:
                entry = cls.expected.setdefault(record["page"], [0, 0])
                entry[0] += 1
                entry[1] += record["x"]
        cls.server.put_all("logs", objects)
        cls.server.put_all("few", {name: body for name, body in list(objects.items())[:40]})

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def definition(self, endpoint, path="s3://logs/events/", more=""):
        file = self.folder / "events.yaml"
        file.write_text(f"name: events\nkey: [page]\naggregates: {{n: count, s: sum(x)}}\n"
                        f"bootstrap: {{s3: {{path: '{path}', endpoint: '{endpoint}'{more}}}}}\n"
                        f"state: {{rocksdb: {{path: state}}}}\n")
        return file

    def murmur(self, *arguments, env=None):
        return subprocess.run([program.PROGRAM, *map(str, arguments)], capture_output=True,
                              text=True, env=env or self.server.environment(), timeout=program.RUN_SECONDS_MAX * 5)

    def totals(self, file):
        rows = [json.loads(row) for row in self.murmur("dump", file).stdout.splitlines()]
        return {row["key"]["page"]: [row["n"], row["s"]] for row in rows}

    def check_complete(self, file):
        run = self.murmur("bootstrap", file, "--threads", 2)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.totals(file), self.expected)
        return run

    def test_objects_of_every_kind_under_a_prefix(self):
        self.check_complete(self.definition(self.server.endpoint))

    def test_a_wrong_secret_is_refused_with_what_to_check(self):
        file = self.definition(self.server.endpoint)
        run = self.murmur("bootstrap", file,
                          env=self.server.environment(AWS_SECRET_ACCESS_KEY="wrong"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", run.stderr)

    def test_keys_of_a_profile(self):
        env = self.server.environment(AWS_PROFILE="logs")
        keys = self.folder / "credentials"
        keys.write_text(f"[logs]\naws_access_key_id = {env.pop('AWS_ACCESS_KEY_ID')}\n"
                        f"aws_secret_access_key = {env.pop('AWS_SECRET_ACCESS_KEY')}\n")
        env["AWS_SHARED_CREDENTIALS_FILE"] = str(keys)
        file = self.definition(self.server.endpoint, "s3://few/events/")
        run = self.murmur("bootstrap", file, env=env)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_keys_in_the_definition_are_references_and_never_shown(self):
        file = self.definition(self.server.endpoint, more=", access_key: '${KEY}',"
                               " secret_key: '${SECRET}'")
        env = self.server.environment()
        env["KEY"], env["SECRET"] = env.pop("AWS_ACCESS_KEY_ID"), env.pop("AWS_SECRET_ACCESS_KEY")
        run = self.murmur("bootstrap", file, env=env)
        self.assertEqual(run.returncode, 0, run.stderr)
        shown = run.stderr + "".join(self.murmur(verb, file, env=env).stdout
                                     for verb in ("check", "status", "versions"))
        self.assertNotIn(env["SECRET"], shown)
        stored = b"".join(path.read_bytes() for path in self.folder.rglob("state/**/*")
                          if path.is_file())
        self.assertNotIn(env["SECRET"].encode(), stored)

    def test_nothing_below_the_prefix(self):
        run = self.murmur("bootstrap", self.definition(self.server.endpoint, "s3://logs/none/"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("'s3://logs/none/' has no object", run.stderr)

    def test_a_storm_of_503_is_outlived(self):
        storm = self.proxy.rule(Fault.SLOW_DOWN, share=0.1)
        self.addCleanup(storm.stop)
        self.check_complete(self.definition(self.proxy.endpoint))
        self.assertGreater(storm.happened, OBJECTS / 20)

    def test_connections_cut_in_mid_object_lose_and_double_nothing(self):
        cut = self.proxy.rule(Fault.CUT, keys=r"/000[0-2]\d\.", after_bytes=50, first=4)
        self.addCleanup(cut.stop)
        self.check_complete(self.definition(self.proxy.endpoint))
        self.assertGreaterEqual(cut.happened, 100)

    def test_an_object_that_can_not_be_read_is_named_and_the_rest_is_kept(self):
        cut = self.proxy.rule(Fault.CUT, keys="/00017", after_bytes=50)
        self.addCleanup(cut.stop)
        file = self.definition(self.proxy.endpoint)
        run = self.murmur("bootstrap", file, "--threads", 2)
        self.assertEqual(run.returncode, 1)
        self.assertIn("FAILED", run.stderr)
        self.assertIn("/00017.jsonl", run.stderr)
        cut.stop()
        again = self.check_complete(file)
        self.assertIn("COMPLETE", again.stderr)

    def test_an_object_that_vanishes_between_listing_and_reading(self):
        gone = self.proxy.rule(Fault.NOT_FOUND, keys="/00033", operations=["GET"])
        self.addCleanup(gone.stop)
        file = self.definition(self.proxy.endpoint)
        run = self.murmur("bootstrap", file)
        self.assertEqual(run.returncode, 1)
        self.assertIn("/00033.jsonl", run.stderr)
        gone.stop()
        self.check_complete(file)

    def test_a_stop_ends_a_request_that_hangs(self):
        for operation in ("LIST", "GET"):
            hang = self.proxy.rule(Fault.DELAY, operations=[operation], seconds=60)
            self.addCleanup(hang.stop)
            file = self.definition(self.proxy.endpoint)
            before = len(self.proxy.requests)
            child = subprocess.Popen([program.PROGRAM, "bootstrap", str(file)],
                                     env=self.server.environment(), stderr=subprocess.PIPE,
                                     text=True)
            while not any(r.operation == operation for r in self.proxy.requests[before:]):
                time.sleep(0.01)
            time.sleep(0.3)  # until all that is under way hangs
            child.send_signal(signal.SIGINT)
            begin = time.monotonic()
            child.communicate(timeout=program.RUN_SECONDS_MAX)
            self.assertEqual(child.returncode, 130)
            self.assertLess(time.monotonic() - begin, 3 * program.SLOWNESS, operation)
            hang.stop()

    def test_objects_that_appear_later_are_told_and_not_counted(self):
        slow = self.proxy.rule(Fault.DELAY, seconds=0.5, operations=["GET"])
        self.addCleanup(slow.stop)
        file = self.definition(self.proxy.endpoint, "s3://few/events/")
        before = len(self.proxy.requests)
        child = subprocess.Popen([program.PROGRAM, "bootstrap", str(file), "--threads", "1"],
                                 env=self.server.environment(), stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.server.delete, "few", "events/late.jsonl")
        while not any(request.operation == "GET" for request in self.proxy.requests[before:]):
            time.sleep(0.01)
        self.server.put("few", "events/late.jsonl", b'{"page": "/late", "x": 1}\n')
        slow.stop()
        _, stderr = child.communicate(timeout=300)
        self.assertEqual(child.returncode, 0, stderr)
        self.assertIn("1 object appeared since the scan began", stderr)
        self.assertIn("events/late.jsonl", stderr)
        self.assertNotIn("/late", self.totals(file))


if __name__ == "__main__":
    unittest.main(verbosity=2)
