"""The buckets of the calendar in every time zone of the database, against Python's zoneinfo.

Random instants from 1970 to 2100, and around all changes of clocks, in every unit: the bucket is
the civil unit's number. A window's begin and end: no instant before or after them, within two days,
is of the unit.

Usage: zones_test.py BUCKET_LINES. MURMUR_LONG=1 tries more; MURMUR_SEED repeats a run.
"""

import datetime
import os
import random
import subprocess
import sys
import time
import zoneinfo
from zoneinfo import _zoneinfo

LONG = os.environ.get("MURMUR_LONG") == "1"
RANDOM_INSTANTS = 2000 if LONG else 150
CHANGES_MAX = 10**9 if LONG else 60       # of a zone: around which instants are tried
BORDERS = 60 if LONG else 3               # of a zone and unit: begins and ends that are looked at
FIRST = 0
LAST = 4_102_444_800                      # 2100-01-01
MONDAY = datetime.date(1969, 12, 29)
EPOCH = datetime.date(1970, 1, 1)
TWO_DAYS = 2 * 86400
STEP = 900
UNITS = {
    "1d": lambda day: (day - EPOCH).days,
    "1w": lambda day: (day - MONDAY).days // 7,
    "1mo": lambda day: (day.year - 1970) * 12 + day.month - 1,
    "3mo": lambda day: ((day.year - 1970) * 12 + day.month - 1) // 3,
    "6mo": lambda day: ((day.year - 1970) * 12 + day.month - 1) // 6,
    "1y": lambda day: day.year - 1970,
}


class Oracle:
    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)

    def bucket(self, unit, second):
        return UNITS[unit](datetime.datetime.fromtimestamp(second, self.zone).date())

    def wrong_borders(self, unit, bucket, begin, end):
        """Empty: they are right."""
        inside = lambda second: self.bucket(unit, second) == bucket
        if not inside(begin) or not inside(end - 1):
            return "the first or last instant is of another unit"
        for outside in (*range(begin - 1, begin - TWO_DAYS, -STEP), *range(end, end + TWO_DAYS, STEP)):
            if inside(outside):
                return f"{outside} is of it too"
        return ""


def changes(name):
    """Only to choose what is tried."""
    listed = [second for second in _zoneinfo.ZoneInfo(name)._trans_utc if FIRST <= second < LAST]
    return random.sample(listed, min(CHANGES_MAX, len(listed)))


def instants(name):
    yield from (random.randrange(FIRST, LAST) for _ in range(RANDOM_INSTANTS))
    for change in changes(name):
        # A change is a matter of hours; clocks that are put back over midnight, of seconds.
        for away in (0, 1, 60, 1800, 3600, 86400):
            yield from (change - away, change + away, change + away - 1)
        yield change + random.randrange(-90000, 90000)


def check(program, name):
    oracle = Oracle(name)
    tried = list(instants(name))
    text = "\n".join(map(str, tried))
    for unit in UNITS:
        lines = subprocess.run([program, name, unit], input=text, capture_output=True, text=True,
                               check=True).stdout.splitlines()
        assert len(lines) == len(tried), (name, unit)
        found = [tuple(map(int, line.split())) for line in lines]
        for second, (bucket, begin, end) in zip(tried, found):
            expected = oracle.bucket(unit, second)
            assert bucket == expected, f"{name} {unit} {second}: {bucket}, not {expected}"
            assert begin <= second < end, f"{name} {unit} {second}: not in [{begin}, {end})"
        for bucket, begin, end in random.sample(found, min(BORDERS, len(found))):
            wrong = oracle.wrong_borders(unit, bucket, begin, end)
            assert not wrong, f"{name} {unit} {bucket} [{begin}, {end}): {wrong}"
    return len(tried) * len(UNITS)


def main():
    seed = int(os.environ.get("MURMUR_SEED", time.time_ns() % 2**32))
    random.seed(seed)
    print(f"MURMUR_SEED={seed}", flush=True)
    left_out = ("posix/", "right/")
    names = sorted(name for name in zoneinfo.available_timezones()
                   if not name.startswith(left_out) and name != "localtime")
    assert len(names) > 300, "the database of time zones is missing"
    tried = sum(check(sys.argv[1], name) for name in names)
    print(f"{tried} instants in {len(names)} zones")


if __name__ == "__main__":
    main()
