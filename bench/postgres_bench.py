"""PostgreSQL, with a real server on the same cores: how fast a table becomes a durable state and
its changes are applied, beside libpq alone that only counts what comes; and how much memory that
takes as the table grows tenfold.

A bootstrap stands beside a bare COPY of the same columns by as many connections as it has threads
(postgres_rows.cc), in the order that rows lie in, which can't be taken up again nor be of one
moment; live beside a bare reader of the same slot. The state is kept by a ledger, and by cuts, for
which the log has each row before a change too. Contestants take turns, ratios are of one round; an
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

from common import Run, note, print_header, print_title, rates_cell

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))

# The rows.
BOOTSTRAP, LIVE, MEMORY = "postgres, bootstrap", "postgres, live", "postgres, memory"
COLUMNS = "id, country, total, ordered_at"  # what the pipeline needs
GROWTH = 10
MEMORY_LIMIT = "128MiB"
TRANSACTION_CHANGES = 10
UNREAD = "unread"  # a slot that nobody confirms

PIPELINE = """name: bench_postgres
key: [country]
time: ordered_at
window: {{every: 1d}}
aggregates:
  orders: count
  total: sum(total)
method: {method}
memory: {memory}
source: {{postgres: {{uri: "{uri}", table: orders}}}}
state: {{rocksdb: {{path: {state}}}}}
"""

TABLE = """create table orders (
  id bigint primary key, customer text not null, country text not null, sku text not null,
  status text not null, quantity integer not null, total bigint not null,
  ordered_at timestamptz not null, note text not null)"""

# The same orders every time: h scatters the numbers n, by Knuth's multiplicative hash.
FILL = """insert into orders
select n, 'customer-' || lpad((h % 100003)::text, 6, '0'),
  chr((65 + h % 20)::int) || chr((65 + h / 26 % 10)::int),
  'SKU-' || lpad((h / 7 % 10007)::text, 8, '0'),
  (array['paid', 'shipped', 'delivered', 'cancelled'])[1 + h / 3 % 4], (h % 9 + 1)::int, h % 100000,
  timestamptz '2026-03-01 00:00:00+00' + (h * 1013 % 2592000000) * interval '1 ms',
  'leave at the door, ring twice, reference ' || to_hex(h) || to_hex(h * 31)
from (select n, n * 2654435761 % 4294967296 as h
      from generate_series({begin}::bigint, {end} - 1) as n) as s"""

UPDATE = """do $$ begin
  for begun in 0 .. {changes} - 1 by {together} loop
    update orders set total = total + 1
      where id >= begun and id < least(begun + {together}, {changes});
    commit;
  end loop;
