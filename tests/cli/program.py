"""The program under test, and definitions and data for it. Tests derive from ProgramTest."""

import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import unittest

import waiting

PROGRAM = os.environ["MURMUR_PROGRAM"]
SAMPLE = pathlib.Path(os.environ["MURMUR_SAMPLE_DATA"])
LONG = os.environ.get("MURMUR_LONG") == "1"
# Sanitized builds are several times slower; limits on time grow with them.
SLOWNESS = float(os.environ.get("MURMUR_SLOWNESS", "1"))
RUN_SECONDS_MAX = 120 * SLOWNESS
WAIT_SECONDS_MAX = 60 * SLOWNESS


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]


class ProgramTest(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="murmur-cli-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.seed = int(os.environ.get("MURMUR_SEED", random.SystemRandom().randrange(2**32)))
        self.random = random.Random(self.seed)
        self.children = []
        self.addCleanup(self.reap)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"{self.id()}: MURMUR_SEED={self.seed} repeats this")
        return result

    def reap(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()

    # --- running ---

    def murmur(self, *arguments, stdin=None):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                              input=stdin, timeout=RUN_SECONDS_MAX, cwd=self.directory)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def succeed(self, *arguments, **options):
        outcome = self.murmur(*arguments, **options)
        self.assertEqual(outcome.code, 0, f"{arguments}\n{outcome.out[-2000:]}\n{outcome.err}")
        return outcome

    def fail_with(self, code, *arguments, **options):
        outcome = self.murmur(*arguments, **options)
        self.assertEqual(outcome.code, code, f"{arguments}\n{outcome.out[-2000:]}\n{outcome.err}")
        self.assertNotEqual(outcome.err, "")
        return outcome

    def start(self, *arguments, **options):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE}
        child = subprocess.Popen([PROGRAM, *map(str, arguments)], text=True, cwd=self.directory,
                                 **streams | options)
        self.children.append(child)
        return child

    def kill(self, child):
        """Ends it as a power cut does, but for the page cache."""
        child.kill()
        child.communicate()

    def end(self, child):
        """What it wrote as errors; it is told to stop, unless it has ended."""
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        return self.wait_for_end(child, 143)

    def wait_for_end(self, child, code):
        """What it wrote as errors; it ends by itself."""
        _, err = child.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(child.returncode, code, err)
        return err

    def wait_until(self, what, condition, seconds=WAIT_SECONDS_MAX, look_seconds=0.005):
        return waiting.wait_until(what, condition, seconds, self.failureException, look_seconds)

    def wait_while_it_runs(self, child, what, condition):
        """Waits for what a run does that goes on."""
        self.wait_until(what, lambda: child.poll() is not None or condition())
        self.assertIsNone(child.poll(), child.poll() is not None and child.communicate())

    # --- a run that follows a live source ---

    def follow(self, file, *arguments, **options):
        """A run that has reached it."""
        child = self.start("run", file, "--quiet", *arguments, **options)
        self.wait_while_it_runs(child, "it follows", lambda: self.follows(file))
        return child

    def follows(self, file):
        """Whether a run has reached it, and has positions."""
        status = self.status_if_any(file)
        return status.get("mode") == "live" and bool(status["live"].get("splits"))

    def catch_up(self, file, *arguments):
        """The summary of a run that ends when all is counted."""
        return json.loads(self.succeed("run", file, "--until-caught-up", "--format", "json",
                                       "--quiet", *arguments).out)

    # --- results ---

    def status(self, file):
        return json.loads(self.succeed("status", file, "--format", "json").out)

    def status_if_any(self, file):
        """As `status`; empty while there is no state."""
        outcome = self.murmur("status", file, "--format", "json")
        return json.loads(outcome.out) if outcome.code == 0 else {}

    def unknown_fields(self, file):
        """What may be meant by each field that no record had a value for."""
        return {field["name"]: field.get("did_you_mean")
                for field in self.status(file).get("unknown_fields", [])}

    def dead_letters(self, state="state/pipeline"):
        path = self.directory / state / "dead-letters.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    # --- files ---

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_events(self, name, events):
        return self.write(name, "".join(json.dumps(event) + "\n" for event in events))

    def define(self, name="pipeline.yaml", *, key="[page]", path="events.jsonl", window="1d",
               aggregates="views: count", extra=""):
        lines = [f"name: {pathlib.Path(name).stem}", f"key: {key}", "aggregates:"]
        lines += [f"  {line.strip()}" for line in aggregates.strip().splitlines()]
        if window:
            lines += ["time: ts", f"window: {{every: {window}}}"]
        lines += [f"bootstrap: {{jsonl: {{path: {path}}}}}",
                  f"state: {{rocksdb: {{path: state/{pathlib.Path(name).stem}}}}}"]
        return self.write(name, "\n".join(lines + extra.strip().splitlines()) + "\n")

    def sample_copies(self, compressed, plain):
        """The sample events several times over, under names of their own, in data/."""
        data = self.directory / "data"
        data.mkdir()
        source = SAMPLE / "events.jsonl.gz"
        for number in range(compressed):
            (data / f"packed{number}.jsonl.gz").symlink_to(source)
        text = gzip.decompress(source.read_bytes())
        for number in range(plain):
            (data / f"plain{number}.jsonl").write_bytes(text)


def main():
    unittest.main(verbosity=2)
