"""Sums of decimals and comparisons of numbers with a fraction, against Python's decimal."""

import decimal
import json
import unittest
from decimal import Decimal

from program import ProgramTest, main

decimal.getcontext().prec = 200


class Number:
    """A JSON number and the decimal that it is."""

    def __init__(self, text):
        self.text, self.value = text, Decimal(text)


def random_number(random):
    kind = random.randrange(7)
    if kind == 0:
        return Number(str(random.randrange(-1000, 1000)))
    if kind == 1:
        return Number(str(random.randrange(-(2**63), 2**63)))
    if kind == 2:
        return Number(f"{random.randrange(-10**9, 10**9) / 100:.2f}")
    if kind == 3:  # more digits than a double has
        return Number(f"{random.randrange(10**9)}.{random.randrange(10**12):012}")
    if kind == 4:
        return Number(f"{random.randrange(1, 1000)}e{random.randrange(-9, 9)}")
    if kind == 5:
        return Number(f"{random.choice(['', '-'])}0.{random.randrange(1, 1000)}")
    return Number(f"{random.randrange(100)}.{random.randrange(10)}{'0' * random.randrange(4)}")


def digits_of(value):
    """Digits of a decimal without trailing zeros, and those after its point."""
    sign, digits, exponent = value.normalize().as_tuple()
    if value == 0:
        return 0, 0
    return max(len(digits) + max(exponent, 0), -exponent), max(-exponent, 0)


