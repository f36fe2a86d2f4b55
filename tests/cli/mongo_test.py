"""A table in MongoDB: the program against a real replica set whose documents change all the time.

What is right is told by the server: the same aggregates by a pipeline of its own.
"""

import contextlib
import datetime
import functools
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time
import unittest
import unittest.mock
import uuid
from urllib.parse import quote

import bson
import pymongo
import pymongo.errors

from mongo_server import MongoReplicaSet, MongoServer
from program import LONG, PROGRAM, RUN_SECONDS_MAX, SLOWNESS, ProgramTest, main

# The driver's counters: a process that is killed leaves a file, and one with the same pid warns.
os.environ["MONGOC_DISABLE_SHM"] = "1"
DOCUMENTS = 500_000 if LONG else 30_000
KILLS = 20 if LONG else 4
DAMAGE = pathlib.Path(PROGRAM).with_name("murmur_damage_state")
RESTARTS = 3 if LONG else 1
WRITES_PER_SECOND = 1_000
DAYS = 3
GROUPS = 40
LEAST = 100  # amounts up to this don't match
DEFINITION = {
    "key": "[group]",
    "time": "at",
    "window": "{every: 1d}",
    "where": f"amount > {LEAST}",
    "aggregates": "{n: count, total: sum(amount), price: 'sum(price, decimal=2)', "
                  "kinds: count_by(kind)}",
}
FIRST_DAY = datetime.datetime(2026, 3, 1)


@functools.cache
def shared_server():
    return unittest.enterModuleContext(MongoServer())


def id_of(number):
    """Of every type that MongoDB orders apart from the others."""
    kinds = [lambda n: n, lambda n: n + 0.5, lambda n: f"row {n}", lambda n: {"a": n, "b": "x"},
             lambda n: bson.ObjectId(f"{n:024x}"), lambda n: uuid.UUID(int=n).bytes,
             lambda n: bson.Decimal128(f"{n}.25"),
             lambda n: FIRST_DAY + datetime.timedelta(milliseconds=n)]
    return kinds[number % len(kinds)](number)


def document(source, number):
    return {"_id": id_of(number), "group": f"g{source.randrange(GROUPS)}",
            "amount": source.randrange(1000), "kind": source.choice("abc"),
            "price": bson.Decimal128(f"{source.randrange(10_000) / 100:.2f}"),
            "at": FIRST_DAY + datetime.timedelta(seconds=source.randrange(DAYS * 86400)),
            "nobody": {"reads": ["this"] * 3}}


