"""Replay of an archive on an S3 server: the benchmark's question over its events, cut into objects.

Murmur replays them into a new durable state; rivals answer the question from the same objects
(s3_rival.py says how) and keep nothing. The server, a process on the same cores, holds the objects
in the page cache.
"""

import collections
import concurrent.futures
import gzip
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from common import Run, note, print_header, print_title, rates_cell

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/servers"))
from s3_server import S3Server  # noqa: E402

OBJECTS = 200
BUCKET = "bench"
GZIP_LEVEL = 6  # gzip's own, and that of the sinks
FORMATS = {"JSONL.gz": "jsonl", "Parquet snappy": "snappy", "Parquet zstd": "zstd"}
USERS_TOLERANCE = 0.04  # relative: DuckDB 1.5 takes few distinct users for 3 % more
RIVALS = {"httpfs": "DuckDB {} httpfs", "fetched": "DuckDB {}, fetched first", "chdb": "chDB {}"}


class Replay:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.threads = max(self.options.threads)
        self.objects = bench.data / "objects"
        self.runs = collections.defaultdict(list)  # (row, who) → runs
        self.titles = {"murmur": "Murmur, durable"}

    def rows(self):
        """Row → the folder of its objects."""
        rows = {f"replay, {name}": folder for name, folder in FORMATS.items()}
        return {row: folder for row, folder in rows.items() if self.options.only in row}

    # --- data ---

    def prepare(self):
        self.bench.prepare()
        for folder in self.rows().values():
            if (self.objects / folder).exists():
                continue
            note(f"cutting the events into {OBJECTS} objects, {folder}")
            partial = self.objects / f"{folder}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            if folder == "jsonl":
                self.cut_lines(partial)
            else:
                self.cut_table(partial, folder)
            partial.rename(self.objects / folder)

    def cut_lines(self, folder):
        borders = [0]
        with self.bench.json.open("rb") as events:
            size = os.fstat(events.fileno()).st_size
            for number in range(1, OBJECTS):
                events.seek(size * number // OBJECTS)
                events.readline()
                borders.append(events.tell())

        def write(number, begin, end):
            with self.bench.json.open("rb") as events:
                events.seek(begin)
                packed = gzip.compress(events.read(end - begin), GZIP_LEVEL, mtime=0)
            (folder / f"{number:05}.jsonl.gz").write_bytes(packed)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(write, range(OBJECTS), borders, [*borders[1:], size]):
                pass

    def cut_table(self, folder, compression):
        import pyarrow.parquet
        table = pyarrow.parquet.read_table(self.bench.parquet["snappy"])
        size = -(-table.num_rows // OBJECTS)
        for number, start in enumerate(range(0, table.num_rows, size)):
            pyarrow.parquet.write_table(table.slice(start, size), folder / f"{number:05}.parquet",
                                        compression=compression)

    # --- contestants ---

    def murmur(self, server, folder):
        archive = f"{{path: s3://{BUCKET}/{folder}/, endpoint: {server.endpoint}, layout: plain}}"
        return self.bench.murmur("replay", f"replay: {{archive: {archive}}}", self.threads,
                                 server.environment())

    def rival(self, server, name, folder):
        environment = server.environment(MURMUR_S3_ENDPOINT=server.endpoint)
        if name == "httpfs":
            environment["PYTHONPATH"] = str(self.options.extensions)
        answer = json.loads(subprocess.check_output(
            [sys.executable, HERE / "s3_rival.py", name, f"{BUCKET}/{folder}",
             "jsonl" if folder == "jsonl" else "parquet", str(self.threads)], env=environment))
        self.bench.check(f"{name} {folder}", answer, USERS_TOLERANCE)
        self.titles[name] = RIVALS[name].format(answer["version"])
        return Run(answer["seconds"], answer["cpu"])

    def contestants(self, server, folder):
        return {"murmur": lambda: self.murmur(server, folder),
                **{name: lambda name=name: self.rival(server, name, folder) for name in RIVALS}}

    # --- rounds ---

    def play(self):
        tempfile.tempdir = str(self.bench.work)  # the server's directory, which holds all objects
        with S3Server() as server:
            for folder in self.rows().values():
                server.put_all(BUCKET, {f"{folder}/{path.name}": path.read_bytes()
                                        for path in (self.objects / folder).iterdir()})
            for round_number in range(self.options.rounds):
                for row, folder in self.rows().items():
                    for who, run in self.contestants(server, folder).items():
                        result = run()
                        self.runs[row, who].append(result)
                        note(f"round {round_number + 1}, {row}, {who}: {result.seconds:.2f} s,"
                             f" CPU {result.cpu:.2f} s")

    # --- the table ---

    def print_table(self):
        print()
        print_title(f"Replay of {self.options.events:,} events in {OBJECTS} objects on an S3 server"
                    f" of this machine, {self.threads} threads", self.options)
        print("Million events per second, best / median (CPU ns per event).\n")
        print_header(self.titles.values())
        for row in self.rows():
            cells = [rates_cell(self.runs[row, who], self.options.events) for who in self.titles]
            print(f"| {row} |" + "".join(f" {cell} |" for cell in cells))
        print()
        for row in self.rows():
            self.print_ratios(row)

    def print_ratios(self, row):
        def ratio(time):
            return (min(time(run.seconds for run in self.runs[row, rival]) for rival in RIVALS)
                    / time(run.seconds for run in self.runs[row, "murmur"]))

        print(f"- {row}: Murmur over the fastest rival: {ratio(min):.2f}x best,"
              f" {ratio(statistics.median):.2f}x median")
