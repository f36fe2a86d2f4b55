"""Many kinds of work over TPC-H's lineitem and orders, and tables made of orders (matrix_cases.py):
Murmur, durable, beside DuckDB and chDB, which keep the answer in memory.

Contestants are interleaved, and a ratio is of one round. Murmur's time is that of the whole process;
the rivals' is the query's alone. Murmur's answers are checked before a time counts: exact ones to
the digit, approximate ones within the bound that is stated for them. The data are those of DuckDB's
own generator; JSON lines have all columns but the comments, and gzip is eight files of them.
"""

import collections
import datetime
import decimal
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

from common import note, print_header, print_title
from matrix_cases import CASES

FORMATS = {"Parquet": "parquet", "JSON lines": "jsonl", "gzip": "jsonl"}
GZIP_FILES = 8
RIVALS = ("duckdb", "chdb")
# Rows that would be done in less than half a second are run at the larger scale.
SCALE, LARGER_SCALE, QUICK_SCALE = 1, 3, 0.1
DATE = re.compile(r"\d{4}-\d\d-\d\d")
COLUMNS = {
    "lineitem": {"l_orderkey": "BIGINT", "l_partkey": "BIGINT", "l_suppkey": "BIGINT",
                 "l_linenumber": "BIGINT", "l_quantity": "DECIMAL(15,2)",
                 "l_extendedprice": "DECIMAL(15,2)", "l_discount": "DECIMAL(15,2)",
                 "l_tax": "DECIMAL(15,2)", "l_returnflag": "VARCHAR", "l_linestatus": "VARCHAR",
                 "l_shipdate": "DATE", "l_shipinstruct": "VARCHAR", "l_shipmode": "VARCHAR"},
    "orders": {"o_orderkey": "BIGINT", "o_custkey": "BIGINT", "o_orderstatus": "VARCHAR",
               "o_totalprice": "DECIMAL(15,2)", "o_orderdate": "DATE", "o_orderpriority": "VARCHAR",
               "o_clerk": "VARCHAR", "o_shippriority": "BIGINT"},
    "receipts": {"r_key": "BIGINT", "r_priority": "VARCHAR", "r_clerk": "VARCHAR",
                 "r_total": "DECIMAL(15,2)",
                 "customer": "STRUCT(id BIGINT, segment STRUCT(priority VARCHAR, status VARCHAR))"},
    "wide": {"w_key": "BIGINT", "w_priority": "VARCHAR",
             **{f"w_{i}": "BIGINT" for i in range(1, 41)}}}
# What the tables that TPC-H lacks are made of.
MADE_OF = {
    "receipts": "select o_orderkey r_key, o_orderpriority r_priority,"
                " if(o_custkey % 3 = 0, null, o_clerk) r_clerk,"
                " if(o_custkey % 4 = 0, null, o_totalprice) r_total,"
                " {'id': o_custkey, 'segment': {'priority': o_orderpriority,"
                " 'status': o_orderstatus}} customer from orders",
    "wide": "select o_orderkey w_key, o_orderpriority w_priority, "
            + ", ".join(f"o_orderkey * {i} % 1000 w_{i}" for i in range(1, 41)) + " from orders"}
CHDB_TYPES = {
    "BIGINT": "Int64", "DECIMAL(15,2)": "Decimal(15,2)", "VARCHAR": "String", "DATE": "Date",
    COLUMNS["receipts"]["customer"]:
        "Tuple(id Int64, segment Tuple(priority String, status String))"}
CHDB_NULLABLE = ("r_clerk", "r_total")
GENERATE = """
import duckdb
c = duckdb.connect(config={{"allow_unsigned_extensions": True}})
c.execute("LOAD '{extension}'")
c.execute("call dbgen(sf={scale})")
for table, query in {made_of}.items():
    c.execute(f"create view {{table}} as {{query}}")
for table, columns in {columns}.items():
    c.execute(f"copy (from {{table}}) to '{folder}/{{table}}.parquet' (format parquet)")
    c.execute(f"copy (select {{', '.join(columns)}} from {{table}}) to '{folder}/{{table}}.jsonl'"
              " (format json)")
"""
DUCKDB = """
import duckdb, time
c = duckdb.connect(config={{"threads": {threads}}})
c.execute("set enable_progress_bar=false")
begin = time.perf_counter()
c.execute({query!r})
print(time.perf_counter() - begin)
"""
CHDB = """
import chdb, time
chdb.query("select 1")
begin = time.perf_counter()
chdb.query({query!r}, "Null")
print(time.perf_counter() - begin)
"""


