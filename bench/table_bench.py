"""What the benchmarks of tables share, each with a real server on the same cores: how fast a table
becomes a durable state and its changes are applied, beside the client library alone that only
counts what comes; and how much memory that takes as the table grows tenfold.

The state is kept by a ledger, and by cuts. Contestants take turns, ratios are of one round; an
answer that isn't the server's own stops the run.
"""

import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import debezium
from common import ask_program, note, print_header, print_title, rates_cell, run_murmur

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))

BOOTSTRAP, LIVE, MEMORY = "bootstrap", "live", "memory"  # the parts
METHODS = ("ledger", "cut")
GROWTH = 10
MEMORY_LIMIT = "128MiB"

PIPELINE = """name: bench_{name}
key: [country]
time: ordered_at
window: {{every: 1d}}
aggregates:
  orders: count
  total: sum(total)
method: {method}
memory: {memory}
source: {{{name}: {{{place}}}}}
state: {{rocksdb: {{path: {state}}}}}
"""


def ours(verb, method):
    return f"murmur {verb}, {method}"


class TableBench:
    """Derived: the server and its table of orders, what else reads them, and what is right."""

    name = title = None  # in the names of rows, and of the server
    tool = None          # the program with the client library alone
    parts = (BOOTSTRAP, LIVE, MEMORY)
    many = "rows"
    counted = "rows or changes"
    note_on_server = ""
    # Methods whose states one set of changes can serve: it needs no setting of the table's own.
    methods_of_changes = (("ledger",), ("cut",))
    methods = METHODS  # by which its state can be kept

    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.documents = self.options.documents
        self.changes = min(self.options.changes, self.documents)  # each is of another row
        self.state = bench.work / self.name
        self.definition = bench.work / f"{self.name}.yaml"
        self.runs = collections.defaultdict(list)  # (part, contestant) → runs
        self.peaks = {}                            # rows → bytes
        self.bytes = 0                             # of a row

    def rows(self):
        return [self.row(part) for part in self.parts_asked_for()]

    def row(self, part):
        return f"{self.name}, {part}"

    def parts_asked_for(self):
        return [part for part in self.parts if self.options.only in self.row(part)]

    def prepare(self):
        pass

    def play(self):
        parts = self.parts_asked_for()
        with self.serve():
            self.fill(0, self.documents)
            if BOOTSTRAP in parts:
                self.play_bootstrap()
            if LIVE in parts:
                self.play_live()
            if MEMORY in parts:
                self.play_memory()

    # --- what is each database's own ---

    def serve(self):
        """A context in which the server has an empty table."""
        raise NotImplementedError

    def place(self):
        """Of the table, in a definition."""
        raise NotImplementedError

    def fill(self, begin, end):
        """Adds the rows of these numbers, and notes how many bytes one has."""
        raise NotImplementedError

    def truth(self):
        """(country, day) → (orders, total), of the server's own."""
        raise NotImplementedError

    def settle(self):
        """What is timed then doesn't wait for what was written before."""
        os.sync()

    def set_up(self, method):
        """The server tells of changes what the method needs."""

    def readers(self):
        """Contestant → what reads the whole table once, the one that warms up caches first."""
        raise NotImplementedError

    def begin_changes(self, methods):
        """Makes the changes, which can be read again from their beginning."""
        raise NotImplementedError

    def change_readers(self, methods):
        """Contestant → what reads the changes once."""
        raise NotImplementedError

    def rewind(self):
        """The state of before the changes is there again: they can be followed from it."""

    def let_go(self):
        """The state is gone, and what the server keeps for it goes too."""

    def pairs(self):
        """Part, ours, theirs: of which ratios are printed."""
        raise NotImplementedError

    # --- the tools ---

    def ask_tool(self, verb, *arguments):
        return ask_program(self.bench.program(self.tool), verb, *arguments)

    def use(self, method, memory="512MiB"):
        """The state is kept by it from now on."""
        self.set_up(method)
        self.define(method, memory)

    def define(self, method, memory="512MiB"):
        self.definition.write_text(PIPELINE.format(
            name=self.name, place=self.place(), state=self.state, method=method, memory=memory))

    def expect(self, who, counted, expected):
        if counted != expected:
            raise SystemExit(f"{who}: {counted}, but it is {expected}")

    def add(self, part, contestant, run):
        self.runs[part, contestant].append(run)
        number = len(self.runs[part, contestant])
        note(f"round {number}, {self.row(part)}, {contestant}: {run.seconds:.2f} s,"
             f" CPU {run.cpu:.2f} s")

    def murmur(self, verb, *options):
        return run_murmur(self.bench.program("bin/murmur"), verb, self.definition, self.threads,
                          *options)

    def check(self):
        """The whole state, beside what the server says."""
        truth = self.truth()
        lines = subprocess.check_output([self.bench.program("bin/murmur"), "dump", self.definition,
                                         "--format", "jsonl"], text=True).splitlines()
        state = {(row["key"]["country"], row["window"]): (row["orders"], row["total"])
                 for row in map(json.loads, lines)}
        wrong = [key for key in truth.keys() | state.keys() if truth.get(key) != state.get(key)]
        if wrong:
            raise SystemExit(f"murmur: {len(wrong)} of {len(truth)} groups differ, the first:"
                             f" {wrong[0]}: {state.get(wrong[0])}, but it is {truth.get(wrong[0])}")

    def forget(self):
        shutil.rmtree(self.state)
        self.let_go()

    # --- bootstrap ---

    def play_bootstrap(self):
        self.settle()
        readers = self.readers()
        next(iter(readers.values()))()  # what can be in the server's cache is
        for _ in range(self.options.rounds):
            for contestant, read in readers.items():
                self.add(BOOTSTRAP, contestant, read())
            for method in self.methods:
                self.use(method)
                self.add(BOOTSTRAP, ours("bootstrap", method), self.bootstrap()[0])
                self.forget()

    def bootstrap(self):
        run, summary, peak = self.murmur("bootstrap")
        self.expect("murmur bootstrap", summary["records"], self.documents)
        self.check()
        return run, peak

    # --- live ---

    def play_live(self):
        for methods in self.methods_of_changes:
            self.play_changes(methods)

    def play_changes(self, methods):
        """The same changes for all, from copies of the same states."""
        for method in methods:
            self.use(method)
            self.bootstrap()
            self.state.rename(self.before(method))
        self.begin_changes(methods)
        self.settle()
        readers = self.change_readers(methods)
        for _ in range(self.options.rounds):
            for contestant, read in readers.items():
                self.add(LIVE, contestant, read())
            for method in methods:
                self.add(LIVE, ours("run", method), self.follow(method))
        for method in methods:
            shutil.rmtree(self.before(method))
        self.let_go()

    def before(self, method):
        """Where the state lies as it was before the changes."""
        return self.bench.work / f"{self.name}_before_{method}"

    def follow(self, method):
        self.define(method)
        shutil.copytree(self.before(method), self.state)
        self.rewind()
        run, summary, _ = self.murmur("run", "--until-caught-up")
        self.expect("murmur run", summary["records_this_run"], self.changes)
        self.check()
        shutil.rmtree(self.state)
        return run

    # --- memory ---

    def play_memory(self):
        self.use("ledger", MEMORY_LIMIT)
        for documents in (self.documents, GROWTH * self.documents):
            if documents > self.documents:
                self.fill(self.documents, documents)
                self.documents = documents
            _, self.peaks[documents] = self.bootstrap()
            note(f"{self.row(MEMORY)}, {documents:,} {self.many}:"
                 f" {self.peaks[documents] / 2**20:.0f} MB")
            self.forget()
        self.documents = self.options.documents

    # --- the tables ---

    def print_table(self):
        print()
        size = f" of {self.bytes:.0f} bytes" if self.bytes else ""
        print_title(f"{self.title}, {self.documents:,} {self.many}{size}{self.note_on_server};"
                    f" murmur with {self.threads} threads, durable", self.options)
        print(f"Thousand {self.counted} per second, best / median (CPU ns of each, the server's not"
              " counted).\n")
        print_header(["rate"])
        for (part, contestant), runs in self.runs.items():
            count = self.changes if part == LIVE else self.documents
            print(f"| {self.row(part)}: {contestant} | {rates_cell(runs, count, 1e3, 1)} |")
        print()
        for pair in self.pairs():
            self.print_ratio(*pair)
        if self.peaks:
            print(f"- memory of a bootstrap, `memory: {MEMORY_LIMIT}`, peak RSS: "
                  + ", ".join(f"{documents:,} {self.many}: {peak / 2**20:.0f} MB"
                              for documents, peak in self.peaks.items()))

    def print_ratio(self, part, we, they):
        ratios = [their.seconds / our.seconds
                  for their, our in zip(self.runs[part, they], self.runs[part, we])]
        if not ratios:
            return
        print(f"- {self.row(part)}, {we} over {they}: median {statistics.median(ratios):.2f}x,"
              f" {min(ratios):.2f}x to {max(ratios):.2f}x")


