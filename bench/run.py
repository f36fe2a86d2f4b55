"""The benchmark: page, day -> count, sum(amount), distinct(user) over 10 million events, by Murmur
(durable) and by two databases that answer the same question from the same files, side by side.

Contestants are interleaved over several rounds, with the page cache warm; a contestant whose answer
is wrong stops the run. Times are measured inside the processes: of the query for the databases, from
the first byte to the last synced commit for Murmur. CPU is the whole process for Murmur, the query
for the databases. Prints a Markdown table. More follow: of replay.py, swap.py, kafka_bench.py,
mongo_bench.py, postgres_bench.py, mariadb_bench.py and dynamodb_bench.py.
"""

import argparse
import collections
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from common import (Run, ask_program, check_call, note, print_header, print_title, rates_cell,
                    run_murmur)
from dynamodb_bench import DynamoDb
from kafka_bench import Kafka
from mariadb_bench import MariaDb
from matrix import Matrix
from mongo_bench import Mongo
from postgres_bench import Postgres
from replay import Replay
from swap import Swap

HERE = pathlib.Path(__file__).resolve().parent
SEED = 42
GO_EVENTS_PER_SECOND = 0.4e6  # the Go counterpart: count only, in memory, JSONL
RIVALS = ("duckdb", "chdb")
AMOUNT_TOLERANCE = 1e-9  # relative: sums of doubles, rounded in another order
USERS_TOLERANCE = 0.02   # relative, of the total over all groups

PIPELINE = """name: {name}
key: {key}
time: ts
window: {{every: 1d}}
aggregates:
{aggregates}
{source}
state: {{rocksdb: {{path: {state}}}}}
"""
QUESTION = "  events: count\n  amount: sum(amount)\n  users: distinct(user)"


