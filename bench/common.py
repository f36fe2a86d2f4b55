"""What the parts of the benchmark share."""

import collections
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

# settle: how long the store compacts afterwards, where that was measured.
Run = collections.namedtuple("Run", "seconds cpu settle", defaults=(None,))


def note(text):
    print(text, file=sys.stderr, flush=True)


def check_call(command):
    subprocess.run([str(part) for part in command], check=True)


def ask_program(*command):
    """What it prints, as JSON, and its run: it says how long it took; all of its CPU counts."""
    before = os.times()
    result = json.loads(subprocess.check_output([str(part) for part in command]))
    after = os.times()
    return result, Run(result["seconds"], after.children_user - before.children_user
                       + after.children_system - before.children_system)


def run_murmur(program, verb, definition, threads, *options, environment=None):
    """Its run, its summary, and its peak of memory in bytes."""
    child = subprocess.Popen(
        [program, verb, definition, "--threads", str(threads), "--quiet", "--format", "json",
         *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"murmur {verb} exited {child.returncode}")
    summary = json.loads(output.splitlines()[-1])
    run = Run(summary["seconds"], usage.ru_utime + usage.ru_stime)
    return run, summary, usage.ru_maxrss * 1024


def print_title(what, options):
    print(f"{what}; {machine()}; {datetime.date.today()}; `{options.command}`.")


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.processor())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB"


def print_header(columns):
    print("| |" + "".join(f" {column} |" for column in columns))
    print("|---|" + "---|" * len(columns))


def rates_cell(runs, events, unit=1e6, digits=2):
    """Million events a second, or of another unit, best / median (CPU ns an event)."""
    if not runs:
        return ""
    rates = [events / run.seconds / unit for run in runs]
    cpu = min(run.cpu for run in runs) / events * 1e9
    settle = [run.settle for run in runs if run.settle is not None]
    return (f"{max(rates):.{digits}f} / {statistics.median(rates):.{digits}f} ({cpu:.0f})"
            + (f", then compacts {min(settle):.1f} s" if settle else ""))
