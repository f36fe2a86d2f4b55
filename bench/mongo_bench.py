"""MongoDB, with a real server on the same cores: how fast a collection becomes a durable state and
its changes are applied, beside the driver alone that only counts what comes; how much memory that
takes as the collection grows tenfold; and what the ledger costs the engine alone.

A bootstrap stands beside two cursors of the same driver (mongo_documents.cc): one in the order that
documents lie in, which can't be taken up again nor be of one moment, and one by _id at a cluster
time, as the bootstrap itself reads; and beside pymongo reading whole documents, as mongoexport
does. The state is kept by a ledger, and by cuts, for which the collection keeps images of documents
before and after each change. Contestants take turns, ratios are of one round; an answer that isn't
the server's own stops the run.
"""

import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from common import Run, note, print_header, print_title, rates_cell

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))

# The rows.
BOOTSTRAP, LIVE, LEDGER, MEMORY = ("mongo, bootstrap", "mongo, live", "mongo, ledger",
                                   "mongo, memory")
FIELDS = "country,total,ordered_at"  # what the pipeline needs
GROWTH = 10
LEDGER_ROUNDS_MAX = 3
MEMORY_LIMIT = "128MiB"
OPLOG_MB = 8_000

PIPELINE = """name: bench_mongo
key: [country]
time: ordered_at
window: {{every: 1d}}
aggregates:
  orders: count
  total: sum(total)
method: {method}
memory: {memory}
source: {{mongo: {{uri: "{uri}", database: bench, collection: orders}}}}
state: {{rocksdb: {{path: {state}}}}}
"""

NATURAL = "libmongoc, natural order, whole documents"
BY_ID = "libmongoc, by _id at a cluster time, 3 fields"
PYMONGO = "pymongo, natural order, whole documents"
LOOKUP, PLAIN = "libmongoc, updateLookup", "libmongoc, without"
IMAGES = "libmongoc, images before and after"
METHODS = ("ledger", "cut")


def ours(verb, method):
    return f"murmur {verb}, {method}"