class Writers:
    """Threads that change the collection until they are told to end."""

    def __init__(self, server, collection, seed, per_second=WRITES_PER_SECOND, threads=2):
        self.client = server.client()
        self.collection = self.client[collection.database.name][collection.name]
        self.seed, self.per_second, self.threads = seed, per_second, threads
        self.written = 0
        self.ended = threading.Event()

    def __enter__(self):
        self.running = [threading.Thread(target=self.write, args=(self.seed + k,))
                        for k in range(self.threads)]
        self.began = time.monotonic()
        for thread in self.running:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.running:
            thread.join()
        self.seconds = time.monotonic() - self.began
        self.client.close()

    def write(self, seed):
        source = random.Random(seed)
        at_once = 25
        due = time.monotonic()
        while not self.ended.is_set():
            with contextlib.suppress(pymongo.errors.PyMongoError):  # it is being restarted
                if source.random() < 0.1:
                    self.transaction(source)
                else:
                    self.collection.bulk_write([self.change(source) for _ in range(at_once)],
                                               ordered=False)
                    self.written += at_once
            due = max(due + at_once * self.threads / self.per_second, time.monotonic() - 1)
            self.ended.wait(max(0, due - time.monotonic()))

    def change(self, source):
        number = source.randrange(DOCUMENTS + DOCUMENTS // 10)
        new = document(source, number)
        by_id = {"_id": new["_id"]}
        return source.choice([
            lambda: pymongo.ReplaceOne(by_id, new, upsert=True),
            lambda: pymongo.UpdateOne(by_id, {"$set": {"group": new["group"]}}),
            lambda: pymongo.UpdateOne(by_id, {"$inc": {"amount": source.randrange(-200, 200)}}),
            lambda: pymongo.UpdateOne(by_id, {"$set": {"at": new["at"], "kind": new["kind"]}}),
            lambda: pymongo.UpdateOne(by_id, {"$set": {"nobody": source.random()}}),
            lambda: pymongo.DeleteOne(by_id)])()

    def transaction(self, source):
        with self.client.start_session() as session, session.start_transaction():
            for _ in range(5):
                new = document(source, source.randrange(DOCUMENTS))
                self.collection.replace_one({"_id": new["_id"]}, new, upsert=True,
                                            session=session)
                self.collection.delete_one({"_id": id_of(source.randrange(DOCUMENTS))},
                                           session=session)
        self.written += 10


class MongoTest(ProgramTest):
    """A collection of its own for each test."""

    OPTIONS = {}  # of the collection

    @classmethod
    def setUpClass(cls):
        cls.mongo = shared_server()

    def setUp(self):
        super().setUp()
        self.database = type(self).__name__.lower()
        self.name = self._testMethodName.removeprefix("test_")[:60]
        self.collection = self.make(self.mongo)

    def make(self, server, **options):
        server.collection(self.database, self.name, **self.OPTIONS, **options)
        client = server.client()
        self.addCleanup(client.close)
        return client[self.database][self.name]

    def fill(self, count):
        for first in range(0, count, 5000):
            self.fill_more(first, min(5000, count - first))

    def fill_more(self, first, count):
        self.collection.insert_many(
            [document(self.random, n) for n in range(first, first + count)])

    def switch_images(self, enabled):
        self.collection.database.command(
            "collMod", self.name, changeStreamPreAndPostImages={"enabled": enabled})

    def pipeline(self, *, server=None, name="pipeline", role="source", source={}, **changes):
        source = {"uri": (server or self.mongo).uri, "database": self.database,
                  "collection": self.name} | source
        entries = DEFINITION | changes
        lines = ["name: pipeline", f"{role}: {json.dumps({'mongo': source})}",
                 f"state: {{rocksdb: {{path: state/{name}}}}}"]
        lines += [f"{key}: {value}" for key, value in entries.items() if value is not None]
        return self.write(f"{name}.yaml", "\n".join(lines) + "\n")

    def dumped(self, file):
        return {(row["key"]["group"], row["window"]):
                (row["n"], row["total"], row["price"],
                 {kind["value"]: kind["count"] for kind in row["kinds"]})
                for row in self.succeed("dump", file).rows()}

    def expected(self, collection=None):
        by = {"group": "$group", "day": {"$dateTrunc": {"date": "$at", "unit": "day"}}}
        answers = {}
        for row in (self.collection if collection is None else collection).aggregate([
                {"$match": {"amount": {"$gt": LEAST}}},
                {"$group": {"_id": {**by, "kind": "$kind"}, "n": {"$sum": 1},
                            "total": {"$sum": "$amount"}, "price": {"$sum": "$price"}}}]):
            key = row["_id"]["group"], row["_id"]["day"].strftime("%Y-%m-%dT%H:%M:%SZ")
            n, total, price, kinds = answers.setdefault(key, (0, 0, 0, {}))
            kinds[row["_id"]["kind"]] = row["n"]
            answers[key] = (n + row["n"], total + row["total"],
                            price + row["price"].to_decimal(), kinds)
        return {key: (n, total, f"{price:.2f}", kinds)
                for key, (n, total, price, kinds) in answers.items()}

    def check(self, file):
        expected, dumped = self.expected(), self.dumped(file)
        wrong = {key: (dumped.get(key), expected.get(key))
                 for key in dumped.keys() | expected.keys() if dumped.get(key) != expected.get(key)}
        some = dict(itertools.islice(wrong.items(), 3))
        self.assertEqual(some, {}, f"{len(wrong)} of {len(expected)} keys (dumped, expected)")

    def catch_up(self, file, *arguments):
        return json.loads(self.succeed("run", file, "--until-caught-up", "--format", "json",
                                       "--quiet", *arguments).out)

    def status(self, file):
        return json.loads(self.succeed("status", file, "--format", "json").out)

    def follow(self, file):
        child = self.start("run", file, "--quiet")
        self.wait_for("it follows", lambda: self.murmur("status", file).code == 0 and
                      "lag_records" in self.status(file).get("live", {}))
        return child

    def documents_returned(self):
        return self.collection.database.command("serverStatus")["metrics"]["document"]["returned"]

    def start_noting(self, *arguments):
        """Its messages are in self.notes."""
        self.notes = self.directory / "notes"
        with self.notes.open("w") as notes:
            return self.start(*arguments, stdout=subprocess.DEVNULL, stderr=notes)

    def wait_for(self, what, condition, seconds=60):
        give_up = time.monotonic() + seconds * SLOWNESS
        while not condition():
            self.assertLess(time.monotonic(), give_up, f"waited in vain until {what}")
            time.sleep(0.02)


class BootstrapTest(MongoTest):
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
            self.wait_for("rows are counted", lambda: self.murmur("status", file).code == 0 and
                          self.status(file)["records"] > 0)
            child.kill()
            child.communicate()
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

    def dead_letters(self):
        return [json.loads(line) for path in self.directory.rglob("dead-letters.jsonl")
                for line in path.read_text().splitlines()]

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


class HangTest(MongoTest):
    """A server that is there, and answers nothing."""

    @classmethod
    def setUpClass(cls):
        cls.mongo = cls.enterClassContext(MongoServer())

    def stopped(self, file, verb):
        """How long the verb takes to end when it is told to while nobody answers it."""
        self.mongo.process.send_signal(signal.SIGSTOP)
        try:
            child = self.start(verb, file, "--quiet")
            time.sleep(1.5 * SLOWNESS)
            self.assertIsNone(child.poll(), "it waits")
            begin = time.monotonic()
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 130, err)
            return time.monotonic() - begin
        finally:
            self.mongo.process.send_signal(signal.SIGCONT)

    def test_a_first_stop_ends_it_at_once(self):
        self.fill(60_000)
        file = self.pipeline()
        self.assertLess(self.stopped(file, "bootstrap"), 1 * SLOWNESS, "it had not begun")
        child = self.start("bootstrap", file, "--quiet", "--threads", 1)
        self.wait_for("it reads", lambda: self.murmur("status", file).code == 0 and
                      self.status(file)["splits_total"] > 1)
        child.kill()
        child.communicate()
        self.assertEqual(self.status(file)["status"], "building")
        self.assertLess(self.stopped(file, "bootstrap"), 1 * SLOWNESS, "it had read some")
        self.succeed("bootstrap", file, "--quiet")
        self.assertLess(self.stopped(file, "run"), 1 * SLOWNESS, "it follows")
        self.check(file)