class Bench:
    def __init__(self, options):
        self.options = options
        self.data = options.data / f"{options.events}"
        self.json = self.data / "events.jsonl"
        self.parquet = {"snappy": self.data / "snappy.parquet", "zstd": self.data / "zstd.parquet",
                        "arrow zstd": self.data / "arrow_zstd.parquet"}
        self.work = options.data / f"work-{os.getpid()}"
        self.runs = collections.defaultdict(list)

    # --- data ---

    def prepare(self):
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.json.exists():
            note(f"generating {self.options.events:,} events in {self.data}")
            partial = self.json.with_suffix(".partial")
            check_call([self.program("bench/generate_events"), partial, self.options.events, SEED])
            partial.rename(self.json)
        self.make_parquet()
        self.truth = self.load_truth()

    def make_parquet(self):
        import duckdb
        import pyarrow.parquet
        if self.parquet["arrow zstd"].exists():
            return
        note("writing the Parquet copies")
        columns = {"id": "VARCHAR", "ts": "VARCHAR", "user": "VARCHAR", "page": "VARCHAR",
                   "country": "VARCHAR", "amount": "DOUBLE", "ms": "INTEGER"}
        events = (f'SELECT id, CAST(ts AS TIMESTAMP) ts, "user", page, country, amount, ms FROM'
                  f" read_json('{self.json}', format='newline_delimited', columns={columns})")
        for compression in ("zstd", "snappy"):
            duckdb.execute(f"COPY ({events}) TO '{self.parquet[compression]}'"
                           f" (FORMAT parquet, COMPRESSION {compression})")
        table = pyarrow.parquet.read_table(self.parquet["zstd"])
        partial = self.data / "arrow.partial"
        pyarrow.parquet.write_table(table, partial, compression="zstd", row_group_size=1 << 20)
        partial.rename(self.parquet["arrow zstd"])

    def load_truth(self):
        """The exact answer, by exact counting; kept beside the data."""
        import duckdb
        path = self.data / "truth.json"
        if not path.exists():
            note("counting exactly, once")
            source = f"FROM read_parquet('{self.parquet['snappy']}')"
            day = "CAST(ts AS DATE)"
            groups, events, amount, users = duckdb.execute(
                f"SELECT count(*), sum(n), sum(s), sum(d) FROM (SELECT count(*) n,"
                f' sum(CAST(amount AS DECIMAL(18, 2))) s, count(DISTINCT "user") d {source}'
                f" GROUP BY page, {day})").fetchone()
            keys = duckdb.execute(f'SELECT count(*) FROM (SELECT 1 {source} GROUP BY "user", page,'
                                  f" {day})").fetchone()[0]
            path.write_text(json.dumps({"groups": groups, "events": int(events),
                                        "amount": float(amount), "users": int(users),
                                        "keys": keys}))
        return json.loads(path.read_text())

    def check(self, who, answer, users_tolerance=USERS_TOLERANCE):
        for name in ("groups", "events"):
            if answer[name] != self.truth[name]:
                raise SystemExit(f"{who}: {answer[name]} {name}, but there are {self.truth[name]}")
        for name, tolerance in (("amount", AMOUNT_TOLERANCE), ("users", users_tolerance)):
            if abs(answer[name] / self.truth[name] - 1) > tolerance:
                raise SystemExit(f"{who}: {name} {answer[name]}, but it is {self.truth[name]}")

    # --- contestants ---

    def program(self, name):
        return self.options.build / name

    def murmur(self, verb, source, threads, environment=None):
        state = self.work / "state"
        definition = self.write_definition("bench", "[page]", QUESTION, source, state)
        run = self.run(verb, definition, threads, environment)
        self.check(f"murmur {verb}, {source}", self.dump_totals(definition))
        shutil.rmtree(state)
        return run

    def write_definition(self, name, key, aggregates, source, state):
        definition = self.work / f"{name}.yaml"
        definition.write_text(PIPELINE.format(name=name, key=key, aggregates=aggregates,
                                              source=source, state=state))
        return definition

    def run(self, verb, definition, threads, environment=None):
        run, _, _ = run_murmur(self.program("bin/murmur"), verb, definition, threads,
                               environment=environment)
        return run

    def dump_totals(self, definition):
        import duckdb
        dump = self.work / "dump.jsonl"
        with dump.open("w") as out:
            subprocess.run([self.program("bin/murmur"), "dump", definition, "--format", "jsonl"],
                           stdout=out, check=True)
        columns = {"events": "BIGINT", "amount": "DOUBLE", "users": "BIGINT"}
        groups, events, amount, users = duckdb.execute(
            f"SELECT count(*), sum(events), sum(amount), sum(users) FROM read_json('{dump}',"
            f" format='newline_delimited', columns={columns})").fetchone()
        dump.unlink()
        return {"groups": groups, "events": events, "amount": amount, "users": users}

    def rival(self, name, path, threads):
        answer = json.loads(subprocess.check_output(
            [sys.executable, HERE / "rival.py", name, path, str(threads)]))
        self.check(f"{name} {path.name}", answer)
        return Run(answer["seconds"], answer["cpu"])

    def reference(self, *command):
        result, run = ask_program(*command)
        if result["events"] != self.options.events:
            raise SystemExit(f"{command[0]}: {result['events']} events")
        return run._replace(settle=result.get("settle_seconds"))

    def many_keys(self, threads):
        state = self.work / "state"
        definition = self.write_definition("bench_keys", "[user, page]", "  events: count",
                                           bootstrap_from("jsonl", self.json), state)
        run = self.run("bootstrap", definition, threads)
        lines = subprocess.run(
            f"'{self.program('bin/murmur')}' dump '{definition}' --format jsonl | wc -l",
            shell=True, check=True, capture_output=True, text=True).stdout
        if int(lines) != self.truth["keys"]:
            raise SystemExit(f"murmur: {lines.strip()} keys, but there are {self.truth['keys']}")
        settle = json.loads(subprocess.check_output([self.program("bench/settle"), state / "v1"]))
        shutil.rmtree(state)
        return run._replace(settle=settle["settle_seconds"])

    def duckdb_keys(self, threads):
        """The same table, durable, with what finds a row by its key."""
        import duckdb
        path = self.work / "keys.duckdb"
        connection = duckdb.connect(str(path), config={"threads": threads})
        connection.execute('create table keys (user varchar, page varchar, day date, events bigint,'
                           ' primary key (user, page, day))')
        before, begin = os.times(), time.perf_counter()
        connection.execute(
            'insert into keys select "user", page, cast(ts as date), count(*) from read_json('
            f"'{self.json}', format='newline_delimited', columns={{'ts': 'TIMESTAMP',"
            " 'user': 'VARCHAR', 'page': 'VARCHAR'}) group by all")
        connection.execute("checkpoint")
        seconds, after = time.perf_counter() - begin, os.times()
        keys = connection.execute("select count(*) from keys").fetchone()[0]
        connection.close()
        path.unlink()
        if keys != self.truth["keys"]:
            raise SystemExit(f"duckdb: {keys} keys, but there are {self.truth['keys']}")
        return Run(seconds, after.user + after.system - before.user - before.system)

    def write_batch(self, threads):
        state = self.work / "write_batch"
        run = self.reference(self.program("bench/write_batch"), self.json, threads, state)
        shutil.rmtree(state)
        return run

    # --- rounds ---

    def rows(self):
        return list(self.contestants(self.options.threads[0]))

    def contestants(self, threads):
        """Row → what runs it once."""
        rows = {"newline scan": lambda: self.reference(
                    self.program("bench/ceilings"), "newlines", self.json, threads),
                "simdjson, 4 fields": lambda: self.reference(
                    self.program("bench/ceilings"), "fields", self.json, threads),
                "murmur, JSONL": lambda: self.murmur(
                    "bootstrap", bootstrap_from("jsonl", self.json), threads)}
        for rival in RIVALS:
            rows[f"{rival}, JSONL"] = lambda r=rival: self.rival(r, self.json, threads)
        for name, path in self.parquet.items():
            rows[f"murmur, Parquet {name}"] = lambda p=path: self.murmur(
                "bootstrap", bootstrap_from("parquet", p), threads)
            for rival in RIVALS:
                rows[f"{rival}, Parquet {name}"] = (
                    lambda r=rival, p=path: self.rival(r, p, threads))
        rows["murmur, user-page-day keys"] = lambda: self.many_keys(threads)
        rows["duckdb, a table with user-page-day keys"] = lambda: self.duckdb_keys(threads)
        rows["RocksDB WriteBatch per 100 k, user-page-day keys"] = lambda: self.write_batch(threads)
        return {row: run for row, run in rows.items() if self.options.only in row}

    def play(self):
        for round_number in range(self.options.rounds):
            for threads in self.options.threads:
                for row, run in self.contestants(threads).items():
                    if row.endswith("keys") and round_number >= self.options.key_rounds:
                        continue
                    result = run()
                    self.runs[row, threads].append(result)
                    note(f"round {round_number + 1}, {threads} threads, {row}:"
                         f" {result.seconds:.2f} s, CPU {result.cpu:.2f} s")

    # --- the table ---

    def print_table(self):
        print_title(f"{self.options.events:,} events", self.options)
        print("Million events per second, best / median (CPU ns per event); page cache warm.\n")
        print_header([f"{n} thread{'s' if n > 1 else ''}" for n in self.options.threads])
        for row in dict.fromkeys(row for row, _ in self.runs):
            cells = [rates_cell(self.runs[row, n], self.options.events)
                     for n in self.options.threads]
            print(f"| {row} |" + "".join(f" {cell} |" for cell in cells))
        print("| Go counterpart, count only, in memory, JSONL (fixed) |"
              f" {GO_EVENTS_PER_SECOND / 1e6:.1f} |" + " |" * (len(self.options.threads) - 1))
        print()
        for threads in self.options.threads:
            self.print_ratios(threads)

    def print_ratios(self, threads):
        def best(*words):
            rates = [self.options.events / run.seconds for (row, n), runs in self.runs.items()
                     for run in runs if n == threads and all(word in row for word in words)]
            return max(rates, default=0)

        for over, ours, theirs in (
                ("the faster database, JSONL", ("murmur", "JSONL"),
                 max(best(rival, "JSONL") for rival in RIVALS)),
                ("the faster database, Parquet, each at its best file", ("murmur", "Parquet"),
                 max(best(rival, "Parquet") for rival in RIVALS)),
                ("the Go counterpart, JSONL", ("murmur", "JSONL"), GO_EVENTS_PER_SECOND),
                ("WriteBatch, user-page-day keys", ("murmur", "keys"), best("WriteBatch"))):
            if best(*ours) and theirs:
                print(f"- {threads} threads, Murmur over {over}: {best(*ours) / theirs:.2f}x")


