"""Changes of a collection that are followed, by a ledger and by cuts."""

import time

from mongo_case import LEAST, ByCuts, MongoCase, Writers, id_of
from mongo_server import FORGETFUL, MongoServer
from program import main


class LiveTest(MongoCase):
    def test_every_kind_of_change(self):
        self.fill(2000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        for number in range(0, 600, 3):
            self.collection.delete_one({"_id": id_of(number)})
            self.collection.update_one({"_id": id_of(number + 1)}, {"$set": {"group": "moved"}})
            self.collection.update_one({"_id": id_of(number + 2)}, {"$set": {"amount": 1}})
        self.fill_more(2000, 100)
        self.catch_up(file)
        self.check(file)
        self.collection.delete_many({})
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})

    def test_a_run_follows_and_answers(self):
        self.fill(1000)
        self.follow_and_end(self.pipeline(), lambda: self.fill_more(1000, 500))

    def test_only_what_changed_is_read(self):
        self.fill(5000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.fill_more(5000, 1000)
        before = self.documents_returned()
        summary = self.catch_up(file)
        self.assertLess(self.documents_returned() - before, 1200)
        self.check(file)

    def test_a_collection_that_is_dropped(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        child = self.follow(file)
        self.collection.drop()
        err = self.wait_for_end(child, 1)
        self.assertIn("dropped", err)
        self.assertIn("--fresh", err)
        self.assertEqual(self.dumped(file), dumped)
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("has no collection", outcome.err)
        self.assertIn("--fresh", outcome.err)

    def test_an_oplog_that_has_lost_the_position(self):
        server = self.enterContext(MongoServer(**FORGETFUL))
        self.collection = self.make(server)
        self.fill(100)
        file = self.pipeline(server=server)
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        self.collection.delete_one({})
        server.roll_oplog()
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("oplog", outcome.err)
        self.assertIn("--fresh", outcome.err)
        self.assertEqual(self.dumped(file), dumped)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.check(file)


class CutLiveTest(ByCuts, LiveTest):
    """The collection keeps pre- and post-images of its documents."""

    def test_a_bootstrap_does_not_wait_for_an_idle_server(self):
        self.fill(500)
        # From here on a stream of the collection gives nothing except a mark every ten seconds.
        self.collection.database["other"].insert_one({"_id": 1})
        file = self.pipeline()
        begin = time.monotonic()
        self.succeed("bootstrap", file, "--quiet")
        self.assertLess(time.monotonic() - begin, 8)
        self.check(file)

    def test_images_that_are_switched_off(self):
        self.fill(500)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        self.switch_images(False)
        self.collection.delete_one({"_id": id_of(1)})
        self.switch_images(True)
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("method: ledger", outcome.err)
        self.assertIn("--fresh", outcome.err)
        self.assertEqual(self.dumped(file), dumped)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.check(file)

    def test_who_wants_a_ledger_gets_one(self):
        self.fill(500)
        file = self.pipeline(method="ledger")
        self.succeed("bootstrap", file, "--quiet")
        self.assertNotIn("method", self.status(file))
        self.succeed("verify", file, "--quiet")

    def test_windows_that_expire_need_a_ledger(self):
        self.fill(500)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        file = self.pipeline(window="{every: 1d, keep: 7d}")
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("keep", outcome.err)
        self.assertIn("--fresh", outcome.err)


class AloneTest(MongoCase):
    """A scan without changes afterwards, and changes without a scan before."""

    def test_rows_alone(self):
        self.fill(3000)
        for method in ("ledger", "cut"):
            with self.subTest(method):
                self.switch_images(method == "cut")
                file = self.pipeline(role="bootstrap", name=method, method=method)
                with Writers(self.mongo, self.collection, seed=5):
                    self.succeed("bootstrap", file, "--quiet")
                answer = self.succeed("query", file, "g0", "--format", "json").rows()[0]
                self.assertEqual(answer["_exact"], "exact")
                before = self.dumped(file)
                self.fill_more(10_000_000 + 1000 * len(method), 100)
                self.assertIn("COMPLETE already", self.succeed("run", file).err)
                self.assertEqual(self.dumped(file), before)
                self.succeed("bootstrap", file, "--fresh", "--quiet")
                self.check(file)

    def test_rows_alone_are_not_verified(self):
        self.fill(10)
        file = self.pipeline(role="bootstrap")
        self.succeed("bootstrap", file, "--quiet")
        self.assertIn("nothing follows the rows", self.fail_with(2, "verify", file).err)

    def test_changes_alone(self):
        self.fill(1000)
        file = self.pipeline(role="live")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})
        self.change_some()
        self.catch_up(file)
        self.collection.delete_many({"_id": {"$in": [id_of(n) for n in range(200, 1000)]}})
        self.catch_up(file)
        self.check(file)
        self.assertEqual(self.succeed("verify", file, "--quiet").code, 0)

    def change_some(self):
        """Rows that existed and are not changed have the numbers 200 to 1,000."""
        for number in range(200):
            self.collection.update_one({"_id": id_of(number)}, {"$set": {"group": "moved"}})
        self.collection.delete_many({"_id": {"$in": [id_of(n) for n in range(0, 50)]}})
        self.fill_more(1000, 100)

    def test_changes_since_a_time(self):
        self.fill(1000)
        time.sleep(1.1)  # a change is as of a second
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.change_some()
        file = self.pipeline(role="live", source={"start": start})
        self.catch_up(file)
        self.collection.delete_many({"_id": {"$in": [id_of(n) for n in range(200, 1000)]}})
        self.catch_up(file)
        self.check(file)

    def test_changes_that_the_oplog_has_lost(self):
        server = self.enterContext(MongoServer(**FORGETFUL))
        self.collection = self.make(server)
        server.roll_oplog()
        file = self.pipeline(server=server, role="live", source={"start": "2026-01-01T00:00:00Z"})
        self.assertIn("oplog", self.fail_with(1, "run", file, "--until-caught-up").err)
        self.pipeline(server=server, role="live")
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.catch_up(file)
        self.fill(50)
        self.catch_up(file)
        self.check(file)

    def test_changes_alone_through_kills(self):
        file = self.pipeline(role="live")
        self.catch_up(file)
        with Writers(self.mongo, self.collection, seed=6):
            for _ in range(5):
                child = self.start("run", file, "--quiet")
                time.sleep(self.random.uniform(0.2, 1.0))
                self.kill(child)
        self.catch_up(file)
        self.check(file)


