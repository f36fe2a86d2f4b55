"""MongoDB (table_bench.py), and what the ledger costs the engine alone.

A bootstrap stands beside two cursors of the same driver (mongo_documents.cc): one in the order that
documents lie in, which can't be taken up again nor be of one moment, and one by _id at a cluster
time, as the bootstrap itself reads; and beside pymongo reading whole documents, as mongoexport
does. For cuts the collection keeps images of documents before and after each change.
"""

import contextlib
import json
import shutil
import subprocess
import time

from common import Run, note
from table_bench import BOOTSTRAP, LIVE, METHODS, TableBench, ours

LEDGER = "ledger"  # the part
FIELDS = "country,total,ordered_at"  # what the pipeline needs
LEDGER_ROUNDS_MAX = 3
OPLOG_MB = 8_000

NATURAL = "libmongoc, natural order, whole documents"
BY_ID = "libmongoc, by _id at a cluster time, 3 fields"
PYMONGO = "pymongo, natural order, whole documents"
LOOKUP, PLAIN = "libmongoc, updateLookup", "libmongoc, without"
IMAGES = "libmongoc, images before and after"
# Contestant → how it asks for changes.
CHANGE_READERS = {"ledger": {LOOKUP: "lookup", PLAIN: "plain"}, "cut": {IMAGES: "images"}}


class Mongo(TableBench):
    name, title, tool = "mongo", "MongoDB", "bench/mongo_documents"
    parts = (*TableBench.parts, LEDGER)
    many, counted = "documents", "documents, changes or rows"
    note_on_server = ", a replica set of one"

    def play(self):
        parts = self.parts_asked_for()
        if LEDGER in parts:
            self.play_ledger()
        if parts != [LEDGER]:
            super().play()

    @contextlib.contextmanager
    def serve(self):
        from mongo_server import MongoServer
        with MongoServer(oplog_mb=OPLOG_MB) as self.server:
            self.server.collection("bench", "orders")
            self.orders = self.server.client()["bench"]["orders"]
            yield

    def place(self):
        return f'uri: "{self.server.uri}", database: bench, collection: orders'

    def ask_tool(self, verb, *arguments):
        return super().ask_tool(verb, self.server.uri, "bench", "orders", *arguments)

    def fill(self, begin, end):
        result, run = self.ask_tool("fill", begin, end - begin)
        self.bytes = result["bytes"] / result["events"]
        note(f"inserted {end - begin:,} documents of {self.bytes:.0f} bytes in {run.seconds:.1f} s")

    def truth(self):
        day = {"$dateTrunc": {"date": "$ordered_at", "unit": "day"}}
        groups = {"_id": {"country": "$country", "day": day}, "orders": {"$sum": 1},
                  "total": {"$sum": "$total"}}
        return {(group["_id"]["country"], group["_id"]["day"].strftime("%Y-%m-%dT%H:%M:%SZ")):
                (group["orders"], group["total"])
                for group in self.orders.aggregate([{"$group": groups}], allowDiskUse=True)}

    def set_up(self, method):
        images = {"enabled": method == "cut"}
        self.orders.database.command("collMod", "orders", changeStreamPreAndPostImages=images)

    # --- what reads ---

    def readers(self):
        return {NATURAL: lambda: self.read("natural", "whole"),
                BY_ID: lambda: self.read("id", FIELDS),
                PYMONGO: self.read_by_pymongo}

    def read(self, order, fields):
        result, run = self.ask_tool("read", order, fields)
        self.expect(f"the cursor, {order}", result["events"], self.documents)
        return run

    def read_by_pymongo(self):
        start, cpu = time.perf_counter(), time.process_time()
        count = sum(1 for _ in self.orders.find())
        run = Run(time.perf_counter() - start, time.process_time() - cpu)
        self.expect("pymongo", count, self.documents)
        return run

    def begin_changes(self, methods):
        updated, run = self.ask_tool("update", self.changes)
        self.changed_after = updated["time"]
        note(f"updated {self.changes:,} documents in {run.seconds:.1f} s")

    def change_readers(self, methods):
        [method] = methods
        return {contestant: lambda how=how: self.read_changes(how)
                for contestant, how in CHANGE_READERS[method].items()}

    def read_changes(self, how):
        result, run = self.ask_tool("follow", self.changed_after, self.changes, how)
        self.expect(f"the stream, {how}", result["events"], self.changes)
        return run

    # --- ledger ---

    def play_ledger(self):
        """One worker, rows in memory. The tool compares the answers itself."""
        for _ in range(min(self.options.rounds, LEDGER_ROUNDS_MAX)):
            result = json.loads(subprocess.check_output(
                [str(part) for part in (self.bench.program("bench/ledger_rows"), self.documents,
                                        self.documents, self.state)]))
            for name, of in result.items():
                self.add(LEDGER, name, Run(of["seconds"], of["cpu"]))
            shutil.rmtree(self.state)

    def pairs(self):
        return ([(BOOTSTRAP, ours("bootstrap", method), cursor)
                 for method in METHODS for cursor in (BY_ID, NATURAL, PYMONGO)]
                + [(LIVE, ours("run", method), contestant)
                   for method in METHODS for contestant in CHANGE_READERS[method]]
                + [(LEDGER, name, "events") for name in ("insert", "update")])