ARROW = """
import pyarrow, pyarrow.parquet, time
pyarrow.set_cpu_count({threads})
for _ in range(2):  # the first imports a part of pyarrow
    begin = time.perf_counter()
    pyarrow.parquet.read_table({path!r}, columns={fields})
print(time.perf_counter() - begin)
"""
INFLATE = """
import concurrent.futures, glob, time, zlib
def inflate(path):
    stream = zlib.decompressobj(31)
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            stream.decompress(data)
begin = time.perf_counter()
with concurrent.futures.ThreadPoolExecutor({threads}) as pool:
    list(pool.map(inflate, glob.glob({path!r})))
print(time.perf_counter() - begin)
"""


def warm(pattern):
    """Brings files into the page cache."""
    for name in glob.glob(str(pattern)):
        with open(name, "rb") as data:
            while data.read(1 << 24):
                pass


def chdb_type(name, kind):
    inner = CHDB_TYPES[kind]
    return f"Nullable({inner})" if name in CHDB_NULLABLE else inner


class Matrix:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.runs = collections.defaultdict(list)  # (case, format, who) → seconds, by round
        self.truths = {}
        self.checked = set()  # (case, format)

    def rows(self):
        only = self.options.only.removeprefix("matrix").strip(", ")
        if self.options.only and not self.options.only.startswith("matrix"):
            return []
        return [(case, form) for form in FORMATS for case in CASES
                if only in f"{case.name}, {form}"]

    # --- data ---

    def scale(self, case, form):
        if self.options.quick:
            return QUICK_SCALE
        return SCALE if case.large or form == "gzip" else LARGER_SCALE

    def folder(self, scale):
        return self.options.data / f"tpch-{scale}"

    def prepare(self):
        for scale in {self.scale(case, form) for case, form in self.rows()}:
            self.generate(scale, self.folder(scale))
        for path in {self.path(case, form) for case, form in self.rows()}:
            warm(path)

    def generate(self, scale, folder):
        if folder.exists():
            return
        note(f"generating TPC-H at scale {scale} in {folder}")
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        extension = next(self.options.extensions.rglob("tpch.duckdb_extension"))
        self.python(GENERATE.format(extension=extension, scale=scale, columns=COLUMNS,
                                    made_of=MADE_OF, folder=partial),
                    PYTHONPATH=str(self.options.extensions))
        if scale != LARGER_SCALE:
            for table in COLUMNS:
                self.cut(partial / f"{table}.jsonl", partial / "gzip" / table)
        partial.rename(folder)

    def cut(self, lines, folder):
        folder.mkdir(parents=True)
        subprocess.run(["split", f"--number=l/{GZIP_FILES}", "--additional-suffix=.jsonl", lines,
                        f"{folder}/"], check=True)
        subprocess.run(["gzip", "-6", *folder.iterdir()], check=True)

    def path(self, case, form):
        folder = self.folder(self.scale(case, form))
        if form == "gzip":
            return folder / "gzip" / case.table / "*.jsonl.gz"
        return folder / f"{case.table}.{FORMATS[form]}"

    # --- contestants ---

    def play(self):
        for case, form in self.rows():
            for _ in range(self.options.rounds):
                self.runs[case.name, form, "murmur"].append(self.murmur(case, form))
                for rival in RIVALS:
                    self.runs[case.name, form, rival].append(getattr(self, rival)(case, form))
                self.runs[case.name, form, "ceiling"].append(self.ceiling(case, form))
            note(f"{case.name}, {form}: " + ", ".join(
                f"{who} {min(self.runs[case.name, form, who]):.2f} s" for who in ("murmur", *RIVALS)))

    def murmur(self, case, form):
        shutil.rmtree(self.bench.work / "matrix", ignore_errors=True)
        (self.bench.work / "matrix").mkdir()
        source = f"bootstrap: {{{FORMATS[form]}: {{path: {self.path(case, form)}}}}}"
        file = self.bench.work / "matrix" / "matrix.yaml"
        file.write_text(case.definition(source, "state", self.threads))
        program = self.bench.program("bin/murmur")
        begin = time.perf_counter()
        subprocess.run([program, "bootstrap", file, "--quiet"], check=True)
        seconds = time.perf_counter() - begin
        if (case.name, form) in self.checked:
            return seconds
        dumped = subprocess.run([program, "dump", file, "--format", "jsonl"], check=True,
                                capture_output=True, text=True).stdout
        check(case, self.truth(case, form), [json.loads(line) for line in dumped.splitlines()])
        self.checked.add((case.name, form))
        return seconds

    def duckdb(self, case, form):
        path = self.path(case, form)
        table = (f"'{path}'" if form == "Parquet" else
                 f"read_json('{path}', format='newline_delimited', columns={COLUMNS[case.table]})")
        query = f"create temp table answer as {case.sql(table)}"
        return float(self.python(DUCKDB.format(threads=self.threads, query=query)))

    def chdb(self, case, form):
        path = self.path(case, form)
        columns = ", ".join(f"{name} {chdb_type(name, kind)}"
                            for name, kind in COLUMNS[case.table].items())
        table = (f"file('{path}', 'Parquet')" if form == "Parquet" else
                 f"file('{path}', 'JSONEachRow', '{columns}')")
        query = f"{case.sql(table, chdb=True)} settings max_threads={self.threads}"
        return float(self.python(CHDB.format(query=query)))

    def ceiling(self, case, form):
        """The time of the least that must be done: Parquet's columns read by Arrow, JSON's lines
        found, gzip's files inflated by zlib."""
        path = self.path(case, form)
        if form == "Parquet":
            text = f"{case.select} {case.sql_where}"
            fields = [name for name in COLUMNS[case.table] if re.search(rf"\b{name}\b", text)]
            return float(self.python(ARROW.format(path=str(path), fields=fields,
                                                  threads=self.threads)))
        if form == "gzip":
            return float(self.python(INFLATE.format(path=str(path), threads=self.threads)))
        return json.loads(subprocess.check_output(
            [self.bench.program("bench/ceilings"), "newlines", path, str(self.threads)]))["seconds"]

    def python(self, code, **environment):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              env=os.environ | environment)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    # --- answers ---

    def truth(self, case, form):
        """Key → values."""
        scale = self.scale(case, form)
        if (case.name, scale) not in self.truths:
            import duckdb
            sql = case.sql(f"'{self.folder(scale) / case.table}.parquet'", exact=True)
            self.truths[case.name, scale] = {
                tuple(plain(cell) for cell in row[:case.keys]): [plain(c) for c in row[case.keys:]]
                for row in duckdb.sql(sql).fetchall()}
        return self.truths[case.name, scale]

    # --- the table ---

    def print_table(self):
        forms = list(dict.fromkeys(form for _, form in self.rows()))
        print_title(f"TPC-H, {self.threads} threads", self.options)
        print("Seconds, best of the rounds, and those of the ceiling: Parquet's columns read by"
              " Arrow, JSON's newlines found, gzip inflated by zlib. The faster rival's time over"
              " Murmur's, median of the rounds (best). Scale 3; 1 for gzip, and for the rows with"
              " many keys.\n")
        print_header([heading for form in forms for heading in
                      (f"{form}: Murmur, DuckDB, chDB; ceiling", "ratio")])
        ratios = collections.defaultdict(list)
        for name in dict.fromkeys(case.name for case, _ in self.rows()):
            print(f"| {name} |" + "".join(self.cell(name, form, ratios) for form in forms))
        print()
        for form, medians in ratios.items():
            print(f"- {form}: geometric mean {statistics.geometric_mean(medians):.2f}, least"
                  f" {min(medians):.2f}")

    def cell(self, name, form, ratios):
        ours = self.runs[name, form, "murmur"]
        if not ours:
            return " | |"
        rivals = [self.runs[name, form, rival] for rival in RIVALS]
        of_rounds = [min(theirs) / our for our, *theirs in zip(ours, *rivals)]
        ratios[form].append(statistics.median(of_rounds))
        seconds = ", ".join(f"{min(runs):.2f}" for runs in (ours, *rivals))
        seconds += f"; {min(self.runs[name, form, 'ceiling']):.2f}"
        return f" {seconds} | {statistics.median(of_rounds):.2f} ({max(of_rounds):.2f}) |"


