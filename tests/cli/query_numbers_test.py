"""Numbers in a query mean exactly their value: the key of that value, or no key. A number that
is written with a point or an exponent also means the double that JSON makes of it.
"""

import fractions
import json
import re

from program import ProgramTest, main

KEYS = ["-1", "0", "1", "7", "1000", "-1000", "0.1", "1.5", "-2.25", "9223372036854775807",
        "-9223372036854775808", "9007199254740993", "9007199254740992.0", "1e30", "1e-7",
        "18446744073709551616.0", "1.7976931348623157e308", "5e-324", "123456789.123456789"]
QUESTIONS = KEYS + [
    "18446744073709551615", "18446744073709551616", "18446744073709551614", "-18446744073709551615",
    "9223372036854775808", "-9223372036854775809", "4294967295", "-0", "-0.0", "0.0", "0e5", "1.0",
    "1e0", "10e-1", "1.50", "1e3", "1E3", "1e+3", "1000.000", "-1e3", "9007199254740992",
    "9007199254740993.0", "9007199254740994", "1000000000000000000000000000000", "0.10", "1e-1",
    "0.1000000000000000055511151231257827", "0.10000000000000001", "0.10000000000000002", "1.4999",
    "0.0000001", "1e400", "-1e400", "9" * 40, "0." + "1" * 60, "18446744073709551616e0",
    "9223372036854775807.0", "9223372036854775807.5", "184467440737095516150e-1",
    "340282366920938463463374607431768211455", "36893488147419103231", "01", "1.", ".5", "+1",
    "0x1", "1_000", "NaN", "Infinity", "-", "1e", "--1", " 1"]
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def exact(text):
    return fractions.Fraction(text)


def is_integer_text(text):
    return not re.search(r"[.eE]", text)


def value_of(key):
    """What a JSON number is: an integer, or the nearest double."""
    return exact(key) if is_integer_text(key) else fractions.Fraction(float(key))


def meant(question):
    """The values that the text of a question means."""
    if not NUMBER.fullmatch(question):
        return set()
    values = {exact(question)}
    if not is_integer_text(question) and abs(float(question)) != float("inf"):
        values.add(fractions.Fraction(float(question)))
    return values


class QueryNumbersTest(ProgramTest):
    def test_every_form_of_a_number(self):
        self.write("events.jsonl", "".join(
            f'{{"k": {key}}}\n' * (i + 1) for i, key in enumerate(KEYS)))
        file = self.define(key="[k]", window=None, aggregates="n: count")
        self.succeed("bootstrap", file)
        counts = {}
        for i, key in enumerate(KEYS):
            counts[value_of(key)] = counts.get(value_of(key), 0) + i + 1
        dumped = self.succeed("dump", file).rows()
        self.assertEqual(sorted(row["n"] for row in dumped), sorted(counts.values()))
        for question in QUESTIONS:
            with self.subTest(question=question):
                expected = sorted(counts[value] for value in meant(question) & set(counts))
                outcome = self.murmur("query", file, "--format", "json", "--", question)
                found = sorted(row["n"] for row in outcome.rows())
                self.assertEqual(found, expected, outcome.err)
                self.assertEqual(outcome.code, 0 if expected else 1, outcome.err)
                if not expected:
                    self.assertIn("no key", outcome.err)

    def test_a_key_as_it_is_shown_finds_itself(self):
        self.write("events.jsonl", "".join(f'{{"k": {key}}}\n' for key in KEYS))
        file = self.define(key="[k]", window=None, aggregates="n: count")
        self.succeed("bootstrap", file)
        for line in self.succeed("dump", file).out.splitlines():
            shown = re.search(r'"k": ([^}]*)}', line).group(1)
            with self.subTest(shown=shown):
                row = json.loads(line)
                [found] = self.succeed("query", file, "--format", "json", "--", shown).rows()
                self.assertEqual({**row, "_exact": found.get("_exact")}, {**found})


if __name__ == "__main__":
    main()
