"""Values of every type of attribute: what is scanned is what is streamed."""

from dynamo_case import DynamoCase
from program import main

BIG = "12345678901234567890123456789012345678"

# A value, and what it is as a key of JSON.
VALUES = [
    ({"S": ""}, ""), ({"S": "häßlich ☃ \"\\ \n\t\u0001"}, "häßlich ☃ \"\\ \n\t\u0001"),
    ({"N": "0"}, 0), ({"N": "-7"}, -7), ({"N": "9223372036854775807"}, 9223372036854775807),
    ({"N": "0.1"}, 0.1), ({"N": "1.50"}, 1.5),
    ({"BOOL": True}, True), ({"BOOL": False}, False),
    ({"B": b"\x00\xff\x10"}, "AP8Q"),
    ({"NULL": True}, None), (None, None),
]
# A value, and the path that reaches into it.
PARTS = [
    ({"M": {"a": {"M": {"b": {"N": "5"}}}}}, "v.a.b", 5),
    ({"M": {"a": {"L": [{"S": "x"}, {"S": "y"}]}}}, "v.a[1]", "y"),
    ({"L": [{"N": "10"}, {"N": "20"}]}, "v[1]", 20),
    ({"L": []}, "v[1]", None), ({"S": "x"}, "v.a", None),
]


class TypesTest(DynamoCase):
    KEY = {"id": "N"}

    def values(self, name, values, key="v"):
        """Of two rows a value: one that is there before the scan, and one that comes after it."""
        def put(offset):
            self.put([{"id": {"N": str(2 * number + offset)}} | ({"v": value} if value else {})
                      for number, value in enumerate(values)])
        put(0)
        file = self.pipeline(name=name, key=f"[id, {key}]", time=None, window=None, where=None,
                             null_key="keep", aggregates="{n: count}")
        self.succeed("bootstrap", file, "--quiet")
        put(1)
        self.catch_up(file)
        found = {row["key"]["id"]: row["key"]["v"]
                 for row in self.succeed("dump", file, "--format", "json").rows()}
        scanned = [found[2 * number] for number in range(len(values))]
        self.assertEqual(scanned, [found[2 * number + 1] for number in range(len(values))])
        return scanned

    def test_every_type(self):
        self.assertEqual([str(v) for v in self.values("types", [value for value, _ in VALUES])],
                         [str(v) for _, v in VALUES])

    def test_parts_of_maps_and_lists(self):
        for number, (value, path, expected) in enumerate(PARTS):
            with self.subTest(path):
                self.assertEqual(self.values(f"part{number}", [value], f"{{v: '{path}'}}"),
                                 [expected])

    def test_numbers_are_exact(self):
        values = [BIG, "-" + BIG, "0." + "0" * 37 + "1", "99.99"]
        self.put([{"id": {"N": str(n)}, "v": {"N": value}} for n, value in enumerate(values)])
        file = self.pipeline(key="[id]", time=None, window=None, where=None,
                             aggregates="{v: max(v)}")
        self.succeed("bootstrap", file, "--quiet")
        out = self.succeed("dump", file).out
        for value in values:
            self.assertRegex(out, rf'"v": "?{value}[^0-9]')

    def test_names_that_are_reserved_words(self):
        self.put([{"id": {"N": "1"}, "size": {"N": "3"}, "a.b": {"S": "x"}, "#n": {"S": "y"}}])
        file = self.pipeline(key="[id, size, {ab: '`a.b`'}]", time=None, window=None, where=None,
                             aggregates="{n: count}")
        outcome = self.murmur("bootstrap", file, "--quiet")
        self.assertEqual(outcome.code, 0, outcome.err)

    def test_keys_of_every_type(self):
        for of, values in (("S", ["", "a", "\u0000b", "☃"][1:]), ("N", ["1", "-0.5", "1E+100"]),
                           ("B", [b"\x00", b"\xff\x00"])):
            with self.subTest(of):
                table = f"{self.table}.{of}"
                self.dynamo.create_table(table, {"k": of, "s": "N"})
                for value in values:
                    self.client.put_item(TableName=table, Item={
                        "k": {of: value}, "s": {"N": "1"}, "v": {"N": "1"}})
                file = self.pipeline(name=f"keys{of}".lower(), key="[]", time=None, window=None,
                                     where=None, aggregates="{n: count, v: sum(v)}",
                                     source={"table": table})
                self.succeed("bootstrap", file, "--quiet")
                for value in values:
                    self.client.put_item(TableName=table, Item={
                        "k": {of: value}, "s": {"N": "1.0"}, "v": {"N": "2"}})
                self.client.delete_item(TableName=table, Key={"k": {of: values[0]},
                                                              "s": {"N": "1"}})
                self.catch_up(file)
                row, = self.succeed("dump", file).rows()
                self.assertEqual((row["n"], row["v"]), (len(values) - 1, 2 * (len(values) - 1)))


if __name__ == "__main__":
    main()