end $$"""

COPY = "libpq, COPY of 4 columns"
METHODS = {"ledger": "default", "cut": "full"}  # → REPLICA IDENTITY


def ours(verb, method):
    return f"murmur {verb}, {method}"


def slot_reader(method):
    return f"libpq, the slot, REPLICA IDENTITY {METHODS[method].upper()}"


class Postgres:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.documents = self.options.documents
        self.changes = self.options.changes
        self.state = bench.work / "postgres"
        self.definition = bench.work / "postgres.yaml"
        self.runs = collections.defaultdict(list)  # (row, contestant) → runs
        self.peaks = {}                            # rows → bytes
        self.bytes = 0                             # of a row

    def rows(self):
        return [row for row in (BOOTSTRAP, LIVE, MEMORY) if self.options.only in row]

    def prepare(self):
        pass

    def play(self):
        rows = self.rows()
        from database_servers import PostgresServer
        with PostgresServer(shared_buffers="1GB", max_wal_size="16GB") as self.server:
            self.connection = self.server.connect()
            self.connection.autocommit = True
            self.run_sql(TABLE)
            self.fill(0, self.documents)
            if BOOTSTRAP in rows:
                self.play_bootstrap()
            if LIVE in rows:
                self.play_live()
            if MEMORY in rows:
                self.play_memory()
            self.connection.close()

    # --- the tools ---

    def run_sql(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def ask(self, question):
        with self.connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall()

    def ask_tool(self, verb, *arguments):
        before = os.times()
        result = json.loads(subprocess.check_output(
            [str(part) for part in (self.bench.program("bench/postgres_rows"), verb,
                                    self.server.uri, *arguments)]))
        after = os.times()
        return result, Run(result["seconds"], after.children_user - before.children_user
                           + after.children_system - before.children_system)

    def use(self, method, memory="512MiB"):
        """The state is kept by it from now on."""
        self.run_sql(f"alter table orders replica identity {METHODS[method]}")
        self.definition.write_text(PIPELINE.format(uri=self.server.uri, state=self.state,
                                                   method=method, memory=memory))

    def fill(self, begin, end):
        self.run_sql(FILL.format(begin=begin, end=end))
        for statement in ("vacuum (freeze, analyze) orders", "checkpoint"):
            self.run_sql(statement)
        [(size,)] = self.ask("select pg_relation_size('orders')")
        self.bytes = size / end
        note(f"inserted {end - begin:,} rows of {self.bytes:.0f} bytes")

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
        truth = {(country, day): (orders, total) for country, day, orders, total in self.ask(
            "select country, to_char(ordered_at at time zone 'UTC', 'YYYY-MM-DD\"T00:00:00Z\"'), "
            "count(*), sum(total)::bigint from orders group by 1, 2")}
        lines = subprocess.check_output([self.bench.program("bin/murmur"), "dump", self.definition,
                                         "--format", "jsonl"], text=True).splitlines()
        state = {(row["key"]["country"], row["window"]): (row["orders"], row["total"])
                 for row in map(json.loads, lines)}
        wrong = [key for key in truth.keys() | state.keys() if truth.get(key) != state.get(key)]
        if wrong:
            raise SystemExit(f"murmur: {len(wrong)} of {len(truth)} groups differ, the first:"
                             f" {wrong[0]}: {state.get(wrong[0])}, but it is {truth.get(wrong[0])}")

    def forget(self):
        """Drops the state, and the slots that it was to be followed through."""
        shutil.rmtree(self.state)
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots")

    # --- bootstrap ---

    def play_bootstrap(self):
        self.copy()  # what can be in the server's cache is
        for _ in range(self.options.rounds):
            self.add(BOOTSTRAP, COPY, self.copy())
            for method in METHODS:
                self.use(method)
                self.add(BOOTSTRAP, ours("bootstrap", method), self.bootstrap()[0])
                self.forget()

    def copy(self):
        result, run = self.ask_tool("copy", "orders", COLUMNS, "id", self.documents, self.threads)
        self.expect("COPY", result["events"], self.documents)
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
        """The same changes for all, from a copy of the same state and slot."""
        self.bootstrap()
        before = self.bench.work / "postgres_before"
        self.state.rename(before)
        [(slot,)] = self.ask("select slot_name from pg_replication_slots")
        self.copy_slot(slot, UNREAD)
        self.run_sql(UPDATE.format(changes=self.changes, together=TRANSACTION_CHANGES))
        self.run_sql("checkpoint")
        for _ in range(self.options.rounds):
            result, run = self.ask_tool("follow", UNREAD, slot, self.changes)  # its publication
            self.expect("the slot", result["events"], self.changes)
            self.add(LIVE, slot_reader(method), run)
            shutil.copytree(before, self.state)
            self.copy_slot(UNREAD, slot)
            run, summary, _ = self.murmur("run", "--until-caught-up")
            self.expect("murmur run", summary["records_this_run"], self.changes)
            self.add(LIVE, ours("run", method), run)
            self.check()
            shutil.rmtree(self.state)
        shutil.rmtree(before)
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots")

    def copy_slot(self, one, other):
        """In place of another of that name."""
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                 f"where slot_name = '{other}'")
        self.ask(f"select pg_copy_logical_replication_slot('{one}', '{other}')")

    # --- memory ---

    def play_memory(self):
        self.use("ledger", MEMORY_LIMIT)
        for documents in (self.documents, GROWTH * self.documents):
            if documents > self.documents:
                self.fill(self.documents, documents)
                self.documents = documents
            _, self.peaks[documents] = self.bootstrap()
            note(f"{MEMORY}, {documents:,} rows: {self.peaks[documents] / 2**20:.0f} MB")
            self.forget()
        self.documents = self.options.documents

    # --- the tables ---

    def print_table(self):
        print()
        print_title(f"PostgreSQL, {self.documents:,} rows of {self.bytes:.0f} bytes; murmur with"
                    f" {self.threads} threads, durable", self.options)
        print("Thousand rows or changes per second, best / median (CPU ns of each, the server's not"
              " counted).\n")
        print_header(["rate"])
        counts = {BOOTSTRAP: self.documents, LIVE: self.changes}
        for (row, contestant), runs in self.runs.items():
            print(f"| {row}: {contestant} | {rates_cell(runs, counts[row], 1e3, 1)} |")
        print()
        for method in METHODS:
            self.print_ratio(BOOTSTRAP, ours("bootstrap", method), COPY)
        for method in METHODS:
            self.print_ratio(LIVE, ours("run", method), slot_reader(method))
        if self.peaks:
            print(f"- memory of a bootstrap, `memory: {MEMORY_LIMIT}`, peak RSS: "
                  + ", ".join(f"{documents:,} rows: {peak / 2**20:.0f} MB"
                              for documents, peak in self.peaks.items()))

    def print_ratio(self, row, we, they):
        ratios = [their.seconds / our.seconds
                  for their, our in zip(self.runs[row, they], self.runs[row, we])]
        if not ratios:
            return
        print(f"- {row}, {we} over {they}: median {statistics.median(ratios):.2f}x,"
              f" {min(ratios):.2f}x to {max(ratios):.2f}x")