class LiveTest(MongoTest):
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
        file = self.pipeline()
        child = self.follow(file)
        self.fill_more(1000, 500)
        self.wait_for("it has counted", lambda: self.dumped(file) == self.expected())
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, 143)
        self.assertLess(time.monotonic() - began, 2 * SLOWNESS)

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
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, 1)
        self.assertIn("dropped", err)
        self.assertIn("--fresh", err)
        self.assertEqual(self.dumped(file), dumped)
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("has no collection", outcome.err)
        self.assertIn("--fresh", outcome.err)

    def test_an_oplog_that_has_lost_the_position(self):
        server = self.enterContext(MongoServer(oplog_mb=1, checkpoint_seconds=1,
                                               snapshot_seconds=1))
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


IMAGES = {"pre_images": True}


class ByCuts:
    """The same by cuts."""

    OPTIONS = IMAGES

    def check(self, file):
        super().check(file)
        self.assertEqual(self.status(file)["method"], "cut")


class AloneTest(MongoTest):
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
        server = self.enterContext(MongoServer(oplog_mb=1, checkpoint_seconds=1,
                                               snapshot_seconds=1))
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
                child.kill()
                child.wait()
        self.catch_up(file)
        self.check(file)


class ZoneTest(MongoTest):
    """Days of a zone, around the night in which 00:01 was followed by 23:01 of the day before."""

    ZONE = "America/St_Johns"
    FIRST = datetime.datetime(2010, 11, 5, 12)

    def setUp(self):
        super().setUp()
        self.file = self.pipeline(window=f"{{every: 1d, zone: {self.ZONE}}}")
        self.collection.insert_many([self.row(n) for n in range(2000)])

    def row(self, number):
        night = datetime.datetime(2010, 11, 7, 2)
        at = self.random.choice([
            self.FIRST + datetime.timedelta(seconds=self.random.randrange(3 * 86400)),
            night + datetime.timedelta(seconds=self.random.randrange(2 * 3600))])
        return document(self.random, number) | {"_id": number, "at": at}

    def change_some(self):
        for _ in range(100):
            number = self.random.randrange(2500)
            new = self.row(number)
            self.random.choice([
                lambda: self.collection.replace_one({"_id": number}, new, upsert=True),
                lambda: self.collection.update_one({"_id": number}, {"$set": {"at": new["at"]}}),
                lambda: self.collection.delete_one({"_id": number})])()

    def dumped(self, file):
        return {(group, window[:10]): values
                for (group, window), values in super().dumped(file).items()}

    def expected(self, collection=None):
        """By the days of the database's own calendar."""
        day = {"$dateToString": {"date": "$at", "format": "%Y-%m-%d", "timezone": self.zone}}
        answers = {}
        for row in self.collection.aggregate([
                {"$match": {"amount": {"$gt": LEAST}}},
                {"$group": {"_id": {"group": "$group", "day": day, "kind": "$kind"},
                            "n": {"$sum": 1}, "total": {"$sum": "$amount"},
                            "price": {"$sum": "$price"}}}]):
            key = row["_id"]["group"], row["_id"]["day"]
            n, total, price, kinds = answers.get(key, (0, 0, 0, {}))
            answers[key] = (n + row["n"], total + row["total"],
                            price + row["price"].to_decimal(),
                            kinds | {row["_id"]["kind"]: row["n"]})
        return {key: (n, total, f"{price:.2f}", kinds)
                for key, (n, total, price, kinds) in answers.items()}

    def test_changes_through_kills_and_a_swap(self):
        self.zone = self.ZONE
        for attempt in range(KILLS):
            child = self.start("run", self.file, "--quiet")
            self.change_some()
            time.sleep(self.random.uniform(0, 1.0))
            self.change_some()
            child.kill()
            child.communicate()
            if attempt == KILLS // 2:
                self.succeed("bootstrap", self.file, "--fresh", "--quiet")
        self.catch_up(self.file)
        self.check(self.file)
        self.succeed("verify", self.file, "--quiet")

    def test_rules_that_are_replaced(self):
        """A row leaves the same bucket that it entered; a new version counts by the new rules."""
        self.zone = self.ZONE
        self.catch_up(self.file)
        rules = self.directory / "zoneinfo" / self.ZONE
        rules.parent.mkdir(parents=True)
        rules.write_bytes(pathlib.Path("/usr/share/zoneinfo/Asia/Tokyo").read_bytes())
        with unittest.mock.patch.dict(os.environ, TZDIR=str(self.directory / "zoneinfo")):
            self.change_some()
            self.catch_up(self.file)
            self.check(self.file)
            self.assertIn(self.ZONE, self.status(self.file)["time_zones"])
            self.succeed("verify", self.file, "--quiet")
            self.succeed("bootstrap", self.file, "--fresh", "--quiet")
            self.zone = "Asia/Tokyo"
            self.change_some()
            self.catch_up(self.file)
            self.check(self.file)