class SqlBench(TableBench):
    """Of a table of SQL, beside the one contestant of its client library, and Debezium's engine for
    changes. Derived: `connection`, which commits each statement."""

    library = statement = None  # in the names of contestants
    columns = "id, country, total, ordered_at"  # what the pipeline needs
    together = 10  # changes of a transaction

    def prepare(self):
        if LIVE in self.parts_asked_for():
            debezium.is_wanted(self.options.debezium)  # or it ends here, if asked for

    def log(self, method):
        """What has the changes, in the names of contestants."""
        raise NotImplementedError

    def read_rows(self):
        raise NotImplementedError

    def read_log(self):
        raise NotImplementedError

    def read_by_debezium(self):
        raise NotImplementedError

    def run_sql(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def ask(self, question):
        with self.connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall()

    def rows_reader(self):
        return f"{self.library}, {self.statement} of {self.columns.count(',') + 1} columns"

    def log_reader(self, method):
        return f"{self.library}, {self.log(method)}"

    def engine(self, method):
        return f"Debezium's engine, {self.log(method)}, without its start"

    def readers(self):
        return {self.rows_reader(): self.read_rows}

    def change_readers(self, methods):
        readers = {self.log_reader(methods[0]): self.read_log}
        if debezium.is_wanted(self.options.debezium):
            readers[self.engine(methods[0])] = self.read_by_debezium
        return readers

    def pairs(self):
        return ([(BOOTSTRAP, ours("bootstrap", method), self.rows_reader()) for method in METHODS]
                + [(LIVE, ours("run", method), they(method))
                   for they in (self.log_reader, self.engine) for method in METHODS])