def plain(cell):
    """A value of either side in one form: numbers as decimals, dates as Murmur writes times."""
    if isinstance(cell, dict):  # quantiles, by name
        cell = list(cell.values())
    if isinstance(cell, list):
        return [plain(item) for item in cell]
    if isinstance(cell, (datetime.date, datetime.datetime)):
        return cell.strftime("%Y-%m-%dT00:00:00Z")
    if isinstance(cell, str):
        if DATE.fullmatch(cell):  # JSON has dates as text
            return f"{cell}T00:00:00Z"
        try:
            return decimal.Decimal(cell)
        except decimal.InvalidOperation:
            return cell
    return decimal.Decimal(repr(cell)) if isinstance(cell, (int, float)) else cell


def check(case, truth, rows):
    """Stops the run if Murmur's answer is not the question's."""
    assert len(rows) == len(truth), f"{case.name}: {len(rows)} keys, expected {len(truth)}"
    for row in rows:
        key = tuple(plain(part) for part in row["key"].values())
        if row.get("window"):
            key += (row["window"],)
        for (name, _), expected in zip(case.aggregates.items(), truth[key]):
            found = plain(row[name])
            pairs = zip(found, expected) if isinstance(found, list) else [(found, expected)]
            for ours, right in pairs:
                within = decimal.Decimal(repr(case.within.get(name, 0)))
                good = ours == right if within == 0 else abs(ours - right) <= within * abs(right)
                assert good, f"{case.name}, {key}: {name} is {ours}, expected {right}"