class CutZoneTest(ByCuts, ZoneTest):
    pass


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


class UnknownFieldTest(MongoTest):
    def told(self, file):
        return {field["name"]: field.get("did_you_mean")
                for field in self.status(file).get("unknown_fields", [])}

    def test_one_that_no_document_has_is_told_with_what_may_be_meant(self):
        """The server is asked for the fields that are read, and for no others."""
        self.fill(3000)
        file = self.pipeline(aggregates="{n: count, t: sum(amuont), w: distinct(nobody.read)}")
        err = self.succeed("bootstrap", file).err
        self.assertIn("no record had a value for 'amuont' (looked for in ", err)
        self.assertEqual(self.told(file), {"amuont": "amount", "nobody.read": "nobody.reads"})

    def test_a_change_that_brings_it_ends_that(self):
        self.fill(100)
        file = self.pipeline(aggregates="{n: count, t: sum(fee), u: sum(other)}")
        self.succeed("bootstrap", file)
        self.assertEqual(set(self.told(file)), {"fee", "other"})
        self.collection.update_one({}, {"$set": {"fee": 1, "amount": LEAST + 1}})
        self.catch_up(file)
        self.assertEqual(set(self.told(file)), {"other"})
        self.collection.delete_many({})
        self.catch_up(file)
        self.assertEqual(set(self.told(file)), {"other"})


