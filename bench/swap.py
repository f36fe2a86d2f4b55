"""How long a version of many keys takes to become the one that serves.

Version 1 has the keys, one count each; version 2 has one key. They take turns; timed are the swaps
to version 1: the program from start to end, and the move of the alias alone (move_alias.cc). The
program's start alone, `murmur --version`, is there to compare.
"""

import json
import os
import shutil
import statistics
import subprocess
import threading
import time

from common import note, print_header, print_title

SWAPS = 10
FEED_KEYS = 100_000

PIPELINE = """name: swap
key: [key]
aggregates: {{n: count}}
bootstrap: {{jsonl: {{path: "-"}}}}
state: {{rocksdb: {{path: {state}}}}}
"""


class Swap:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.state = bench.work / "swap"
        self.definition = bench.work / "swap.yaml"
        self.seconds = {}  # row → column → seconds of each time

    def rows(self):
        """Row → keys."""
        rows = {f"swap, {keys:,} keys": keys for keys in self.options.swap_keys}
        return {row: keys for row, keys in rows.items() if self.options.only in row}

    def prepare(self):
        self.definition.write_text(PIPELINE.format(state=self.state))

    def play(self):
        for row, keys in self.rows().items():
            note(f"{row}: filling the versions")
            self.bootstrap(keys)
            self.bootstrap(1, "--fresh")
            os.sync()  # what is timed doesn't wait for what was written before
            self.seconds[row] = {
                "`murmur swap`": [self.swap(keys) for _ in range(SWAPS)],
                "its alias alone": self.move_alias(),
                "`murmur --version`": [self.timed("--version") for _ in range(SWAPS)]}
            shutil.rmtree(self.state)

    def bootstrap(self, keys, *options):
        """Distinct keys, in an order that jumps."""
        child = subprocess.Popen(
            [self.bench.program("bin/murmur"), "bootstrap", self.definition, "--quiet", *options],
            stdin=subprocess.PIPE)

        def feed():
            with child.stdin as out:
                for start in range(0, keys, FEED_KEYS):
                    out.write(b"".join(b'{"key":"k%010d"}\n' % (i * 2_654_435_761 % 2**32)
                                       for i in range(start, min(keys, start + FEED_KEYS))))

        feeder = threading.Thread(target=feed)
        feeder.start()
        code = child.wait()
        feeder.join()
        if code != 0:
            raise SystemExit(f"murmur bootstrap exited {code}")

    def swap(self, keys):
        self.timed("swap", self.definition, "2")
        self.check_serving(2, 1)
        seconds = self.timed("swap", self.definition, "1")
        self.check_serving(1, keys)
        return seconds

    def timed(self, *arguments):
        start = time.perf_counter()
        subprocess.run([self.bench.program("bin/murmur"), *arguments], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start

    def check_serving(self, version, records):
        lines = subprocess.check_output([self.bench.program("bin/murmur"), "versions",
                                         self.definition, "--format", "json"], text=True)
        serving = [row for row in map(json.loads, lines.splitlines()) if row["serving"]]
        if [(row["version"], row["records"]) for row in serving] != [(version, records)]:
            raise SystemExit(f"murmur swap: {serving} serves, not version {version}")

    def move_alias(self):
        return json.loads(subprocess.check_output(
            [self.bench.program("bench/move_alias"), self.state, "1", "2", str(SWAPS)]))["seconds"]

    def print_table(self):
        print()
        print_title(f"Swaps to a version, {SWAPS} of each", self.options)
        print("Milliseconds, best / median.\n")
        print_header(next(iter(self.seconds.values())))
        for row, columns in self.seconds.items():
            print(f"| {row} |" + "".join(
                f" {min(times) * 1e3:.1f} / {statistics.median(times) * 1e3:.1f} |"
                for times in columns.values()))
