"""A slow second opinion: what `murmur dump --format jsonl` must print, in plain Python.

    oracle.py PIPELINE.json FILE… > expected.jsonl

FILEs are JSON lines, plain or gzip, named as the definition reaches them. Counts of dead letters
go to stderr as JSON. PIPELINE.json:

    {"keys": [["page"], ["page", "country"], []],
     "time": {"field": "ts", "unit": null},          or absent
     "every": 86400, "offset": 0,                     seconds; absent: no window
     "where": [["country", "=", "US"]],              and'ed; = != < <= > >=
     "keep_null_keys": false,
     "aggregates": {"views": ["count"], "revenue": ["sum", "amount"],
                    "exact": ["sum", "amount", {"decimal": 2}], "top": ["topk", "country", {"k": 3}]}}

Functions: count, sum, min, max, avg, distinct_exact, count_by, first, last, and those that
compare.py holds against a bound: distinct, topk. Nothing is shared with Murmur's own code.
"""

import gzip
import json
import operator
import re
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction

INT64 = range(-(2**63), 2**63)
COMPARE = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
           ">": operator.gt, ">=": operator.ge}
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                  r"([Zz]|[+-]\d\d:?\d\d)?)?\Z", re.ASCII)
UNIT_PER_SECOND = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}


class Dead(Exception):
    """The record must become a dead letter; its argument is the reason."""


def days_from_civil(year, month, day):
    """Days since 1970-01-01 (Hinnant, chrono-compatible low-level date algorithms)."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + \
        day_of_year - 719468


def days_in_month(year, month):
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def parse_time(text):
    """Microseconds since the epoch, or None."""
    match = TIME.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    fraction, zone = match.group(7) or "", match.group(8) or "Z"
    shift = 0
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            return None
        shift = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    seconds = days_from_civil(year, month, day) * 86400 + (hour * 60 + minute - shift) * 60
    return (seconds + min(second, 59)) * 10**6 + int((fraction + "000000")[:6])


def event_time(value, unit):
    if isinstance(value, str):
        micros = parse_time(value)
    elif is_number(value) and unit:
        micros = Fraction(value) * 10**6 // UNIT_PER_SECOND[unit]
    else:
        micros = None
    if micros is None:
        raise Dead("bad_time")
    return micros


def format_seconds(seconds):
    days, rest = divmod(seconds, 86400)
    year = 1970 + days // 366
    while days_from_civil(year + 1, 1, 1) <= days:
        year += 1
    month = 12
    while days_from_civil(year, month, 1) > days:
        month -= 1
    day = days - days_from_civil(year, month, 1) + 1
    return f"{year:04}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def field(record, path):
    """`a.b[0]` of a record; None where there is none. Integers must fit 64 bits."""
    value = record
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if name:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            inside = isinstance(value, list) and int(index) < len(value)
            value = value[int(index)] if inside else None
    if isinstance(value, int) and value not in INT64:
        raise Dead("number_overflow")
    if isinstance(value, float) and abs(value) == float("inf"):
        raise Dead("number_overflow")
    return value


def rank(value):
    """Sorts as the state does: null, booleans, numbers by value, strings by UTF-8 bytes."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, value)
    if is_number(value):
        return (2, Fraction(value))
    return (3, value.encode())


class Aggregate:
    def __init__(self, function, argument=None, parameters=None):
        self.function, self.argument, self.parameters = function, argument, parameters or {}

    def check(self, value):
        """The argument, if the function takes it."""
        numbers_only = self.function in ("sum", "avg")
        if isinstance(value, (dict, list)) or (
                numbers_only and value is not None and not is_number(value)):
            raise Dead("wrong_type")
        decimals = self.parameters.get("decimal")
        if decimals is not None and value is not None:
            exact = Decimal(repr(value))
            if exact != exact.quantize(Decimal(1).scaleb(-decimals)):
                raise Dead("number_overflow")
        return value

    def result(self, rows):
        """rows: (order, value) of the group, nulls left out; order = (time, object, offset)."""
        values = [value for _, value in rows]
        return getattr(self, self.function)(rows, values)

    def sum(self, _, values):
        if "decimal" in self.parameters:
            total = sum((Decimal(repr(value)) for value in values), Decimal(0))
            return f"{total:.{self.parameters['decimal']}f}"
        total = sum(map(Fraction, values), Fraction(0))
        return float(total) if any(isinstance(v, float) for v in values) else int(total)

    def avg(self, _, values):
        return float(sum(map(Fraction, values)) / len(values)) if values else None

    def min(self, _, values):
        return min(values, key=rank, default=None)

    def max(self, _, values):
        return max(values, key=rank, default=None)

    def first(self, rows, _):
        return min(rows, key=lambda row: (row[0], rank(row[1])))[1] if rows else None

    def last(self, rows, _):
        return max(rows, key=lambda row: (row[0], rank(row[1])))[1] if rows else None

    def distinct(self, _, values):
        return len({rank(value) for value in values})

    distinct_exact = distinct

    def count_by(self, _, values):
        counts = Counter(rank(value) for value in values)
        plain = {rank(value): value for value in values}
        return [{"value": plain[key], "count": counts[key]} for key in sorted(counts)]

    topk = count_by  # all counts: compare.py checks the bound


