"""A full export of a table to S3 that is read instead of the table, and the stream from before it."""

import datetime
import gzip
import json
import shutil
import time
import unittest.mock

import dynamo_server
import writers
from dynamo_case import ITEMS, KILLS, DynamoCase, RollingShards, Writers
from dynamo_server import DynamoServer
from program import main
from s3_server import S3Server

BUCKET = "exports"
PREFIX = f"AWSDynamoDB/{writers.EXPORT}/"
HOUR = datetime.timedelta(hours=1)


class ExportCase(DynamoCase):
    def setUp(self):
        super().setUp()
        self.exported = self.directory / "copy" / PREFIX

    def export_objects(self, *, age=datetime.timedelta(), **options):
        """What an export writes of the table as it is from now on."""
        at = datetime.datetime.now(datetime.timezone.utc) - age
        lines = [{"Item": one} for one in self.items()]
        self.random.shuffle(lines)
        facts = self.client.describe_table(TableName=self.table)["Table"]
        return writers.export_objects(lines, **{
            "per_file": max(1, len(lines) // 5), "tableId": "one",  # which this server does not tell
            "tableArn": facts["TableArn"],
            "exportTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"} | options)

    def export(self, **options):
        """A copy of it, on disk; what the definition says of it."""
        shutil.rmtree(self.directory / "copy", ignore_errors=True)
        for key, body in self.export_objects(**options).items():
            path = self.directory / "copy" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        return {"export": f"copy/{PREFIX}"}

    def data_files(self):
        return sorted((self.exported / "data").iterdir())


class ExportTest(ExportCase):
    def test_changes_before_and_after_it(self):
        """Rows that are put, changed and deleted before and after it, in shards that have ended."""
        self.fill(600)
        self.dynamo.roll_shards()
        for number in range(0, 300, 3):
            self.delete(number)
            self.update(number + 1, group={"S": "before"})
        self.dynamo.roll_shards()
        file = self.pipeline(source=self.export())
        for number in range(0, 300, 6):
            self.put_again(number)
            self.update(number + 1, group={"S": "after"})
            self.delete(number + 2)
        self.dynamo.roll_shards()
        self.fill_more(600, 100)
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.delete(601)
        self.catch_up(file)
        self.check(file)

    def put_again(self, number):
        self.fill_more(number, 1)

    def test_verify_and_a_new_version_need_no_old_export(self):
        self.fill(200)
        file = self.pipeline(source=self.export())
        self.succeed("bootstrap", file, "--quiet")
        shutil.rmtree(self.exported)
        self.update(3, group={"S": "moved"})
        self.catch_up(file)
        self.succeed("verify", file, "--quiet")
        self.fail_with(1, "bootstrap", file, "--fresh", "--quiet")
        self.check(file)  # the serving version stays

    def test_rows_alone(self):
        self.fill(200)
        file = self.pipeline(role="bootstrap", source=self.export())
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)

    def test_an_empty_table(self):
        source = self.export()
        (self.exported / "data").mkdir()
        (self.exported / "data/empty.json.gz").write_bytes(b"")
        line = {"itemCount": 0, "dataFileS3Key": f"{PREFIX}data/empty.json.gz"}
        (self.exported / "manifest-files.json").write_text(json.dumps(line) + "\n")
        file = self.pipeline(source=source)
        self.succeed("bootstrap", file, "--quiet")
        self.fill(20)
        self.catch_up(file)
        self.check(file)

    def test_on_s3(self):
        bucket = S3Server()
        bucket.access_key = dynamo_server.KEYS["aws_access_key_id"]  # such as both servers take
        with bucket, unittest.mock.patch.dict(
                "os.environ", bucket.environment(AWS_ENDPOINT_URL_S3=bucket.endpoint)):
            self.fill(1000)
            bucket.put_all(BUCKET, {f"daily/{key}": body
                                    for key, body in self.export_objects().items()})
            self.delete(7)
            file = self.pipeline(source={"export": f"s3://{BUCKET}/daily/{PREFIX}"})
            self.succeed("bootstrap", file, "--quiet")
            self.check(file)
            key = next(key for key in self.export_objects() if key.endswith(".gz"))
            bucket.delete(BUCKET, f"daily/{key}")
            outcome = self.fail_with(1, "bootstrap", file, "--fresh", "--quiet")
            self.assertIn("is not there", outcome.err)

    def test_kills_beside_writers_while_shards_end(self):
        """It is made while others write, and read while they go on."""
        server = self.enterContext(DynamoServer())
        self.make(server)
        self.fill(ITEMS)
        with Writers(server, self.table, self.seed, per_second=400) as writing, \
                RollingShards(server, every_seconds=1.5):
            time.sleep(1)
            source = self.export()
            time.sleep(1)
            file = self.pipeline(server=server, source=source)
            self.run_through(file, KILLS, 0, restart=None)
        self.assertGreater(writing.written, 0)
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")


