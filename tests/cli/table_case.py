"""What the tests of tables have in common, whichever server has them."""

import itertools
import json
import random
import threading
import time

from program import SLOWNESS, ProgramTest


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
            self.written += self.write_some(source)
            due = max(due + self.AT_ONCE * self.threads / self.per_second, time.monotonic() - 1)
            self.ended.wait(max(0, due - time.monotonic()))

    def close(self):
        pass


class TableCase(ProgramTest):
    """Derived: `dumped(file)` and `expected()`, each key → its aggregates."""

    KIND = None  # of the source

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


class ByCuts:
    """The same by cuts."""

    def check(self, file):
        super().check(file)
        self.assertEqual(self.status(file)["method"], "cut")
