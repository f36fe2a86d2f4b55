"""The documents of a collection as they are, and what is said before they are read."""

import itertools

from mongo_case import FIRST_DAY, GROUPS, LEAST, MongoCase, document, id_of
from program import main


class CheckTest(MongoCase):
    """Which method a state is kept by."""

    def method(self, **changes):
        return self.succeed("check", self.pipeline(**changes)).out.splitlines()[-1]

    def test_with_images_and_without(self):
        said = self.method()
        self.assertIn("by a ledger: ", said)
        self.assertIn(f'{{collMod: "{self.name}", changeStreamPreAndPostImages: {{enabled: true}}}}',
                      said)
        outcome = self.fail_with(1, "bootstrap", self.pipeline(method="cut"), "--quiet")
        self.assertIn("collMod", outcome.err)
        self.switch_images(True)
        self.assertIn("kept by cuts", self.method())
        self.assertIn("by a ledger: ", self.method(aggregates="{largest: max(amount)}"))
        self.assertIn("by a ledger: ", self.method(method="ledger"))

    def test_what_can_not_be_cut_is_told_at_once(self):
        file = self.pipeline(method="cut", aggregates="{largest: max(amount)}")
        self.assertIn("largest", self.fail_with(2, "check", file).err)

    def test_a_server_that_does_not_answer(self):
        file = self.pipeline(source={"uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"})
        self.assertIn("no answer", self.succeed("check", file).out.splitlines()[-1])


class BootstrapTest(MongoCase):
    def test_the_documents_as_they_are(self):
        self.fill(5000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)

    def test_many_splits_with_ids_of_every_type(self):
        self.fill(60_000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet", "--threads", "2")
        self.check(file)

    def test_how_far_it_is(self):
        count = 60_000
        self.fill(count)
        percent = 0
        for attempt in itertools.count():
            file = self.pipeline(name=f"attempt_{attempt}", commit_every="10ms")
            child = self.start("bootstrap", file, "--quiet", "--threads", "1")
            self.wait_until("rows are counted",
                            lambda: self.status_if_any(file).get("records", 0) > 0)
            self.kill(child)
            percent = self.status(file).get("percent", 100)
            if 0 < percent < 100:
                break
        self.assertIn(f"bootstrapping {int(percent)} %", self.succeed("status", file).out)
        rows = self.succeed("query", file, "--total", f"g{self.random.randrange(GROUPS)}").rows()
        self.assertEqual(rows[0]["_exact"], "converging")
        left, before = count - self.status(file)["records"], self.documents_returned()
        self.succeed("bootstrap", file, "--quiet")
        self.assertLess(self.documents_returned() - before, left + 100)  # nothing is read again
        self.assertNotIn("percent", self.status(file))
        self.check(file)

    def test_an_empty_collection(self):
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.assertEqual(self.dumped(file), {})
        self.fill(10)
        self.catch_up(file)
        self.check(file)

    def test_a_collection_that_is_not_there(self):
        file = self.pipeline(source={"collection": "nowhere"})
        outcome = self.fail_with(1, "bootstrap", file, "--quiet")
        self.assertIn("nowhere", outcome.err)

    def test_a_server_that_is_not_there(self):
        file = self.pipeline(source={"uri": "mongodb://user:hunter2@127.0.0.1:1/"
                                            "?serverSelectionTimeoutMS=300"})
        outcome = self.fail_with(1, "bootstrap", file, "--quiet")
        self.assertIn("127.0.0.1:1", outcome.err)
        self.assertNotIn("hunter2", outcome.err)

    def test_documents_that_are_too_long(self):
        self.fill(20)
        long = document(self.random, 20) | {"amount": 500, "group": "g" * 2000}
        self.collection.insert_many([long, document(self.random, 21) | {"unread": "x" * 2000}])
        file = self.pipeline(max_record="1KiB", max_errors=5)
        self.succeed("bootstrap", file, "--quiet")
        self.collection.update_one({"_id": id_of(3)}, {"$set": {"group": "h" * 2000}})
        self.catch_up(file)
        letters = self.dead_letters()
        self.assertEqual([letter["reason"] for letter in letters], ["too_long"] * 2)
        self.assertIn("max_record", letters[0]["detail"])
        self.collection.delete_many({"_id": {"$in": [long["_id"], id_of(3)]}})
        self.check(file)

    def test_documents_that_can_not_be_counted(self):
        self.fill(20)
        self.collection.insert_one({"_id": "bad", "amount": 500, "at": FIRST_DAY})
        file = self.pipeline(max_errors=5)
        self.succeed("bootstrap", file, "--quiet")
        self.collection.delete_one({"_id": "bad"})
        self.check(file)
        letters = self.dead_letters()
        self.assertEqual([letter["reason"] for letter in letters], ["missing_key"])
        self.assertIn("bad", letters[0]["id"])


class UnknownFieldTest(MongoCase):
    def test_one_that_no_document_has_is_told_with_what_may_be_meant(self):
        """The server is asked for the fields that are read, and for no others."""
        self.fill(3000)
        file = self.pipeline(aggregates="{n: count, t: sum(amuont), w: distinct(nobody.read)}")
        err = self.succeed("bootstrap", file).err
        self.assertIn("no record had a value for 'amuont' (looked for in ", err)
        self.assertEqual(self.unknown_fields(file),
                         {"amuont": "amount", "nobody.read": "nobody.reads"})

    def test_a_change_that_brings_it_ends_that(self):
        self.fill(100)
        file = self.pipeline(aggregates="{n: count, t: sum(fee), u: sum(other)}")
        self.succeed("bootstrap", file)
        self.assertEqual(set(self.unknown_fields(file)), {"fee", "other"})
        self.collection.update_one({}, {"$set": {"fee": 1, "amount": LEAST + 1}})
        self.catch_up(file)
        self.assertEqual(set(self.unknown_fields(file)), {"other"})
        self.collection.delete_many({})
        self.catch_up(file)
        self.assertEqual(set(self.unknown_fields(file)), {"other"})


if __name__ == "__main__":
    main()
