"""`murmur verify`: correct states, states damaged on purpose, and rows that only look wrong."""

import datetime
import itertools
import pathlib
import subprocess
import time

from mongo_case import DOCUMENTS, FIRST_DAY, LEAST, ByCuts, MongoCase, Writers, document
from program import LONG, PROGRAM, SLOWNESS, main

DAMAGE = pathlib.Path(PROGRAM).with_name("murmur_damage_state")


class VerifyCase(MongoCase):
    def prepare(self, rows=3000, **changes):
        self.fill(rows)
        file = self.pipeline(**changes)
        self.succeed("bootstrap", file, "--quiet")
        return file

    def damage(self, file, *actions):
        done = subprocess.run([DAMAGE, file, *map(str, actions)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def verify(self, file, *arguments, code=0):
        outcome = self.murmur("verify", file, "--format", "json", *arguments)
        self.assertEqual(outcome.code, code, outcome.out[-2000:] + outcome.err)
        *findings, summary = outcome.rows()
        self.assertEqual(summary["agrees"], code == 0)
        return findings, summary

    def found(self, summary, part="found"):
        return {kind: count for kind, count in summary[part].items() if count}

    def repair(self, file):
        """Repairs, and then checks the result in every way."""
        _, summary = self.verify(file, "--repair")
        self.assertTrue(summary["repaired"])
        self.check_right(file, summary)

    def check_right(self, file, summary):
        """After a verification that repaired what it found, if it found anything."""
        self.assertEqual(self.found(summary, "left" if summary["repaired"] else "found"), {})
        self.check(file)
        findings, summary = self.verify(file)
        self.assertEqual((findings, self.found(summary)), ([], {}))

    def check_each(self, file, number, actions):
        """Each action's damage is found as the given kind of finding, and repaired."""
        for action, kind in actions.items():
            with self.subTest(action):
                self.damage(file, action, number)
                findings, summary = self.verify(file, code=1)
                self.assertEqual(self.found(summary), {kind + "s": 1})
                self.assertEqual([finding["finding"] for finding in findings], [kind])
                self.assertEqual(len(findings[0]["state"]), not kind.startswith("missing"))
                self.assertEqual(len(findings[0]["expected"]), not kind.startswith("ghost"))
                self.repair(file)


class VerifyTests:
    """By either method."""

    def test_an_empty_collection_agrees(self):
        file = self.prepare(1)
        self.collection.delete_many({})
        _, summary = self.verify(file)
        self.assertEqual((summary["rows"], summary["keys"]), (0, 0))

    def test_it_catches_up_where_no_run_follows(self):
        file = self.prepare()
        self.collection.update_many({}, {"$set": {"group": "moved"}})
        self.collection.delete_many({"kind": "a"})
        self.verify(file)
        self.check(file)

    def test_documents_that_do_not_count_agree(self):
        file = self.prepare(300, max_errors=5)
        far = datetime.datetime(2999, 1, 1)
        self.collection.insert_many([{"_id": "no key", "amount": 500, "at": FIRST_DAY},
                                     {"_id": "far", "group": "g", "amount": 500, "at": far},
                                     {"_id": "filtered", "group": "g", "amount": 0},
                                     {"_id": "no time", "group": "g", "amount": 500}])
        self.verify(file)

    def test_documents_ahead_of_the_clock_agree(self):
        ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=10)
        file = self.prepare(300, max_ahead="30d")
        self.collection.insert_many([document(self.random, number) | {"at": ahead, "amount": 500}
                                     for number in range(1000, 1020)])
        self.verify(file)
        self.check(file)

    def test_keys(self):
        file = self.prepare()
        actions = {"lose-key": "missing_key", "double-key": "wrong_key",
                   "invent-key": "ghost_key"}
        self.check_each(file, 7, actions)


class VerifyTest(VerifyTests, VerifyCase):
    """`murmur verify`: correct states, states damaged on purpose, and rows that only look wrong."""

    def test_a_good_state_agrees(self):
        file = self.prepare(20_000)
        findings, summary = self.verify(file, "--threads", "2")
        self.assertEqual(findings, [])
        self.assertEqual(summary["rows"], 20_000)
        matching = {"amount": {"$gt": LEAST}}
        self.assertEqual(summary["rows_counted"], self.collection.count_documents(matching))
        self.assertEqual(summary["keys"], len(self.dumped(file)))
        text = self.succeed("verify", file).out
        self.assertIn("20,000 rows", text)
        self.assertIn("all agree", text)

    def test_expired_windows_agree(self):
        file = self.prepare(1000)
        self.pipeline(window="{every: 1d, keep: 1d}")
        later = {"at": FIRST_DAY + datetime.timedelta(days=9), "amount": 500, "kind": "c"}
        self.collection.insert_one(document(self.random, 1000) | later)
        self.collection.update_many({"kind": "a"}, {"$set": {"group": "moved"}})
        self.collection.delete_many({"kind": "b"})
        _, summary = self.verify(file)
        self.assertEqual(summary["keys"], 1)
        # What has expired stays so.
        self.pipeline(window="{every: 1d, keep: 90d}")
        self.verify(file)

    def test_no_false_alarm_while_a_run_follows_and_writers_write(self):
        file = self.prepare(DOCUMENTS)
        child = self.follow(file)
        with Writers(self.mongo, self.collection, self.seed) as writers:
            for _ in range(10 if LONG else 4):
                _, summary = self.verify(file, "--threads", "2")
                self.assertLess(summary["rows_not_compared"], 1000)
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        _, summary = self.verify(file)
        self.assertEqual(summary["rows_not_compared"], 0)
        self.end(child)

    def test_no_false_alarm_while_writers_write_and_no_run_follows(self):
        file = self.prepare(DOCUMENTS)
        with Writers(self.mongo, self.collection, self.seed):
            for _ in range(4 if LONG else 2):
                self.verify(file, "--threads", "2")

    def test_damage_is_found_while_writers_write(self):
        file = self.prepare(DOCUMENTS)
        self.damage(file, "invent-row", 17, "double-key", 3)
        child = self.follow(file)
        with Writers(self.mongo, self.collection, self.seed):
            _, summary = self.verify(file, code=1)
        self.assertEqual(self.found(summary), {"ghost_rows": 1, "wrong_keys": 1})
        self.end(child)
        self.repair(file)

    def test_rows_that_live_has_missed(self):
        file = self.prepare()
        actions = {"forget-row": "missing_row", "change-row": "stale_row",
                   "invent-row": "ghost_row"}
        self.check_each(file, 40, actions)

    def test_rows_that_the_ledger_alone_has_otherwise(self):
        file = self.prepare()
        for action in "forget-row-only", "change-row-only", "invent-row-only":
            with self.subTest(action):
                self.damage(file, action, 40)
                _, summary = self.verify(file, code=1)
                found = self.found(summary)
                self.assertEqual(sum(n for kind, n in found.items() if kind.endswith("_rows")), 1)
                self.assertGreaterEqual(found["wrong_keys"], 1)
                self.repair(file)

    def test_much_damage_at_once(self):
        file = self.prepare(20_000)
        rows = [("forget-row", n, "change-row", n + 1, "invent-row", n + 2)
                for n in range(0, 6000, 4)]
        self.damage(file, *itertools.chain(*rows), "double-key", 1, "lose-key", 2, "invent-key", 3)
        text = self.fail_quietly("verify", file).out
        self.assertIn("1,500 missing rows, 1,500 stale rows, 1,500 ghost rows", text)
        self.assertEqual(len(text.splitlines()), 100 + 3 + 2)
        self.assertEqual(len(self.fail_quietly("verify", file, "--all").out.splitlines()), 4504)
        self.repair(file)

    def fail_quietly(self, *arguments):
        outcome = self.murmur(*arguments)
        self.assertEqual((outcome.code, outcome.err), (1, ""))
        return outcome

    def test_repair_needs_the_state_for_itself(self):
        file = self.prepare(100)
        self.damage(file, "double-key", 1)
        child = self.follow(file)
        outcome = self.fail_with(1, "verify", file, "--repair")
        self.assertIn("end it first", outcome.err)
        self.end(child)
        self.repair(file)

    def test_a_repaired_state_goes_on(self):
        file = self.prepare()
        self.damage(file, "forget-row", 10, "change-row", 20, "invent-row", 30, "lose-key", 5)
        self.repair(file)
        self.collection.update_many({}, {"$inc": {"amount": 7}})
        self.collection.delete_many({"kind": "c"})
        self.catch_up(file)
        self.check(file)
        self.verify(file)

    def test_repair_under_writers(self):
        file = self.prepare(DOCUMENTS)
        self.damage(file, "forget-row", 10, "change-row", 20, "invent-row", 30, "lose-key", 5)
        with Writers(self.mongo, self.collection, self.seed):
            _, summary = self.verify(file, "--repair")
        self.assertTrue(summary["repaired"])
        self.catch_up(file)
        self.check(file)
        self.verify(file)

    def test_a_repair_that_is_killed_leaves_a_good_state(self):
        file = self.prepare()
        for attempt in range(10 if LONG else 4):
            self.damage(file, "forget-row", 10, "invent-row", 30, "lose-key", 5)
            child = self.start("verify", file, "--repair")
            time.sleep(self.random.uniform(0, 0.4) * SLOWNESS)
            self.kill(child)
            outcome = self.murmur("verify", file, "--repair")
            self.assertEqual(outcome.code, 0, outcome.err)
            self.check(file)

    def test_what_can_not_be_verified(self):
        ignoring = self.pipeline(on_change="ignore")
        self.assertIn("on_change", self.fail_with(2, "verify", ignoring).err)
        events = self.define()
        self.assertIn("verify is for tables", self.fail_with(2, "verify", events).err)
        nothing_yet = self.pipeline(name="nothing_yet")
        self.assertIn("no state", self.fail_with(1, "verify", nothing_yet).err)
        file = self.prepare(100)
        self.pipeline(where="amount > 500")
        self.assertIn("where", self.fail_with(1, "verify", file).err)


class CutVerifyTest(ByCuts, VerifyTests, VerifyCase):
    """By cuts, keys are compared with the result of the rows at the same place in the log."""

    def test_a_good_state_agrees(self):
        file = self.prepare(20_000)
        self.assertEqual(self.status(file)["method"], "cut")
        findings, summary = self.verify(file, "--threads", "2")
        self.assertEqual(findings, [])
        self.assertEqual(summary["rows"], 20_000)
        self.assertEqual(summary["keys"], len(self.dumped(file)))
        self.assertNotIn("rows_counted", summary)
        text = self.succeed("verify", file).out
        self.assertIn("20,000 rows: all agree", text)
        self.assertEqual(list((self.directory / "state/pipeline").glob("verify/*")), [])

    def test_no_false_alarm_while_writers_write(self):
        file = self.prepare(DOCUMENTS)
        with Writers(self.mongo, self.collection, self.seed) as writers:
            self.verify(file, "--threads", "2")
            child = self.follow(file)
            for _ in range(10 if LONG else 3):
                self.verify(file, "--threads", "2")
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.end(child)

    def test_damage_is_found_and_repaired_while_writers_write(self):
        file = self.prepare(DOCUMENTS)
        self.damage(file, "double-key", 3, "invent-key", 1)
        with Writers(self.mongo, self.collection, self.seed):
            child = self.follow(file)
            _, summary = self.verify(file, code=1)
            self.assertEqual(self.found(summary), {"wrong_keys": 1, "ghost_keys": 1})
            self.end(child)
            _, summary = self.verify(file, "--repair")
            self.assertTrue(summary["repaired"])
        self.catch_up(file)
        self.check(file)

    def test_one_that_is_killed_is_in_nobodys_way(self):
        file = self.prepare(DOCUMENTS)
        for _ in range(3):
            self.damage(file, "double-key", 3)
            child = self.start("verify", file, "--repair")
            time.sleep(self.random.uniform(0, 0.6) * SLOWNESS)
            self.kill(child)
            _, summary = self.verify(file, "--repair")  # unless it was done before the kill
            self.check_right(file, summary)

    def test_two_at_once(self):
        file = self.prepare(DOCUMENTS)
        first = self.start("verify", file)
        shadow = self.directory / "state/pipeline/verify"
        self.wait_until("it builds", lambda: shadow.exists() or first.poll() is not None)
        self.assertIn("in use by pid", self.fail_with(1, "verify", file).err)
        self.assertEqual(first.wait(), 0)

    def test_images_that_are_switched_off(self):
        file = self.prepare(100)
        self.switch_images(False)
        self.assertIn("changeStreamPreAndPostImages", self.fail_with(1, "verify", file).err)


if __name__ == "__main__":
    main()
