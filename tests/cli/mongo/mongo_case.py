"""What the tests of MongoDB have in common: a real replica set with a collection of its own for
each test, and who changes its documents.

What is right is told by the server: the same aggregates by a pipeline of its own.
"""

import contextlib
import datetime
import functools
import os
import subprocess
import unittest
import uuid

import bson
import pymongo
import pymongo.errors

import table_case
from mongo_server import MongoServer
from program import LONG
from table_case import DAYS, GROUPS, LEAST, TableCase, TableWriters

# The driver's counters: a process that is killed leaves a file, and one with the same pid warns.
os.environ["MONGOC_DISABLE_SHM"] = "1"
DOCUMENTS = 500_000 if LONG else 30_000
KILLS = 20 if LONG else 4
WRITES_PER_SECOND = 1_000
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


class Writers(TableWriters):
    AT_ONCE = 25

    def __init__(self, server, collection, seed, per_second=WRITES_PER_SECOND, threads=2):
        super().__init__(seed, per_second, threads)
        self.client = server.client()
        self.collection = self.client[collection.database.name][collection.name]

    def close(self):
        self.client.close()

    def write_some(self, source):
        with contextlib.suppress(pymongo.errors.PyMongoError):  # it is being restarted
            if source.random() < 0.1:
                return self.transaction(source)
            self.collection.bulk_write([self.change(source) for _ in range(self.AT_ONCE)],
                                       ordered=False)
            return self.AT_ONCE
        return 0

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
        return 10


class MongoCase(TableCase):
    """A collection of its own for each test."""

    KIND = "mongo"
    GROUP = "group"

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
        return self.write_pipeline(name, role, source, self.definition() | changes)

    def day(self):
        """The server's expression for the window of a document, as `dumped` names it."""
        midnight = {"$dateTrunc": {"date": "$at", "unit": "day"}}
        return {"$dateToString": {"date": midnight, "format": "%Y-%m-%dT%H:%M:%SZ"}}

    def expected(self):
        groups = self.collection.aggregate([
            {"$match": {"amount": {"$gt": LEAST}}},
            {"$group": {"_id": {"group": "$group", "day": self.day(), "kind": "$kind"},
                        "n": {"$sum": 1}, "total": {"$sum": "$amount"},
                        "price": {"$sum": "$price"}}}])
        return self.answers((group["_id"]["group"], group["_id"]["day"], group["_id"]["kind"],
                             group["n"], group["total"], group["price"].to_decimal())
                            for group in groups)

    def documents_returned(self):
        return self.collection.database.command("serverStatus")["metrics"]["document"]["returned"]

    def start_noting(self, *arguments):
        """Its messages are in self.notes."""
        self.notes = self.directory / "notes"
        with self.notes.open("w") as notes:
            return self.start(*arguments, stdout=subprocess.DEVNULL, stderr=notes)


class ByCuts(table_case.ByCuts):
    OPTIONS = {"pre_images": True}