def random_expression(random, depth, exact):
    """Text, and a function of (a, b) that gives its exact value; None beyond 38 digits."""
    kind = random.randrange(8) if depth else random.randrange(3)
    if kind == 0:
        return "a", lambda a, b: a
    if kind == 1:
        return "b", lambda a, b: b
    if kind == 2:
        literal = random.choice(["0.1", "1", "0.05", "2.50", "1.000000001", "100", "3"])
        return literal, lambda a, b: Decimal(literal)
    if kind == 7 and exact:
        text, value = random_expression(random, depth - 1, exact)
        places = random.randrange(4)

        def rounded(a, b):
            inner = value(a, b)
            return None if inner is None else inner.quantize(
                Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
        return f"round({text}, {places})", rounded
    left, left_value = random_expression(random, depth - 1, exact)
    right, right_value = random_expression(random, depth - 1, exact)
    symbol = random.choice("+-*")

    def both(a, b):
        x, y = left_value(a, b), right_value(a, b)
        if x is None or y is None:
            return None
        result = x + y if symbol == "+" else x - y if symbol == "-" else x * y
        return result if digits_of(result)[0] <= 38 else None
    return f"({left} {symbol} {right})", both


class PipelineTest(ProgramTest):
    def run_pipeline(self, aggregates, records, extra="", code=0, key="[]"):
        self.write("events.jsonl", "".join(records))
        definition = self.define(key=key, window=None, aggregates=aggregates,
                                 extra=extra + "\nmax_errors: unlimited")
        self.murmur("drop", definition, "1")
        done = self.murmur("bootstrap", definition, "--fresh", "--format", "json")
        self.assertEqual(done.code, code, done.err)
        return self.succeed("dump", definition).rows()


class DecimalTest(PipelineTest):
    def test_a_price_times_a_quantity_is_exact(self):
        rows = self.run_pipeline(
            "total: sum(price * qty, decimal=2)\ngross: sum(price * qty * 1.19, decimal=6)\n"
            "rounded: sum(round(p * q, 2), decimal=2)",
            ['{"price":1.1,"qty":3,"p":2.52,"q":6}\n', '{"price":0.29,"qty":7,"p":0.07,"q":0.5}\n'])
        self.assertEqual(rows[0]["total"], "5.33")
        self.assertEqual(rows[0]["gross"], str(Decimal("5.33") * Decimal("1.19")) + "00")
        self.assertEqual(rows[0]["rounded"], "15.16")

    def test_random_expressions_are_those_of_python(self):
        for _ in range(12):
            text, value = random_expression(self.random, 3, exact=True)
            pairs = [(random_number(self.random), random_number(self.random)) for _ in range(200)]
            records = [f'{{"a":{a.text},"b":{b.text}}}\n' for a, b in pairs]
            places = 18
            expected, dead = Decimal(0), 0
            for a, b in pairs:
                result = value(a.value, b.value)
                if result is None or digits_of(result)[1] > places or (
                        abs(result) >= Decimal(10)**(38 - places)):
                    dead += 1
                else:
                    expected += result
            with self.subTest(expression=text):
                rows = self.run_pipeline(f"n: count\nx: sum({text}, decimal={places})", records)
                n = rows[0]["n"] if rows else 0
                self.assertEqual(n, len(pairs) - dead)
                if rows:
                    self.assertEqual(Decimal(rows[0]["x"]), expected)

    def test_random_comparisons_are_those_of_python(self):
        for _ in range(8):
            left, left_value = random_expression(self.random, 2, exact=False)
            right, right_value = random_expression(self.random, 2, exact=False)
            symbol = self.random.choice(["<", "<=", "=", "!=", ">", ">="])
            pairs = [(random_number(self.random), random_number(self.random)) for _ in range(200)]
            pairs += [(a, a) for a, _ in pairs[:50]]
            expected = 0
            kept = []
            for a, b in pairs:
                x, y = left_value(a.value, b.value), right_value(a.value, b.value)
                if x is None or y is None:
                    continue  # compared as doubles
                kept.append(f'{{"a":{a.text},"b":{b.text}}}\n')
                expected += {"<": x < y, "<=": x <= y, "=": x == y, "!=": x != y, ">": x > y,
                             ">=": x >= y}[symbol]
            with self.subTest(where=f"{left} {symbol} {right}"):
                rows = self.run_pipeline(f"n: count_if({left} {symbol} {right})", kept)
                self.assertEqual(rows[0]["n"] if rows else 0, expected)

    def test_elsewhere_numbers_are_the_nearest_doubles(self):
        rows = self.run_pipeline("n: count\nplain: sum(p * q)\nlow: min(p * q)",
                                 ['{"p":1.1,"q":3}\n'], key="[{k: p * q}]")
        self.assertEqual(rows[0]["key"]["k"], 1.1 * 3)
        self.assertEqual(rows[0]["plain"], 1.1 * 3)
        self.assertEqual(rows[0]["low"], 1.1 * 3)

    def test_round_goes_by_the_shortest_text(self):
        for x, places, wanted in [(1.005, 2, 1.01), (2.675, 2, 2.68), (-2.5, 0, -3.0),
                                  (0.285, 2, 0.29), (1e300, 2, 1e300), (15.120000000000001, 2, 15.12)]:
            rows = self.run_pipeline("n: count", [f'{{"x":{x!r}}}\n'],
                                     key=f"[{{k: 'round(x, {places})'}}]")
            self.assertEqual(rows[0]["key"]["k"], wanted, (x, places))

    def test_more_digits_than_38_are_never_rounded_silently(self):
        long = "0." + "1" * 43
        rows = self.run_pipeline("n: count\nx: sum(x, decimal=18)",
                                 [f'{{"x":{long}}}\n', '{"x":0.5}\n'])
        self.assertEqual((rows[0]["n"], rows[0]["x"]), (1, "0.500000000000000000"))
        rows = self.run_pipeline("n: count_if(x > 0.11)", [f'{{"x":{long}}}\n'])
        self.assertEqual(rows[0]["n"], 1)

    def test_integers_beyond_64_bits_count_in_sums_of_decimals(self):
        rows = self.run_pipeline("x: sum(x, decimal=0)\ny: sum(x * 1.5, decimal=1)",
                                 ['{"x":18446744073709551615}\n'])
        self.assertEqual(rows[0]["x"], "18446744073709551615")
        self.assertEqual(Decimal(rows[0]["y"]), (2**64 - 1) * Decimal("1.5"))


class ColumnTest(PipelineTest):
    columns = "columns: {price: decimal(12,2), at: {time: ms}}"

    def test_text_is_read_as_its_type_everywhere(self):
        prices = ["9.50", "10", "100.25", "-3.1", "1e2"]
        records = [json.dumps({"price": p, "at": 1000 * i}) + "\n" for i, p in enumerate(prices)]
        rows = self.run_pipeline(
            "n: count_if(price > 9.99)\ntotal: sum(price, decimal=2)\nlow: min(price)\n"
            "high: max(price)\nlast: max(at)\ntwice: sum(price * 2, decimal=2)",
            records, self.columns)
        values = [Decimal(p) for p in prices]
        self.assertEqual(rows[0]["n"], sum(v > Decimal("9.99") for v in values))
        self.assertEqual(Decimal(rows[0]["total"]), sum(values))
        self.assertEqual(Decimal(str(rows[0]["low"])), min(values))
        self.assertEqual(Decimal(str(rows[0]["high"])), max(values))
        self.assertEqual(Decimal(rows[0]["twice"]), 2 * sum(values))
        self.assertEqual(rows[0]["last"], "1970-01-01T00:00:04Z")

    def test_anything_else_is_a_dead_letter(self):
        good = [{"price": None}, {}, {"price": 1}, {"price": 1.25}, {"price": "1.250"},
                {"price": "9999999999.99"}, {"at": "2026-03-01T00:00:00Z"}, {"at": 0.5}]
        bad = [{"price": "abc"}, {"price": ""}, {"price": "1.234"}, {"price": 1.234},
               {"price": "10000000000.00"}, {"price": True}, {"price": [1]}, {"price": {"a": 1}},
               {"price": "NaN"}, {"at": "yesterday"}, {"at": False}]
        records = [json.dumps(r) + "\n" for r in good + bad]
        rows = self.run_pipeline("n: count\np: count_if(price > 0)\na: count_if(at is not null)",
                                 records, self.columns)
        self.assertEqual(rows[0]["n"], len(good))
        letters = self.dead_letters()
        self.assertEqual({letter["reason"] for letter in letters}, {"wrong_type"})
        self.assertIn("decimal(12,2)", letters[0]["detail"])


if __name__ == "__main__":
    main()
