"""What the tests of tables have in common, whichever server has them."""

import itertools
import json
import random
import threading
import time

from program import SLOWNESS, ProgramTest


# Of the rows that the tests make.
DAYS = 3
GROUPS = 40
LEAST = 100  # amounts up to this don't match


class TableWriters:
    """Threads that change a table until they are told to end. Derived: `write_some(source)`, which
    changes about AT_ONCE rows and returns how many, and `close`."""

    AT_ONCE = None

    def __init__(self, seed, per_second, threads):
        self.seed, self.per_second, self.threads = seed, per_second, threads
        self.written = 0
        self.ended = threading.Event()

    def __enter__(self):
        self.running = [threading.Thread(target=self.write, args=(self.seed + k,))
                        for k in range(self.threads)]
        self.began = time.monotonic()
        for thread in self.running:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.running:
            thread.join()
        self.seconds = time.monotonic() - self.began
        self.close()

    def write(self, seed):
        source = random.Random(seed)
        due = time.monotonic()
        while not self.ended.is_set():
            written = self.write_some(source)  # first: others add to it meanwhile
            self.written += written
            due = max(due + self.AT_ONCE * self.threads / self.per_second, time.monotonic() - 1)
            self.ended.wait(max(0, due - time.monotonic()))

    def close(self):
        pass


class TableCase(ProgramTest):
    """Derived: `expected()`, each key → its aggregates, as `dumped(file)`."""

    KIND = None    # of the source
    GROUP = "grp"  # the field that is the key

    def definition(self):
        return {
            "key": f"[{self.GROUP}]",
            "time": "at",
            "window": "{every: 1d}",
            "where": f"amount > {LEAST}",
            "aggregates": "{n: count, total: sum(amount), price: 'sum(price, decimal=2)', "
                          "kinds: count_by(kind)}",
        }

    def dumped(self, file):
        return {(row["key"][self.GROUP], row["window"]):
                (row["n"], row["total"], row["price"],
                 {kind["value"]: kind["count"] for kind in row["kinds"]})
                for row in self.succeed("dump", file).rows()}

    @staticmethod
    def answers(groups):
        """Of rows (group, day, kind, n, total, price), as `dumped` has them."""
        answers = {}
        for group, day, kind, n, total, price in groups:
            before = answers.setdefault((group, day), (0, 0, 0, {}))
            answers[group, day] = (before[0] + n, before[1] + int(total), before[2] + price,
                                   before[3] | {kind: n})
        return {key: (n, total, f"{price:.2f}", kinds)
                for key, (n, total, price, kinds) in answers.items()}

    def write_pipeline(self, name, role, source, entries):
        lines = ["name: pipeline", f"{role}: {json.dumps({self.KIND: source})}",
                 f"state: {{rocksdb: {{path: state/{name}}}}}"]
        lines += [f"{key}: {value}" for key, value in entries.items() if value is not None]
        return self.write(f"{name}.yaml", "\n".join(lines) + "\n")

    def check(self, file):
        expected, dumped = self.expected(), self.dumped(file)
        wrong = {key: (dumped.get(key), expected.get(key))
                 for key in dumped.keys() | expected.keys() if dumped.get(key) != expected.get(key)}
        some = dict(itertools.islice(wrong.items(), 3))
        self.assertEqual(some, {}, f"{len(wrong)} of {len(expected)} keys (dumped, expected)")

    def run_through(self, file, kills, restarts, restart):
        """A run that is killed again and again, while the server is restarted at some kills."""
        restarted = set(self.random.sample(range(kills), restarts))
        for kill in range(kills):
            child = self.start("run", file, "--quiet", "--threads", "2")
            time.sleep(self.random.uniform(0.1, 2.5 if kill % 2 else 0.8))
            if kill in restarted:
                restart()
                time.sleep(self.random.uniform(0, 2))
            self.assertIsNone(child.poll(), child.poll() is not None and child.communicate())
            self.kill(child)
        self.catch_up(file, "--threads", "2")

    def follow_and_end(self, file, more):
        """A run that counts what `more()` adds, and ends soon when it is told to."""
        child = self.follow(file)
        more()
        self.wait_until("it has counted", lambda: self.dumped(file) == self.expected())
        began = time.monotonic()
        self.end(child)
        self.assertLess(time.monotonic() - began, 2 * SLOWNESS)


class SqlTests:
    """Of a table of a database of SQL, which is cleared and filled by statements. Derived: a
    TableCase with `fill(count)`, `fill_more(first, count)`, `run_sql`, `ask` and `pipeline`."""

    TRUNCATED_ROWS = 10_000

    def test_a_run_follows_and_answers(self):
        self.fill(1000)
        self.follow_and_end(self.pipeline(), lambda: self.fill_more(1000, 500))

    def test_a_transaction_that_needs_many_batches(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.fill_more(100, 20_000)
        self.catch_up(file)
        self.check(file)

    def test_truncated_while_it_is_scanned(self):
        """Again and again; now and then the run is killed just then."""
        self.fill(self.TRUNCATED_ROWS)
        file = self.pipeline()
        child = self.start("run", file, "--threads", "2")
        for number in range(6):
            time.sleep(self.random.uniform(0.05, 0.6))
            self.run_sql(f"truncate table {self.table}")
            self.fill_more(1000 * number, self.random.choice((10, self.TRUNCATED_ROWS)))
            if number % 3 == 2:
                self.kill(child)
                child = self.start("run", file, "--threads", "2")
        self.wait_while_it_runs(child, "it has counted", lambda: self.murmur("dump", file).code == 0
                                and self.dumped(file) == self.expected())
        self.end(child)
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")

    def test_rows_alone_and_changes_alone(self):
        self.fill(500)
        rows = self.pipeline(name="rows", role="bootstrap")
        self.succeed("bootstrap", rows, "--quiet")
        self.assertEqual(self.dumped(rows), self.expected())
        changes = self.pipeline(name="changes", role="live")
        child = self.follow(changes)
        self.fill_more(500, 100)
        self.wait_until("it has counted", lambda: sum(
            n for n, *_ in self.dumped(changes).values()) == self.ask(
                f"select count(*) from {self.table} where id >= 500 and amount > {LEAST}"))
        self.end(child)

    def verify_beside_writers(self, writers):
        """And alone."""
        self.fill(2000)
        file = self.pipeline()
        child = self.follow(file)
        with writers:
            time.sleep(1)
            self.succeed("verify", file, "--quiet")
        self.end(child)
        self.run_sql(f"update {self.table} set amount = amount + 1 where id % 3 = 0")
        self.succeed("verify", file, "--quiet")


class ByCuts:
    """The same by cuts."""

    def check(self, file):
        super().check(file)
        self.assertEqual(self.status(file)["method"], "cut")