def read_lines(path):
    """(offset in the decompressed bytes, line, whether its newline is there)."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    offset = 0
    with (gzip.open if packed else open)(path, "rb") as file:
        for line in file:
            yield offset, line
            offset += len(line)


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def decode(line):
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Dead("invalid_utf8") from None
    try:
        record = json.loads(text, parse_constant=refuse_constant)
        json.dumps(record, ensure_ascii=False).encode()  # refuses lone surrogates
    except (ValueError, RecursionError):
        raise Dead("undecodable" if line.endswith(b"\n") else "truncated") from None
    if not isinstance(record, dict):
        raise Dead("undecodable")
    return record


class Oracle:
    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.aggregates = {name: Aggregate(*call)
                           for name, call in pipeline["aggregates"].items()}
        self.groups = {}  # (rollup, key, bucket) → [record count, {aggregate: rows}]
        self.dead = Counter()

    def wanted(self, record):
        for path, comparison, literal in self.pipeline.get("where", []):
            value = field(record, path)
            if value is None or not COMPARE[comparison](rank(value), rank(literal)):
                return False
        return True

    def bucket(self, micros):
        every = self.pipeline.get("every")
        return (micros // 10**6 - self.pipeline.get("offset", 0)) // every if every else None

    def add(self, record, name, offset):
        if not self.wanted(record):
            return
        time = self.pipeline.get("time")
        micros = event_time(field(record, time["field"]), time.get("unit")) if time else 0
        bucket = self.bucket(micros)
        keys = [[field(record, part) for part in parts] for parts in self.pipeline["keys"]]
        for part in (part for key in keys for part in key):
            if isinstance(part, (dict, list)):
                raise Dead("wrong_type")
            if part is None and not self.pipeline.get("keep_null_keys"):
                raise Dead("missing_key")
        values = {label: aggregate.check(field(record, aggregate.argument))
                  for label, aggregate in self.aggregates.items() if aggregate.argument}
        for rollup, key in enumerate(keys):
            place = (rollup, tuple(map(rank, key)), bucket)
            group = self.groups.setdefault(place, [key, 0, {label: [] for label in values}])
            group[1] += 1
            for label, value in values.items():
                if value is not None:
                    group[2][label].append(((micros, name.encode(), offset), value))

    def read(self, path):
        for offset, line in read_lines(path):
            if not line.strip():
                continue
            if offset == 0 and line.startswith(b"\xef\xbb\xbf"):
                line = line[3:]
            try:
                self.add(decode(line), path, offset)
            except Dead as dead:
                self.dead[str(dead)] += 1

    def dump(self):
        every, offset = self.pipeline.get("every"), self.pipeline.get("offset", 0)
        for rollup, key_rank, bucket in sorted(self.groups, key=lambda g: (g[0], g[1], g[2] or 0)):
            key, count, rows = self.groups[rollup, key_rank, bucket]
            line = {"key": dict(zip(self.pipeline["keys"][rollup], key)),
                    "window": format_seconds(offset + bucket * every) if every else None}
            for label, aggregate in self.aggregates.items():
                line[label] = aggregate.result(rows[label]) if aggregate.argument else count
            yield line


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        oracle = Oracle(json.load(file))
    for path in sys.argv[2:]:
        oracle.read(path)
    for line in oracle.dump():
        print(json.dumps(line, ensure_ascii=False))
    print(json.dumps(dict(sorted(oracle.dead.items()))), file=sys.stderr)


if __name__ == "__main__":
    main()
