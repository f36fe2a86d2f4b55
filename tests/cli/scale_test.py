"""What must not grow with the input: the work that a kill costs, and memory.

Small sizes by default; with MURMUR_LONG=1 those that the README states.
"""

import os
import signal
import subprocess
import threading
import time

from program import LONG, PROGRAM, SLOWNESS, ProgramTest, main

MIB = 1 << 20
MEMORY = 64 if not LONG else 512  # MiB, the definition's limit


class Finished:
    def __init__(self, code, cpu_seconds, peak_bytes):
        self.code, self.cpu_seconds, self.peak_bytes = code, cpu_seconds, peak_bytes


class ScaleTest(ProgramTest):
    def events(self, name, lines, keys):
        """`lines` events over `keys` keys, all keys equally often, in an order that jumps."""
        with open(self.directory / name, "w") as out:
            for start in range(0, lines, 100_000):
                out.write("".join(
                    f'{{"key":"k{i * 7919 % keys:08d}","ts":"2026-03-{1 + i * 30 // lines:02d}T12:00:00Z"'
                    f',"amount":{i % 1000}.25,"note":"some text that no aggregate reads"}}\n'
                    for i in range(start, min(lines, start + 100_000))))

    def pipeline(self, name, path, commit_every="1s"):
        return self.define(f"{name}.yaml", key="[key]", path=path, window="30d",
                           aggregates="n: count\nrevenue: sum(amount)",
                           extra=f"memory: {MEMORY}MiB\ncommit_every: {commit_every}\nthreads: 2")

    def measured(self, *arguments, kill_when=None, stdin=None):
        """Runs the program; kills it when `kill_when()` is true."""
        child = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.directory, stdin=stdin,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = threading.Event()

        def watch():
            while not done.is_set():
                if kill_when():
                    child.send_signal(signal.SIGKILL)
                    return
                time.sleep(0.01)

        if kill_when:
            threading.Thread(target=watch, daemon=True).start()
        _, code, usage = os.wait4(child.pid, 0)
        done.set()
        child.returncode = os.waitstatus_to_exitcode(code)
        return Finished(child.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def test_a_kill_at_three_quarters_costs_less_than_half_of_the_work_again(self):
        lines = 10_000_000 if LONG else 5_000_000
        self.events("events.jsonl", lines, 50_000)
        whole = self.pipeline("whole", "events.jsonl", "100ms")
        undisturbed = self.measured("bootstrap", whole)
        self.assertEqual(undisturbed.code, 0)

        file = self.pipeline("killed", "events.jsonl", "100ms")

        def three_quarters():
            return self.status_if_any(file).get("records", 0) > 0.75 * lines

        killed = self.measured("bootstrap", file, kill_when=three_quarters)
        self.assertEqual(killed.code, -signal.SIGKILL, "it was too fast to be killed")
        resumed = self.measured("bootstrap", file)
        self.assertEqual(resumed.code, 0)
        self.assertEqual(self.succeed("dump", file).out, self.succeed("dump", whole).out)
        work = killed.cpu_seconds + resumed.cpu_seconds
        print(f"CPU seconds: undisturbed {undisturbed.cpu_seconds:.2f}, killed and resumed {work:.2f}")
        self.assertLess(work, 1.5 * undisturbed.cpu_seconds)

    def test_peak_memory_does_not_grow_with_the_input(self):
        # Ten times the records of the same distribution; enough keys to fill the limit.
        lines, keys = (9_000_000, 1_000_000) if LONG else (1_000_000, 200_000)
        peaks = []
        for name, times in (("one", 1), ("ten", 10)):
            self.events(f"{name}.jsonl", lines * times, keys)
            peaks.append(self.measured("bootstrap", self.pipeline(name, f"{name}.jsonl")).peak_bytes)
            os.unlink(self.directory / f"{name}.jsonl")
        print("peak MiB:", [peak // MIB for peak in peaks], "limit", MEMORY)
        self.assertLess(peaks[1], 1.2 * peaks[0])

    def test_distinct_keys_far_beyond_memory_complete(self):
        keys = 50_000_000 if LONG else 1_500_000
        self.define("wide.yaml", key="[key]", path="-", window=None, aggregates="n: count",
                    extra=f"memory: {MEMORY}MiB\nthreads: 2")
        read, write = os.pipe()

        def feed():
            with os.fdopen(write, "wb") as out:
                for start in range(0, keys, 100_000):
                    out.write(b"".join(b'{"key":"k%010d"}\n' % (i * 2_654_435_761 % 2**32)
                                       for i in range(start, min(keys, start + 100_000))))

        feeder = threading.Thread(target=feed)
        feeder.start()
        outcome = self.measured("bootstrap", "wide.yaml", stdin=read)
        os.close(read)
        feeder.join()
        self.assertEqual(outcome.code, 0)
        print(f"{keys} keys: {outcome.cpu_seconds:.1f} CPU s, peak {outcome.peak_bytes // MIB} MiB")
        dump = subprocess.Popen([PROGRAM, "dump", "wide.yaml"], cwd=self.directory,
                                stdout=subprocess.PIPE)
        self.children.append(dump)
        self.assertEqual(sum(1 for line in dump.stdout if b'"n": 1}' in line), keys)
        if SLOWNESS == 1:
            self.assertLess(outcome.peak_bytes, 1.5 * MEMORY * MIB)


if __name__ == "__main__":
    main()
