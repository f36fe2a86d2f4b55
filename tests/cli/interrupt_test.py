"""Stopping and starting: signals, kill -9, a second writer, threads. Whatever happens, the state in
the end is that of a run that nothing disturbed.
"""

import re
import signal
import subprocess
import time

from program import LONG, SLOWNESS, ProgramTest, main

KILLS = 50 if LONG else 5
# All aggregates whose bytes must not depend on the order of work.
AGGREGATES = """
    views: count
    visitors: distinct(user)
    revenue: sum(amount, decimal=2)
    seconds: sum(ms / 1000)
    last_page: last(page)
    browsers: count_by(device.browser)
    spread: stddev(ms)
    load_ms: quantiles(ms, [0.5, 0.99])
"""


class SampleTest(ProgramTest):
    """Runs over several copies of the sample data, committing often."""

    COPIES = 2

    def setUp(self):
        super().setUp()
        self.sample_copies(compressed=self.COPIES, plain=self.COPIES)

    def pipeline(self, name):
        return self.define(f"{name}.yaml", key="[[page], [country], [user]]", path="data",
                           aggregates=AGGREGATES, extra="commit_every: 50ms")

    def undisturbed(self):
        file = self.pipeline("undisturbed")
        start = time.monotonic()
        self.succeed("bootstrap", file, "--threads", 2)
        return self.succeed("dump", file).out, time.monotonic() - start


class InvarianceTest(SampleTest):
    def test_the_number_of_threads_changes_nothing(self):
        expected, _ = self.undisturbed()
        for threads in (1, 3):
            file = self.pipeline(f"threads{threads}")
            self.succeed("bootstrap", file, "--threads", threads)
            self.assertEqual(self.succeed("dump", file).out, expected, f"{threads} threads")


class KillTest(SampleTest):
    COPIES = 1

    def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(self):
        expected, seconds = self.undisturbed()
        killed = 0
        run = 0
        while killed < KILLS:
            file = self.pipeline(f"killed{run}")
            run += 1
            self.assertLessEqual(run, 4 * KILLS, "the program ends before it can be killed")
            for _ in range(3):
                child = self.start("bootstrap", file, "--threads", self.random.choice("12"))
                time.sleep(self.random.uniform(0, seconds))
                child.kill()
                if child.wait() == -signal.SIGKILL:
                    killed += 1
                else:
                    seconds *= 0.8  # other load was slower when it was taken
            self.succeed("bootstrap", file)
            self.assertEqual(self.succeed("dump", file).out, expected)


class SignalTest(SampleTest):
    def stopped_by(self, number):
        file = self.pipeline(f"signal{number}")
        child = self.start("bootstrap", file, "--threads", 1)
        self.wait_until("the state exists",
                        lambda: (self.directory / f"state/signal{number}/current").exists())
        child.send_signal(number)
        start = time.monotonic()
        _, err = child.communicate()
        self.assertLess(time.monotonic() - start, 3 * SLOWNESS)
        return file, child.returncode, err

    def test_after_a_stop_the_same_command_goes_on(self):
        expected, _ = self.undisturbed()
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            file, returncode, err = self.stopped_by(number)
            self.assertEqual(returncode, code, err)
            self.assertIn(f"murmur bootstrap {file}", err)
            self.succeed("bootstrap", file)
            self.assertEqual(self.succeed("dump", file).out, expected)


class PipeTest(ProgramTest):
    """With standard input held open, the program waits for records: nothing depends on speed."""

    def start_waiting(self):
        file = self.define(path='"-"')
        child = self.start("bootstrap", file, stdin=subprocess.PIPE)
        self.wait_until("the state exists",
                        lambda: (self.directory / "state/pipeline/current").exists())
        return file, child

    def test_a_stop_while_nothing_comes_is_prompt(self):
        _, child = self.start_waiting()
        time.sleep(0.2)
        start = time.monotonic()
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(), 130)
        self.assertLess(time.monotonic() - start, 3 * SLOWNESS)

    def test_a_second_writer_is_told_who_the_first_is(self):
        file, child = self.start_waiting()
        err = self.fail_with(1, "bootstrap", file, stdin="").err
        self.assertRegex(err, rf"in use by pid {child.pid}\b")

    def test_reading_goes_on_beside_the_writer(self):
        file, child = self.start_waiting()
        self.assertEqual(self.succeed("dump", file).out, "")
        child.stdin.write('{"ts": "2026-03-01T00:00:00Z", "page": "/a"}\n')
        child.stdin.close()
        child.stdin = None
        self.assertEqual(child.wait(), 0)
        self.assertEqual(self.succeed("dump", file).rows()[0]["views"], 1)

    def test_a_reader_that_leaves_early_is_no_crash(self):
        self.sample_copies(compressed=1, plain=0)
        file = self.define("users.yaml", key="[user]", path="data")
        self.succeed("bootstrap", file)
        dump = self.start("dump", file)
        self.assertTrue(re.match(r'\{"key"', dump.stdout.readline()))
        dump.stdout.close()
        dump.stdout = None
        self.assertIn(dump.wait(), (0, 1, -signal.SIGPIPE))


if __name__ == "__main__":
    main()
