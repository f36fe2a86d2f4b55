"""What DynamoDB Local does not show: expired iterators, throttling, changes that are gone, empty
pages, clocks that differ, damaged answers, wrong keys, and shards that split while they are read."""

import random
import threading
import time

from dynamo_stand_in import ACCESS_KEY, SECRET_KEY, TABLE, DynamoStandIn
from program import ProgramTest, main

DEFINITION = """\
name: pipeline
key: [group]
aggregates: {n: count, total: sum(v)}
"""


class StandInTest(ProgramTest):
    def start_stand_in(self, **options):
        self.dynamo = self.enterContext(DynamoStandIn(seed=self.seed, **options))
        return self.dynamo

    def pipeline(self, settle="1s", secret=SECRET_KEY, more=""):
        return self.write("pipeline.yaml", DEFINITION + f"""\
source: {{dynamodb: {{table: {TABLE}, endpoint: "{self.dynamo.endpoint}", region: us-east-1,
  access_key: {ACCESS_KEY}, secret_key: "{secret}", settle: {settle}{more}}}}}
state: {{rocksdb: {{path: state}}}}
""")

    def change(self, count):
        source = random.Random(self.seed)
        for n in range(count):
            key = str(source.randrange(60))
            if source.random() < 0.2:
                self.dynamo.delete(key)
            else:
                self.dynamo.write({"id": {"N": key}, "v": {"N": str(source.randrange(1000))},
                                   "group": {"S": f"g{source.randrange(4)}"}})

    def check(self, file):
        expected = {}
        for item in self.dynamo.items.values():
            n, total = expected.get(item["group"]["S"], (0, 0))
            expected[item["group"]["S"]] = n + 1, total + int(item["v"]["N"])
        self.assertEqual({row["key"]["group"]: (row["n"], row["total"])
                          for row in self.succeed("dump", file).rows()}, expected)

    def bootstrap_change_and_follow(self, file):
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.change(200)
        self.succeed("run", file, "--until-caught-up", "--quiet")
        self.check(file)

    def test_pages_that_are_empty_or_partial(self):
        self.start_stand_in(empty=0.4, page_records=40)
        self.change(300)
        self.bootstrap_change_and_follow(self.pipeline(settle="8s"))

    def test_iterators_that_expire(self):
        self.start_stand_in(page_records=20)
        self.dynamo.iterator_uses_max = 2
        self.change(200)
        self.bootstrap_change_and_follow(self.pipeline())
        self.assertGreater(self.dynamo.asked["GetShardIterator"], 5)

    def test_a_service_that_is_asked_too_often_or_fails(self):
        self.start_stand_in(page_records=50)
        self.change(200)
        for operation, name in (("Scan", "ProvisionedThroughputExceededException"),
                                ("Scan", "ThrottlingException"),
                                ("DescribeTable", "ThrottlingException"),
                                ("DescribeStream", "LimitExceededException"),
                                ("GetShardIterator", "ThrottlingException"),
                                ("GetRecords", "ProvisionedThroughputExceededException")):
            self.dynamo.fail(operation, name, times=3)
        self.dynamo.fail("Scan", "InternalServerError", times=2, status=500)
        self.dynamo.damage(4)
        self.bootstrap_change_and_follow(self.pipeline())

    def test_clocks_that_differ(self):
        for ahead in (3600, -3600):
            with self.subTest(ahead):
                self.start_stand_in(ahead_seconds=ahead, page_records=50)
                self.change(100)
                file = self.pipeline()
                self.succeed("bootstrap", file, "--fresh", "--quiet")
                self.check(file)

    def test_shards_that_split_while_they_are_read(self):
        self.start_stand_in(empty=0.3, page_records=20)
        self.change(100)
        ended = threading.Event()

        def split():
            while not ended.wait(0.4):
                self.change(20)
                if len(self.dynamo.shards) < 30:
                    self.dynamo.split(into=random.choice((1, 2)))
        file = self.pipeline(settle="8s")
        thread = threading.Thread(target=split)
        thread.start()
        child = self.start("run", file, "--quiet")
        for _ in range(3):
            time.sleep(1.5)
            self.kill(child)
            child = self.start("run", file, "--quiet")
        ended.set()
        thread.join()
        self.kill(child)
        self.succeed("run", file, "--until-caught-up", "--quiet")
        self.check(file)

    def test_a_record_made_after_the_scan_makes_it_exact(self):
        """Though shards stay open, and long before they would be assumed to be empty."""
        self.start_stand_in(page_records=50)
        self.change(50)
        file = self.pipeline(settle="10m")
        child = self.start("bootstrap", file, "--quiet")
        while child.poll() is None:
            self.change(5)
            time.sleep(0.2)
        self.assertEqual(child.returncode, 0, child.communicate())
        self.assertNotIn("assumed", self.status(file))

    def test_changes_that_are_gone(self):
        self.start_stand_in(page_records=50)
        self.change(50)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.change(50)
        self.dynamo.trim()
        err = self.fail_with(1, "run", file, "--quiet").err
        for text in (self.dynamo.shards[0].id, "24 hours", "--fresh"):
            self.assertIn(text, err)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.check(file)

    def test_keys_that_are_refused(self):
        self.start_stand_in()
        err = self.fail_with(1, "bootstrap", self.pipeline(secret="another-secret"), "--quiet").err
        self.assertIn("refuses these credentials", err)
        self.assertIn("The request signature we calculated does not match", err)
        self.assertNotIn("another-secret", err)

    def test_a_right_that_is_missing(self):
        self.start_stand_in()
        self.dynamo.fail("DescribeTable", "AccessDeniedException", times=9, message=(
            "User: arn:aws:iam::123:user/x is not authorized to perform: dynamodb:DescribeTable"))
        err = self.fail_with(1, "bootstrap", self.pipeline(), "--quiet").err
        self.assertIn("is not authorized to perform: dynamodb:DescribeTable", err)
        self.assertIn("GetShardIterator", err)

    def test_a_budget_is_kept_to(self):
        """Each page costs a unit."""
        self.start_stand_in()
        self.change(400)
        pages = len(self.dynamo.items) / self.dynamo.page_items
        began = time.monotonic()
        self.succeed("bootstrap", self.pipeline(more=", max_read_capacity: 3"), "--quiet")
        self.assertGreater(time.monotonic() - began, (pages - 3) / 3)


if __name__ == "__main__":
    main()
