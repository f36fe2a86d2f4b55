"""Changes of a table of DynamoDB that are followed."""

import time

from dynamo_case import LEAST, DynamoCase, RollingShards, Writers, key_of
from dynamo_server import DynamoServer
from program import main


class LiveTest(DynamoCase):
    def test_every_kind_of_change(self):
        self.fill(1000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        for number in range(0, 300, 3):
            self.delete(number)
            self.update(number + 1, group={"S": "moved"})
            self.update(number + 2, amount={"N": "1"})
        self.fill_more(1000, 100)
        self.catch_up(file)
        self.check(file)
        self.client.update_item(TableName=self.table, Key=key_of(1), UpdateExpression="REMOVE #a",
                                ExpressionAttributeNames={"#a": "amount"})
        self.catch_up(file)
        self.check(file)
        for number in range(1100):
            self.delete(number)
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})

    def test_a_run_follows_and_answers(self):
        self.fill(500)
        self.follow_and_end(self.pipeline(), lambda: self.fill_more(500, 200))

    def test_shards_that_end(self):
        """While nothing reads, between two runs, and while one follows."""
        self.fill(300)
        self.dynamo.roll_shards()
        file = self.pipeline()
        self.fill_more(300, 100)
        self.succeed("bootstrap", file, "--quiet")
        for number in range(4):
            self.fill_more(400 + 50 * number, 50)
            self.dynamo.roll_shards()
            self.update(number, group={"S": "moved"})
        self.catch_up(file)
        self.check(file)
        child = self.follow(file)
        for number in range(4):
            self.dynamo.roll_shards()
            self.fill_more(600 + 50 * number, 50)
        self.wait_until("it has counted", lambda: self.dumped(file) == self.expected())
        self.end(child)

    def test_exactness_is_assumed_until_the_shard_ends(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.assertTrue(self.status(file)["assumed"])
        self.assertEqual(self.exactness_of_answers(file), "converging (assumed)")
        self.dynamo.roll_shards()
        self.catch_up(file)
        self.assertNotIn("assumed", self.status(file))
        self.assertEqual(self.exactness_of_answers(file), "exact")
        self.check(file)

    def exactness_of_answers(self, file):
        return self.succeed("query", file, "g1", "--format", "json").rows()[0]["_exact"]

    def test_a_shard_that_ends_during_the_bootstrap_makes_it_exact(self):
        self.fill(100)
        file = self.pipeline(source={"settle": "60s"})
        with RollingShards(self.dynamo, every_seconds=0.5):
            self.succeed("bootstrap", file, "--quiet")
        self.assertNotIn("assumed", self.status(file))
        self.check(file)

    def test_images_of_before_and_after(self):
        self.table += ".both"
        self.dynamo.create_table(self.table, self.KEY, view="NEW_AND_OLD_IMAGES")
        self.fill(200)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.update(3, group={"S": "moved"})
        self.catch_up(file)
        self.check(file)

    def test_rows_alone_and_changes_alone(self):
        self.fill(200)
        rows = self.pipeline(name="rows", role="bootstrap")
        self.succeed("bootstrap", rows, "--quiet")
        self.assertEqual(self.dumped(rows), self.expected())
        self.dynamo.roll_shards()  # what it had is in shards that have ended
        changes = self.pipeline(name="changes", role="live")
        child = self.follow(changes)
        self.fill_more(200, 100)
        matching = sum(int(one["amount"]["N"]) > LEAST for one in self.items()
                       if float(one["number"]["N"]) >= 200)
        self.wait_until("it has counted", lambda: sum(
            n for n, *_ in self.dumped(changes).values()) == matching)
        self.end(child)

    def test_verify_beside_writers_and_alone(self):
        self.fill(1000)
        file = self.pipeline()
        child = self.follow(file)
        # Records tell the minute in which they were made: shards that end say more.
        with Writers(self.dynamo, self.table, self.seed, per_second=100, threads=2), \
                RollingShards(self.dynamo, every_seconds=1):
            time.sleep(1)
            self.succeed("verify", file, "--quiet")
        self.end(child)
        self.update(1, amount={"N": "777"})
        self.succeed("verify", file, "--quiet")
        self.succeed("verify", file, "--repair", "--quiet")


class RefusedTest(DynamoCase):
    """What ends a run, and what it says."""

    def refused(self, file, *texts, command="bootstrap"):
        outcome = self.fail_with(1, command, file, "--quiet")
        for text in texts:
            self.assertIn(text, outcome.err)
        self.assertNotIn("secret", outcome.err)

    def test_tables_that_tell_no_changes(self):
        for view, text in ((None, "StreamViewType=NEW_IMAGE"), ("KEYS_ONLY", "KEYS_ONLY"),
                           ("OLD_IMAGE", "OLD_IMAGE")):
            with self.subTest(view):
                self.dynamo.create_table(f"{self.table}.{view}", self.KEY, view=view)
                file = self.pipeline(name=f"{view}".lower(),
                                     source={"table": f"{self.table}.{view}"})
                self.refused(file, "aws dynamodb update-table", text)

    def test_a_table_that_is_not_there(self):
        self.refused(self.pipeline(source={"table": "nowhere"}), "there is no such table",
                     "region:")

    def test_a_server_that_is_not_there(self):
        file = self.pipeline(source={"endpoint": "http://127.0.0.1:1"})
        child = self.start("bootstrap", file, "--quiet")
        time.sleep(1)
        self.assertIsNone(child.poll(), "it waits for the server")
        self.end(child)

    def test_a_stream_that_is_enabled_again(self):
        self.fill(50)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        child = self.follow(file)
        self.switch_stream(False)
        self.assertIn("disabled", self.wait_for_end(child, 1))
        time.sleep(1.1)  # its name has the second
        self.switch_stream(True)
        self.refused(file, "enabled again", "--fresh", command="run")
        self.assertEqual(self.dumped(file), dumped)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.check(file)

    def switch_stream(self, enabled):
        view = {"StreamViewType": "NEW_IMAGE"} if enabled else {}
        self.client.update_table(TableName=self.table,
                                 StreamSpecification={"StreamEnabled": enabled} | view)

    def test_changes_that_are_gone(self):
        server = self.enterContext(DynamoServer())
        self.make(server)
        self.fill(50)
        file = self.pipeline(server=server)
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        self.update(1, amount={"N": "5"})
        server.age_streams(25)
        self.update(2, amount={"N": "5"})
        self.refused(file, "shard", "24 hours", "--fresh", command="run")
        self.assertEqual(self.dumped(file), dumped)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.check(file)


if __name__ == "__main__":
    main()