class CheckTest(MongoTest):
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


class OplogTest(MongoTest):
    """An oplog that forgets changes before live has read them: the run warns before that."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoServer(oplog_mb=1, checkpoint_seconds=1,
                                                    snapshot_seconds=1, fail_points=True))
        self.collection = self.make(self.server)

    def hold_up_answers(self):
        """Limits the next reads: of the changes, and of a scan with more than one answer."""
        self.server.admin().admin.command(
            "configureFailPoint", "failCommand", mode="alwaysOn",
            data={"failCommands": ["getMore"], "appName": "murmur", "blockConnection": True,
                  "blockTimeMS": 60_000})

    def pipeline(self, **options):
        patient = self.server.uri + "&socketTimeoutMS=120000"
        return super().pipeline(source={"uri": patient}, **options)

    def warning(self, file, *place):
        status = self.status(file)
        for name in (*place, "log", "warning"):
            status = status.get(name) or {}
        return status

    def wait_for_warning(self, file, *place):
        def warned():
            self.server.write_note()
            time.sleep(0.05)
            return self.murmur("status", file).code == 0 and self.warning(file, *place)
        self.wait_for("it warns", warned)
        self.assertIn("replSetResizeOplog", self.warning(file, *place))

    def check_notes(self, child):
        self.wait_for("it tells", lambda: "WARNING" in self.notes.read_text())
        time.sleep(1)
        child.kill()
        child.communicate()
        self.assertEqual(self.notes.read_text().count("WARNING"), 1)
        self.assertIn("replSetResizeOplog", self.notes.read_text())

    def test_while_a_run_follows(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        child = self.start_noting("run", file)
        self.wait_for("it follows", lambda: self.status(file)["mode"] == "live")
        log = self.wait_for_log(file)
        self.assertLess(log["behind_seconds"], 60)
        self.assertNotIn("warning", log)
        self.hold_up_answers()
        self.wait_for_warning(file, "live")
        self.check_notes(child)

    def wait_for_log(self, file):
        self.wait_for("it looks", lambda: "log" in self.status(file).get("live", {}))
        return self.status(file)["live"]["log"]

    def test_while_a_scan_runs(self):
        self.fill(30_000)
        file = self.pipeline()
        self.hold_up_answers()
        child = self.start_noting("bootstrap", file, "--threads", "1")
        self.wait_for_warning(file)
        self.assertIn("bootstrapping", self.succeed("status", file).out)
        self.check_notes(child)


class SecureTest(MongoTest):
    """TLS, and users with passwords, which no output shows."""

    PASSWORD = "geh/eim@: 100%"

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoServer(tls=True, users=True))
        self.collection = self.make(self.server)
        self.server.add_user("reader", self.PASSWORD, {"role": "read", "db": self.database})
        self.server.add_user("watcher", self.PASSWORD, {"role": "read", "db": self.database},
                             {"role": "read", "db": "local"})
        self.server.add_user("stranger", self.PASSWORD, {"role": "read", "db": "elsewhere"})
        self.fill(100)

    def pipeline_of(self, user, password=PASSWORD, options=""):
        return self.pipeline(source={"uri": self.server.uri_of(user, password) + options})

    def murmur(self, *arguments, **more):
        outcome = super().murmur(*arguments, **more)
        for secret in (self.PASSWORD, quote(self.PASSWORD, safe=""), "geh", "eim"):
            self.assertNotIn(secret, outcome.out + outcome.err)
        return outcome

    def test_who_may_read_the_database_follows_it(self):
        file = self.pipeline_of("reader")
        self.assertIn("hidden", self.succeed("check", file).out)
        self.succeed("bootstrap", file)
        self.collection.delete_one({"_id": id_of(5)})
        child = self.start_noting("run", file)
        self.wait_for("it follows", lambda: self.status(file)["mode"] == "live" and
                      self.dumped(file) == self.expected())
        forbidden = "may not read local.oplog.rs"
        self.wait_for("it looks", lambda: forbidden in self.notes.read_text())
        self.assertNotIn("log", self.status(file)["live"])
        time.sleep(4)  # it looks again
        child.terminate()
        child.communicate()
        self.assertEqual(self.notes.read_text().count(forbidden), 1)
        self.assertNotIn("geh", self.notes.read_text())
        self.succeed("versions", file)
        for path in self.directory.rglob("state/**/*"):
            if path.is_file():
                self.assertNotIn(b"geh", path.read_bytes(), path)

    def test_who_may_read_the_oplog_is_told_how_far_it_reaches(self):
        file = self.pipeline_of("watcher")
        child = self.follow(file)
        self.wait_for("it looks", lambda: self.status(file)["live"].get("log", {})
                      .get("kept_seconds", 0) > 0)
        child.terminate()
        child.communicate()

    def test_the_uri_may_be_a_reference(self):
        file = self.pipeline(source={"uri": "${MONGO_TEST_URI}"})
        uri = self.server.uri_of("reader", self.PASSWORD)
        self.enterContext(unittest.mock.patch.dict(os.environ, {"MONGO_TEST_URI": uri}))
        self.succeed("bootstrap", file, "--quiet")
        self.assertIn("${MONGO_TEST_URI}", self.succeed("check", file).out)
        self.check(file)

    def test_who_is_refused(self):
        for user, password in (("reader", "wrong"), ("nobody", self.PASSWORD),
                               ("stranger", self.PASSWORD)):
            with self.subTest(user, password=password):
                file = self.pipeline_of(user, password)
                err = self.fail_with(1, "bootstrap", file, "--quiet").err
                self.assertIn(f"needs the role read on the database {self.database}", err)

    def test_the_system_vouches_for_a_certificate(self):
        uri = self.server.uri_of("reader", self.PASSWORD).partition("&tlsCAFile")[0]
        file = self.pipeline(source={"uri": uri})
        trust = {"SSL_CERT_FILE": str(self.server.ca_file)}
        self.enterContext(unittest.mock.patch.dict(os.environ, trust))
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)

    def test_a_certificate_that_nobody_vouches_for(self):
        uri = self.server.uri_of("reader", self.PASSWORD)
        file = self.pipeline(source={"uri": uri.partition("&tlsCAFile")[0] +
                                     "&serverSelectionTimeoutMS=500"})
        err = self.fail_with(1, "bootstrap", file, "--quiet").err
        self.assertIn("TLS", err)
        file = self.pipeline(source={"uri": uri.partition("&tls")[0] +
                                     "&serverSelectionTimeoutMS=500"})
        self.fail_with(1, "bootstrap", file, "--quiet")


class ChangeTest(MongoTest):
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


class RebuildTest(MongoTest):
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


class VerifyingTest(MongoTest):
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

    def test_keys(self):
        file = self.prepare()
        actions = {"lose-key": "missing_key", "double-key": "wrong_key",
                   "invent-key": "ghost_key"}
        self.check_each(file, 7, actions)


class VerifyTest(VerifyTests, VerifyingTest):
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
        child.terminate()
        child.communicate()

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
        child.terminate()
        child.communicate()
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
        child.terminate()
        child.communicate()
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
            child.kill()
            child.communicate()
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


class CutVerifyTest(ByCuts, VerifyTests, VerifyingTest):
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
        child.terminate()
        child.communicate()

    def test_damage_is_found_and_repaired_while_writers_write(self):
        file = self.prepare(DOCUMENTS)
        self.damage(file, "double-key", 3, "invent-key", 1)
        with Writers(self.mongo, self.collection, self.seed):
            child = self.follow(file)
            _, summary = self.verify(file, code=1)
            self.assertEqual(self.found(summary), {"wrong_keys": 1, "ghost_keys": 1})
            child.terminate()
            child.communicate()
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
            child.kill()
            child.communicate()
            _, summary = self.verify(file, "--repair")  # unless it was done before the kill
            self.check_right(file, summary)

    def test_two_at_once(self):
        file = self.prepare(DOCUMENTS)
        first = self.start("verify", file)
        shadow = self.directory / "state/pipeline/verify"
        self.wait_for("it builds", lambda: shadow.exists() or first.poll() is not None)
        self.assertIn("in use by pid", self.fail_with(1, "verify", file).err)
        self.assertEqual(first.wait(), 0)

    def test_images_that_are_switched_off(self):
        file = self.prepare(100)
        self.switch_images(False)
        self.assertIn("changeStreamPreAndPostImages", self.fail_with(1, "verify", file).err)


class StormTest(MongoTest):
    """Writers never stop, while the scan runs and live follows, through kills and restarts."""

    def test_kills_and_restarts_under_load(self):
        server = self.enterContext(MongoServer(oplog_mb=2000 if LONG else 256))
        self.collection = self.make(server)
        self.fill(DOCUMENTS)
        file = self.pipeline(server=server)
        restarts = set(self.random.sample(range(KILLS), RESTARTS))
        # They wait while it restarts.
        with Writers(server, self.collection, self.seed, 2 * WRITES_PER_SECOND, 4) as writers:
            for kill in range(KILLS):
                child = self.start("run", file, "--quiet", "--threads", "2")
                time.sleep(self.random.uniform(0.1, 2.5 if kill % 2 else 0.8))
                if kill in restarts:
                    server.restart()
                    time.sleep(self.random.uniform(0, 2))
                child.kill()
                child.communicate()
            self.catch_up(file, "--threads", "2")
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.catch_up(file)
        self.check(file)


class CutStormTest(ByCuts, StormTest):
    pass


class ElectionTest(MongoTest):
    """Three servers take over from each other, beside writers, while the scan runs and live
    follows."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoReplicaSet())
        self.collection = self.make(self.server)

    def test_primaries_that_go(self):
        self.fill(DOCUMENTS)
        file = self.pipeline(server=self.server)
        ways = [self.kill_primary, self.pause_primary, self.step_primary_down]
        with Writers(self.server, self.collection, self.seed) as writers:
            child = self.start("run", file, "--quiet", "--threads", "2")
            for number in range(20 if LONG else 4):
                time.sleep(self.random.uniform(0, 1.5))
                ways[number % len(ways)]()
                self.assertIsNone(child.poll(), "it ended")
                if number % 2:
                    child.kill()
                    child.communicate()
                    child = self.start("run", file, "--quiet", "--threads", "2")
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.wait_for("all is counted", lambda: self.murmur("status", file).code == 0 and
                      self.status(file)["mode"] == "live")
        child.terminate()
        child.communicate()
        self.catch_up(file)
        self.check(file)

    def kill_primary(self):
        primary = self.server.primary()
        primary.kill()
        self.server.primary()
        primary.start()

    def pause_primary(self):
        """When it answers again, it does not know that another server is primary."""
        primary = self.server.primary()
        primary.pause()
        self.wait_for("there is another", lambda: any(
            node.is_primary() for node in self.server.nodes if node is not primary))
        time.sleep(self.random.uniform(0, 1))
        primary.resume()

    def step_primary_down(self):
        with contextlib.suppress(pymongo.errors.PyMongoError):
            self.server.primary().admin().admin.command("replSetStepDown", 5, force=True)


class CutElectionTest(ByCuts, ElectionTest):
    pass


if __name__ == "__main__":
    main()
