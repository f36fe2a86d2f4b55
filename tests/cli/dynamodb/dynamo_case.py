"""What the tests of DynamoDB have in common: DynamoDB Local with a table of its own for each test,
and who changes its items.

What is right is told by a strongly consistent scan.
"""

import collections
import contextlib
import datetime
import functools
import os
import subprocess
import threading
import unittest
from decimal import Decimal

import botocore.exceptions

import dynamo_server
from dynamo_server import DynamoServer
from program import LONG
from table_case import DAYS, GROUPS, LEAST, TableCase, TableWriters

ITEMS = 50_000 if LONG else 4_000
KILLS = 20 if LONG else 4
FIRST_DAY = datetime.datetime(2026, 3, 1)
SETTLE = "1500ms"  # the server's streams have what was written at once

# The program finds its keys where every program of AWS does.
os.environ["AWS_ACCESS_KEY_ID"] = dynamo_server.KEYS["aws_access_key_id"]
os.environ["AWS_SECRET_ACCESS_KEY"] = dynamo_server.KEYS["aws_secret_access_key"]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@functools.cache
def shared_server():
    return unittest.enterModuleContext(DynamoServer())


def key_of(number):
    return {"name": {"S": f"row \"{number % 97}\" ☃"}, "number": {"N": f"{number}.5"}}


def item(source, number):
    at = FIRST_DAY + datetime.timedelta(seconds=source.randrange(DAYS * 86400))
    return key_of(number) | {
        "group": {"S": f"g{source.randrange(GROUPS)}"},
        "amount": {"N": str(source.randrange(1000))},
        "kind": {"S": source.choice("abc")},
        "price": {"N": f"{source.randrange(10_000) / 100:.2f}"},
        "at": {"S": at.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "nobody": {"M": {"reads": {"L": [{"S": "this"}] * 3}}}}


class Writers(TableWriters):
    """Puts, conditional and other updates, deletes and transactions of both."""

    AT_ONCE = 1

    def __init__(self, server, table, seed, per_second=500, threads=4):
        super().__init__(seed, per_second, threads)
        # Who is in the way of a transaction gives up, rather than waiting for ever longer.
        self.client, self.table = server.client(attempts=1), table

    def write_some(self, source):
        number = source.randrange(ITEMS + ITEMS // 10)
        new = item(source, number)
        by_key = {"TableName": self.table, "Key": key_of(number)}
        names = {"#a": "amount", "#g": "group"}
        more = {":more": {"N": str(source.randrange(-200, 200))}}
        ways = [
            lambda: self.client.put_item(TableName=self.table, Item=new),
            lambda: self.client.put_item(TableName=self.table, Item=new,
                                         ConditionExpression="attribute_not_exists(#n)",
                                         ExpressionAttributeNames={"#n": "name"}),
            lambda: self.client.update_item(
                **by_key, UpdateExpression="ADD #a :more", ConditionExpression="#a > :least",
                ExpressionAttributeNames={"#a": "amount"},
                ExpressionAttributeValues=more | {":least": {"N": str(LEAST)}}),
            lambda: self.client.update_item(
                **by_key, UpdateExpression="SET #g = :g", ConditionExpression="attribute_exists(#a)",
                ExpressionAttributeNames=names, ExpressionAttributeValues={":g": new["group"]}),
            lambda: self.client.delete_item(**by_key),
            lambda: self.transact(source, new)]
        with contextlib.suppress(botocore.exceptions.ClientError):  # a condition did not hold
            source.choice(ways)()
        return 1

    def transact(self, source, new):
        """Half of these are refused, and change nothing."""
        other = source.randrange(ITEMS)
        self.client.transact_write_items(TransactItems=[
            {"Put": {"TableName": self.table, "Item": new}},
            {"Delete": {"TableName": self.table, "Key": key_of(other),
                        "ConditionExpression": "#k = :k",
                        "ExpressionAttributeNames": {"#k": "kind"},
                        "ExpressionAttributeValues": {":k": {"S": source.choice("abc")}}}}])


class RollingShards:
    """While it lasts, shards end again and again."""

    def __init__(self, server, every_seconds):
        self.server, self.every_seconds = server, every_seconds
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.roll)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def roll(self):
        while not self.ended.wait(self.every_seconds):
            self.server.roll_shards()


class DynamoCase(TableCase):
    """A table of its own for each test."""

    KIND = "dynamodb"
    GROUP = "group"
    VIEW = "NEW_IMAGE"
    KEY = {"name": "S", "number": "N"}

    @classmethod
    def setUpClass(cls):
        cls.dynamo = shared_server()

    def setUp(self):
        super().setUp()
        self.table = f"{type(self).__name__}.{self._testMethodName}"[:200]
        self.make(self.dynamo)

    def make(self, server):
        server.create_table(self.table, self.KEY, view=self.VIEW)
        self.client = server.client()

    def fill(self, count):
        self.fill_more(0, count)

    def fill_more(self, first, count):
        self.put([item(self.random, n) for n in range(first, first + count)])

    def put(self, items):
        for first in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": one}} for one in items[first:first + 25]]
            self.client.batch_write_item(RequestItems={self.table: requests})

    def delete(self, number):
        self.client.delete_item(TableName=self.table, Key=key_of(number))

    def update(self, number, **values):
        names = {f"#{n}": name for n, name in enumerate(values)}
        self.client.update_item(
            TableName=self.table, Key=key_of(number),
            UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in range(len(values))),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{n}": value for n, value in enumerate(values.values())})

    def source(self, server=None, **changes):
        return {"table": self.table, "endpoint": (server or self.dynamo).endpoint,
                "settle": SETTLE} | changes

    def pipeline(self, *, server=None, name="pipeline", role="source", source={}, **changes):
        return self.write_pipeline(name, role, self.source(server) | source,
                                   self.definition() | changes)

    def items(self):
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True)
        return [one for page in pages for one in page["Items"]]

    def expected(self):
        groups = collections.Counter()
        totals, prices = collections.Counter(), collections.defaultdict(Decimal)
        for one in self.items():
            if "amount" not in one or int(one["amount"]["N"]) <= LEAST or "at" not in one:
                continue
            key = one["group"]["S"], one["at"]["S"][:10] + "T00:00:00Z", one["kind"]["S"]
            groups[key] += 1
            totals[key] += int(one["amount"]["N"])
            prices[key] += Decimal(one["price"]["N"])
        return self.answers((*key, n, totals[key], prices[key]) for key, n in groups.items())

    def start_noting(self, *arguments):
        """Its messages are in self.notes."""
        self.notes = self.directory / "notes"
        with self.notes.open("w") as notes:
            return self.start(*arguments, stdout=subprocess.DEVNULL, stderr=notes)