class Mongo:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.documents = self.options.documents
        self.changes = self.options.changes
        self.state = bench.work / "mongo"
        self.definition = bench.work / "mongo.yaml"
        self.runs = collections.defaultdict(list)  # (row, contestant) → runs
        self.peaks = {}                            # documents → bytes
        self.bytes = 0                             # of a document

    def rows(self):
        return [row for row in (BOOTSTRAP, LIVE, LEDGER, MEMORY) if self.options.only in row]

    def prepare(self):
        pass

    def play(self):
        rows = self.rows()
        if LEDGER in rows:
            self.play_ledger()
        if rows == [LEDGER]:
            return
        from mongo_server import MongoServer
        with MongoServer(oplog_mb=OPLOG_MB) as self.server:
            self.server.collection("bench", "orders")
            self.orders = self.server.client()["bench"]["orders"]
            self.fill(0, self.documents)
            if BOOTSTRAP in rows:
                self.play_bootstrap()
            if LIVE in rows:
                self.play_live()
            if MEMORY in rows:
                self.play_memory()

    # --- the tools ---

    def ask_tool(self, verb, *arguments):
        before = os.times()
        result = json.loads(subprocess.check_output(
            [str(part) for part in (self.bench.program("bench/mongo_documents"), verb,
                                    self.server.uri, "bench", "orders", *arguments)]))
        after = os.times()
        return result, Run(result["seconds"], after.children_user - before.children_user
                           + after.children_system - before.children_system)

    def use(self, method, memory="512MiB"):
        """The state is kept by it from now on."""
        images = {"enabled": method == "cut"}
        self.orders.database.command("collMod", "orders", changeStreamPreAndPostImages=images)
        self.definition.write_text(PIPELINE.format(uri=self.server.uri, state=self.state,
                                                   method=method, memory=memory))

    def fill(self, begin, end):
        result, run = self.ask_tool("fill", begin, end - begin)
        self.bytes = result["bytes"] / result["events"]
        note(f"inserted {end - begin:,} documents of {self.bytes:.0f} bytes in {run.seconds:.1f} s")

    def expect(self, who, counted, expected):
        if counted != expected:
            raise SystemExit(f"{who}: {counted}, but it is {expected}")

    def add(self, row, contestant, run):
        self.runs[row, contestant].append(run)
        number = len(self.runs[row, contestant])
        note(f"round {number}, {row}, {contestant}: {run.seconds:.2f} s, CPU {run.cpu:.2f} s")

    def murmur(self, verb, *options):
        """Its run, its summary, and its peak of memory."""
        child = subprocess.Popen(
            [self.bench.program("bin/murmur"), verb, self.definition, "--threads",
             str(self.threads), "--quiet", "--format", "json", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"murmur {verb} exited {child.returncode}")
        summary = json.loads(output.splitlines()[-1])
        run = Run(summary["seconds"], usage.ru_utime + usage.ru_stime)
        return run, summary, usage.ru_maxrss * 1024

    def check(self):
        """The whole state, beside what the server says."""
        day = {"$dateTrunc": {"date": "$ordered_at", "unit": "day"}}
        groups = {"_id": {"country": "$country", "day": day}, "orders": {"$sum": 1},
                  "total": {"$sum": "$total"}}
        truth = {(group["_id"]["country"], group["_id"]["day"].strftime("%Y-%m-%dT%H:%M:%SZ")):
                 (group["orders"], group["total"])
                 for group in self.orders.aggregate([{"$group": groups}], allowDiskUse=True)}
        lines = subprocess.check_output([self.bench.program("bin/murmur"), "dump", self.definition,
                                         "--format", "jsonl"], text=True).splitlines()
        state = {(row["key"]["country"], row["window"]): (row["orders"], row["total"])
                 for row in map(json.loads, lines)}
        wrong = [key for key in truth.keys() | state.keys() if truth.get(key) != state.get(key)]
        if wrong:
            raise SystemExit(f"murmur: {len(wrong)} of {len(truth)} groups differ, the first:"
                             f" {wrong[0]}: {state.get(wrong[0])}, but it is {truth.get(wrong[0])}")

    # --- bootstrap ---

    def play_bootstrap(self):
        os.sync()  # what is timed doesn't wait for what was written before
        self.read("natural", "whole")  # what can be in the server's cache is
        for _ in range(self.options.rounds):
            self.add(BOOTSTRAP, NATURAL, self.read("natural", "whole"))
            self.add(BOOTSTRAP, BY_ID, self.read("id", FIELDS))
            self.add(BOOTSTRAP, PYMONGO, self.read_by_pymongo())
            for method in METHODS:
                self.use(method)
                self.add(BOOTSTRAP, ours("bootstrap", method), self.bootstrap()[0])
                shutil.rmtree(self.state)

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

    def bootstrap(self):
        run, summary, peak = self.murmur("bootstrap")
        self.expect("murmur bootstrap", summary["records"], self.documents)
        self.check()
        return run, peak

    # --- live ---

    def play_live(self):
        for method in METHODS:
            self.use(method)
            self.play_changes(method)

    def play_changes(self, method):
        """The same changes for all, from a copy of the same state."""
        self.bootstrap()
        before = self.bench.work / "mongo_before"
        self.state.rename(before)
        updated, run = self.ask_tool("update", self.changes)
        note(f"updated {self.changes:,} documents in {run.seconds:.1f} s")
        readers = {LOOKUP: "lookup", PLAIN: "plain"} if method == "ledger" else {IMAGES: "images"}
        os.sync()
        for _ in range(self.options.rounds):
            for contestant, how in readers.items():
                result, run = self.ask_tool("follow", updated["time"], self.changes, how)
                self.expect(f"the stream, {how}", result["events"], self.changes)
                self.add(LIVE, contestant, run)
            shutil.copytree(before, self.state)
            run, summary, _ = self.murmur("run", "--until-caught-up")
            self.expect("murmur run", summary["records_this_run"], self.changes)
            self.add(LIVE, ours("run", method), run)
            self.check()
            shutil.rmtree(self.state)
        shutil.rmtree(before)

    # --- memory ---

    def play_memory(self):
        self.use("ledger", MEMORY_LIMIT)
        for documents in (self.documents, GROWTH * self.documents):
            if documents > self.documents:
                self.fill(self.documents, documents)
                self.documents = documents
            _, self.peaks[documents] = self.bootstrap()
            note(f"{MEMORY}, {documents:,} documents: {self.peaks[documents] / 2**20:.0f} MB")
            shutil.rmtree(self.state)
        self.documents = self.options.documents

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

    # --- the tables ---

    def print_table(self):
        print()
        print_title(f"MongoDB, {self.documents:,} documents"
                    + (f" of {self.bytes:.0f} bytes" if self.bytes else "")
                    + f", a replica set of one; murmur with {self.threads} threads, durable",
                    self.options)
        print("Thousand documents, changes or rows per second, best / median (CPU ns of each, the"
              " server's not counted).\n")
        print_header(["rate"])
        counts = {BOOTSTRAP: self.documents, LIVE: self.changes, LEDGER: self.documents}
        for (row, contestant), runs in self.runs.items():
            print(f"| {row}: {contestant} | {rates_cell(runs, counts[row], 1e3, 1)} |")
        print()
        pairs = [(BOOTSTRAP, ours("bootstrap", method), cursor)
                 for method in METHODS for cursor in (BY_ID, NATURAL, PYMONGO)]
        pairs += [(LIVE, ours("run", "ledger"), LOOKUP), (LIVE, ours("run", "ledger"), PLAIN),
                  (LIVE, ours("run", "cut"), IMAGES), (LEDGER, "insert", "events"),
                  (LEDGER, "update", "events")]
        for pair in pairs:
            self.print_ratio(*pair)
        if self.peaks:
            print(f"- memory of a bootstrap, `memory: {MEMORY_LIMIT}`, peak RSS: "
                  + ", ".join(f"{documents:,} documents: {peak / 2**20:.0f} MB"
                              for documents, peak in self.peaks.items()))

    def print_ratio(self, row, we, they):
        ratios = [their.seconds / our.seconds
                  for their, our in zip(self.runs[row, they], self.runs[row, we])]
        if not ratios:
            return
        print(f"- {row}, {we} over {they}: median {statistics.median(ratios):.2f}x,"
              f" {min(ratios):.2f}x to {max(ratios):.2f}x")
