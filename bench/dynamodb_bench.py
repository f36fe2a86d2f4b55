"""DynamoDB (table_bench.py), on DynamoDB Local, whose speed is not the service's. A bootstrap stands
beside a bare libcurl that makes the same Scans (dynamodb_items.cc); live beside one that reads the
same stream. The stream has its changes in shards of one request each: a shard may be asked only five
times a second, which would be all that is measured.
"""

import concurrent.futures
import contextlib
import os

from common import note
from table_bench import BOOTSTRAP, LIVE, TableBench, ours

ITEMS_MAX, CHANGES_MAX = 100_000, 50_000  # the server takes a few thousand a second
BATCH = 25           # items of one request
WRITERS = 8
SHARD_RECORDS = 1000  # what one request gives
SEGMENTS = 8          # as the bootstrap of a small table has
HEAP = "4g"
FIELDS = "country,total,ordered_at,id"  # what the pipeline needs, and the key
SCAN, STREAM = "libcurl, parallel Scan of 4 attributes", "libcurl, the stream"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def item(number, more=0):
    """The same orders every time: h scatters the numbers, by Knuth's multiplicative hash."""
    h = number * 2654435761 % 2**32
    second = h * 1013 // 1000 % 2_592_000
    return {"id": {"N": str(number)}, "customer": {"S": f"customer-{h % 100003:06}"},
            "country": {"S": LETTERS[h % 20] + LETTERS[h // 26 % 10]},
            "sku": {"S": f"SKU-{h // 7 % 10007:08}"},
            "status": {"S": ("paid", "shipped", "delivered", "cancelled")[h // 3 % 4]},
            "quantity": {"N": str(h % 9 + 1)}, "total": {"N": str(h % 100000 + more)},
            "ordered_at": {"S": f"2026-03-{1 + second // 86400:02}T{second // 3600 % 24:02}:"
                                f"{second // 60 % 60:02}:{second % 60:02}Z"},
            "note": {"S": f"leave at the door, ring twice, reference {h:x}{h * 31:x}"}}


class DynamoDb(TableBench):
    name, title, tool = "dynamodb", "DynamoDB Local", "bench/dynamodb_items"
    parts = (BOOTSTRAP, LIVE)
    many, counted = "items", "items or changes"
    methods = ("ledger",)
    methods_of_changes = (("ledger",),)

    def __init__(self, bench):
        super().__init__(bench)
        self.documents = min(self.documents, ITEMS_MAX)
        self.changes = min(self.options.changes, CHANGES_MAX, self.documents)
        self.units = None  # read units of one scan

    @contextlib.contextmanager
    def serve(self):
        import dynamo_server
        os.environ["AWS_ACCESS_KEY_ID"] = dynamo_server.KEYS["aws_access_key_id"]
        os.environ["AWS_SECRET_ACCESS_KEY"] = dynamo_server.KEYS["aws_secret_access_key"]
        with dynamo_server.DynamoServer(heap=HEAP) as self.server:
            self.client = self.server.client()
            self.server.create_table("orders", {"id": "N"}, view=None)
            yield

    def place(self):
        return f'table: orders, endpoint: "{self.server.endpoint}", settle: 10ms'

    def fill(self, begin, end):
        self.put(range(begin, end), 0)
        note(f"put {end - begin:,} items")
        # What is put before it has a stream is not in it.
        self.client.update_table(TableName="orders", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})

    def put(self, numbers, more):
        def put_some(first):
            self.client.batch_write_item(RequestItems={"orders": [
                {"PutRequest": {"Item": item(n, more)}} for n in numbers[first:first + BATCH]]})

        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(put_some, range(0, len(numbers), BATCH)):
                pass
        self.found = None

    def truth(self):
        if self.found is None:
            self.found = {}
            for page in self.client.get_paginator("scan").paginate(TableName="orders",
                                                                   ConsistentRead=True):
                for one in page["Items"]:
                    key = one["country"]["S"], one["ordered_at"]["S"][:10] + "T00:00:00Z"
                    orders, total = self.found.get(key, (0, 0))
                    self.found[key] = orders + 1, total + int(one["total"]["N"])
        return self.found

    # --- what reads ---

    def readers(self):
        return {SCAN: self.scan}

    def scan(self):
        result, run = self.ask_tool("scan", self.server.endpoint, "orders", FIELDS, SEGMENTS,
                                    self.threads)
        self.expect("Scan", result["events"], self.documents)
        self.units = result["units"]
        return run

    def begin_changes(self, methods):
        for first in range(0, self.changes, SHARD_RECORDS):
            self.put(range(first, min(first + SHARD_RECORDS, self.changes)), 1)
            self.server.roll_shards()
        self.stream = self.client.describe_table(TableName="orders")["Table"]["LatestStreamArn"]

    def change_readers(self, methods):
        return {STREAM: self.read_stream}

    def read_stream(self):
        result, run = self.ask_tool("follow", self.server.endpoint, self.stream, self.changes)
        self.expect("the stream", result["events"], self.changes)
        return run

    def pairs(self):
        return [(BOOTSTRAP, ours("bootstrap", "ledger"), SCAN), (LIVE, ours("run", "ledger"), STREAM)]

    def print_table(self):
        super().print_table()
        if self.units:
            print(f"- a scan of a million such items takes {self.units / self.documents * 1e6:,.0f}"
                  " read units")