class RefusedExportTest(ExportCase):
    """What ends a bootstrap, and what it says."""

    def setUp(self):
        super().setUp()
        self.fill(100)

    def refused(self, source, *texts, code=1):
        file = self.pipeline(name=f"pipeline{time.monotonic_ns()}", source=source)
        outcome = self.fail_with(code, "bootstrap", file, "--quiet")
        for text in texts:
            self.assertIn(text, outcome.err)

    def test_what_it_is_not(self):
        for changes, texts in (
                ({"tableArn": "arn:aws:dynamodb:x:1:table/other"}, ["another table", "table/other"]),
                ({"exportType": "INCREMENTAL_EXPORT"}, ["INCREMENTAL_EXPORT", "full"]),
                ({"outputFormat": "ION"}, ["ION", "DYNAMODB_JSON"]),
                ({"tableId": None}, ["manifest-summary.json", "tableId"]),
                ({"itemCount": 99}, ["100 items", "99"]),
                ({"miscounted": True}, ["20 items", "21"])):
            with self.subTest(changes):
                self.refused(self.export(**changes), *texts)

    def test_times_that_the_stream_does_not_reach(self):
        self.refused(self.export(age=25 * HOUR), "24 hours", "Export again")
        self.refused(self.export(age=2 * HOUR), "enabled later", "Export again")
        self.refused(self.export(age=-2 * HOUR), "still to come")

    def test_one_that_has_not_ended(self):
        source = self.export()
        (self.exported / "manifest-summary.json").unlink()
        self.refused(source, "still going on, or failed")

    def test_two_of_them(self):
        self.export()
        shutil.copytree(self.exported, self.directory / "copy/AWSDynamoDB/0169-other")
        self.refused({"export": "copy"}, "has 2 exports", "0169-other", code=2)

    def test_files_that_are_missing_or_damaged(self):
        source = self.export()
        first = self.data_files()[0]
        whole = first.read_bytes()
        lines = gzip.decompress(whole)
        for body, texts in (
                (whole[:-9], []), (b"\0" * len(whole), []),
                (gzip.compress(lines.replace(b"row", b"raw")), ["MD5"]),
                (b"", ["is empty"])):
            first.write_bytes(body)
            self.refused(source, first.name, *texts)
        self.forget_sums()
        for body, text in ((lines[:-5], "line 20 is"), (b"{}\n", "line 1 is"),
                           (lines.replace(b"name", b"nome", 1), "primary key"),
                           (lines[:lines.rindex(b"{\"Item")], "has 19 items")):
            first.write_bytes(gzip.compress(body))
            self.refused(source, first.name, text)
        first.unlink()
        self.refused(source, first.name, "is not there")
        (self.exported / "manifest-files.json").unlink()
        self.refused(source, "has no manifest-files.json")

    def forget_sums(self):
        """The manifest tells no MD5 any more."""
        manifest = self.exported / "manifest-files.json"
        lines = [json.loads(line) for line in manifest.read_text().splitlines()]
        for line in lines:
            del line["md5Checksum"]
        manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def test_without_a_stream(self):
        self.client.update_table(TableName=self.table,
                                 StreamSpecification={"StreamEnabled": False})
        self.refused(self.export(), "aws dynamodb update-table")


if __name__ == "__main__":
    main()