def bootstrap_from(kind, path):
    """The line of a definition."""
    return f"bootstrap: {{{kind}: {{path: {path}}}}}"


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--key-rounds", type=int, default=2,
                        help="rounds of the contestants with a key per user, page and day")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--swap-keys", type=numbers, default=[1_000_000, 10_000_000],
                        metavar="N,N", help="keys of the versions that are swapped in")
    parser.add_argument("--messages", type=int, default=5_000_000, help="of the Kafka topic")
    parser.add_argument("--documents", type=int, default=1_000_000,
                        help="of the MongoDB collection, and rows of the tables of PostgreSQL and"
                        " MariaDB, up to 100,000 items of DynamoDB; ten times that where memory is"
                        " measured")
    parser.add_argument("--changes", type=int, default=200_000,
                        help="of each of these, each of another row: no more than it has, and up to"
                        " 50,000 of DynamoDB")
    parser.add_argument("--debezium", action=argparse.BooleanOptionalAction,
                        help="Debezium's engine beside `murmur run`; by default, if there are a JDK"
                        " and its jars")
    parser.add_argument("--extensions", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true",
                        help="the matrix at a tenth of its scale, to compare with an earlier run")
    parser.add_argument("--only", default="", help="only rows that contain this text; the rows of"
                        " the other tables begin with 'matrix', 'replay', 'swap', 'kafka', 'mongo',"
                        " 'postgres', 'mariadb' and 'dynamodb'")
    options = parser.parse_args()
    hidden = ("--build", str(options.build), "--data", str(options.data), "--extensions",
              str(options.extensions))
    options.command = "./dev bench" + "".join(
        f" {shlex.quote(argument)}" for argument in sys.argv[1:] if argument not in hidden)
    bench = Bench(options)
    try:
        bench.work.mkdir(parents=True)
        for part in (bench, Matrix(bench), Replay(bench), Swap(bench), Kafka(bench), Mongo(bench),
                     Postgres(bench), MariaDb(bench), DynamoDb(bench)):
            if not part.rows():
                continue
            part.prepare()
            part.play()
            part.print_table()
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)


if __name__ == "__main__":
    main()