class ChangeTest(MongoCase):
    """Tables whose rows are said never to change."""

    def prepare(self, on_change, **more):
        self.fill(300)
        file = self.pipeline(on_change=on_change, **more)
        self.succeed("bootstrap", file, "--quiet")
        dumped = self.dumped(file)
        self.collection.update_many({}, {"$set": {"group": "moved"}})
        self.collection.delete_one({"_id": id_of(7)})
        return file, dumped

    def test_changes_that_are_ignored(self):
        file, dumped = self.prepare("ignore")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), dumped)

    def test_changes_that_are_errors(self):
        file, dumped = self.prepare("error")
        summary = self.catch_up(file)
        self.assertEqual(self.dumped(file), dumped)
        self.assertEqual(summary["dead_letters_by_reason"], {"changed": 301})


class RebuildTest(MongoCase):
    """Aggregates that can't subtract."""

    AGGREGATES = ("{n: count, low: min(amount), high: max(amount), kinds: set(kind), "
                  "amounts: distinct_exact(amount), about: distinct(amount)}")

    def test_rows_that_change_and_go(self):
        self.fill(3000)
        file = self.pipeline(aggregates=self.AGGREGATES, key="[[group], []]", window=None)
        self.succeed("bootstrap", file, "--quiet")
        self.check_all(file)
        for number in range(0, 900, 3):
            self.collection.delete_one({"_id": id_of(number)})
            self.collection.update_one({"_id": id_of(number + 1)}, {"$set": {"group": "g1"}})
            self.collection.update_one({"_id": id_of(number + 2)}, {"$inc": {"amount": 300}})
        self.catch_up(file)
        self.check_all(file)
        self.collection.delete_many({"group": {"$ne": "g1"}})
        self.catch_up(file)
        self.check_all(file)
        self.assertIn("counted anew: low, high", self.succeed("check", file).out)

    def check_all(self, file):
        rows = self.succeed("dump", file).rows()
        dumped = {row["key"].get("group"): [row["n"], row["low"], row["high"],
                                            sorted(row["kinds"]), row["amounts"]] for row in rows}
        expected = {}
        for group in ("$group", None):
            for row in self.collection.aggregate([
                    {"$match": {"amount": {"$gt": LEAST}}},
                    {"$group": {"_id": group, "n": {"$sum": 1}, "low": {"$min": "$amount"},
                                "high": {"$max": "$amount"}, "kinds": {"$addToSet": "$kind"},
                                "amounts": {"$addToSet": "$amount"}}}]):
                expected[row["_id"]] = [row["n"], row["low"], row["high"], sorted(row["kinds"]),
                                        len(row["amounts"])]
        self.assertEqual(dumped, expected)
        for row in rows:
            self.assertAlmostEqual(row["about"], row["amounts"], delta=3 + row["amounts"] * 0.1)
        self.succeed("verify", file, "--quiet")


if __name__ == "__main__":
    main()
