"""Holds a dump against what oracle.py printed.

    compare.py PIPELINE.json EXPECTED.jsonl DUMP.jsonl

Exit 0: equal. Exit 1: the differences, at most 20, on stderr. Keys, windows and their order must
be the same; floats agree within 1e-12, relative; `distinct` within 5 standard errors, and 99 % of
the lines within 3; `topk` within its stated bound, and exactly where it claims no error.
"""

import json
import math
import sys

SHOWN_MAX = 20
FLOAT_TOLERANCE = 1e-12
DEFAULT_PRECISION = 12


def same(expected, found):
    """Equal values; a number's type must be right too, but for floats that are whole."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, float) or isinstance(found, float):
        if not isinstance(expected, (int, float)) or not isinstance(found, (int, float)):
            return False
        return math.isclose(expected, found, rel_tol=FLOAT_TOLERANCE)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return list(expected) == list(found) and all(same(expected[k], found[k]) for k in expected)
    return type(expected) is type(found) and expected == found


def canonical(value):
    """5 and 5.0 are one value."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def counts_of(items):
    return {canonical(item["value"]): item["count"] for item in items}


def check_topk(truth, found, k):
    """None, or what is wrong with the found list."""
    counts = counts_of(truth)
    if len(found) != min(k, len(counts)) and not any(item["error"] for item in found):
        return f"{len(found)} items, expected {min(k, len(counts))}"
    for item in found:
        actual = counts.get(canonical(item["value"]), 0)
        if not item["count"] <= actual <= item["count"] + item["error"]:
            return f"{item} but the truth is {actual}"
    if found != sorted(found, key=lambda item: -item["count"]):
        return "not in descending order"
    listed = {canonical(item["value"]) for item in found}
    bound = max((item["error"] for item in found), default=0)
    least = min((item["count"] for item in found), default=0)
    for value, actual in counts.items():
        if value not in listed and actual > least + bound:
            return f"{value} is missing, with {actual} over {least} + {bound}"
    return None


class Comparison:
    def __init__(self, pipeline):
        self.calls = pipeline["aggregates"]
        self.problems = []
        self.estimates = 0
        self.far_estimates = 0

    def check_value(self, label, expected, found):
        function, parameters = self.calls[label][0], (self.calls[label] + [None, {}])[2] or {}
        if function == "topk":
            return check_topk(expected, found, parameters.get("k", 10))
        if function == "count_by" and isinstance(found, list):
            return None if counts_of(expected) == counts_of(found) else f"{found}"
        if function != "distinct":
            return None if same(expected, found) else f"{found!r}, expected {expected!r}"
        sigma = 1.04 / math.sqrt(2 ** parameters.get("precision", DEFAULT_PRECISION))
        # A few values meet in one register now and then, however small the sigma of few values.
        error = max(0, abs(found - expected) - 2) / max(expected, 1)
        self.estimates += 1
        self.far_estimates += error > 3 * sigma
        return f"{found}, truly {expected}" if error > 5 * sigma else None

    def check_line(self, number, expected, found):
        if list(expected) != list(found):
            self.problems.append(f"line {number}: fields {list(found)}, not {list(expected)}")
        elif not same([expected["key"], expected["window"]], [found["key"], found["window"]]):
            self.problems.append(f"line {number}: {found['key']} {found['window']}, expected "
                                 f"{expected['key']} {expected['window']}")
        else:
            for label in self.calls:
                problem = self.check_value(label, expected[label], found[label])
                if problem:
                    self.problems.append(f"line {number}, {expected['key']}, {label}: {problem}")

    def check(self, expected, found):
        if len(expected) != len(found):
            self.problems.append(f"{len(found)} lines, expected {len(expected)}")
        for number, pair in enumerate(zip(expected, found), 1):
            self.check_line(number, *pair)
        if self.far_estimates > max(1, self.estimates // 100):
            self.problems.append(f"{self.far_estimates} of {self.estimates} distinct counts are "
                                 "more than 3 standard errors off")
        return self.problems


def read_dump(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        comparison = Comparison(json.load(file))
    problems = comparison.check(read_dump(sys.argv[2]), read_dump(sys.argv[3]))
    for problem in problems[:SHOWN_MAX]:
        print(problem, file=sys.stderr)
    if len(problems) > SHOWN_MAX:
        print(f"… and {len(problems) - SHOWN_MAX} more", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
