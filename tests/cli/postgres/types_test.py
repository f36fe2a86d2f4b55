"""Values of PostgreSQL's types: what is scanned is what is streamed, and both are what the server
says."""

import contextlib

from postgres_case import OnNewest, PostgresCase
from program import main

# A type, values of it, and what they are as JSON; None: the server's text.
TYPES = [
    ("smallint", ["-32768", "0", "32767"], [-32768, 0, 32767]),
    ("integer", ["-2147483648", "7"], [-2147483648, 7]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"],
     [-9223372036854775808, 9223372036854775807]),
    ("boolean", ["true", "false"], [True, False]),
    ("real", ["1.5", "-0.25"], [1.5, -0.25]),
    ("double precision", ["0.1", "1e300", "-7"], [0.1, 1e300, -7]),
    ("date", ["2026-03-01", "0044-03-15 BC", "infinity"],
     ["2026-03-01T00:00:00Z", "-0043-03-15T00:00:00Z", "infinity"]),
    ("timestamp", ["2026-03-01 12:30:45.123456", "-infinity"],
     ["2026-03-01T12:30:45.123456Z", "-infinity"]),
    ("timestamptz", ["2026-03-01 12:30:45+05:30", "10000-01-01 00:00:00+00"],
     ["2026-03-01T07:00:45Z", "10000-01-01T00:00:00Z"]),
    ("text", ["", "a\tb\nc\\d", "häßlich ☃", "\\N", "NULL"], None),
    ("varchar(20)", ["short"], None),
    ("char(5)", ["ab"], None),
    ("bytea", ["\\x00ff10", ""], None),
    ("uuid", ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6"], None),
    ("interval", ["1 year 2 mons 3 days 04:05:06.789", "-1 day"], None),
    ("time", ["23:59:59.999999", "24:00:00"], None),
    ("timetz", ["12:00:00+02"], None),
    ("inet", ["10.0.0.1/8", "::1"], None),
    ("macaddr", ["08:00:2b:01:02:03"], None),
    ("money", ["12.34"], None),
    ("bit(4)", ["1010"], None),
    ("point", ["(1.5,2)"], None),
    ("int4range", ["[1,5)", "empty"], None),
    ("xml", ["<a>b</a>"], None),
    ("tsvector", ["'a':1 'b':2"], None),
    ("mood", ["sad", "happy"], None),      # an enum
    ("positive", ["5"], [5]),              # a domain over integer
    ("pair", ["(1,x)"], None),             # a composite
    ("hstore", ['"a"=>"1", "b"=>NULL'], None),
]


class TypesTest(PostgresCase):
    LACKS = ()  # of the types

    def setUp(self):
        super().setUp()
        for statement in ("drop type if exists mood cascade", "drop domain if exists positive cascade",
                          "drop type if exists pair cascade",
                          "create type mood as enum ('sad', 'happy')",
                          "create domain positive as integer check (value > 0)",
                          "create type pair as (a int, b text)"):
            self.run_sql(statement)
        has_hstore = self.ask(
            "select count(*) from pg_available_extensions where name = 'hstore'") == 1
        if has_hstore:
            self.run_sql("create extension if not exists hstore")
        self.types = [kind for kind in TYPES
                      if kind[0] not in self.LACKS and (has_hstore or kind[0] != "hstore")]

    def create(self, columns, identity="default"):
        self.run_sql(f"drop table if exists {self.table}")
        self.run_sql(f"create table {self.table} (id bigint primary key, {columns})")
        self.run_sql(f"alter table {self.table} replica identity {identity}")

    def values(self, file, name):
        return {key["id"]: key["v"] for key in
                (row["key"] for row in self.succeed("dump", file, "--format", "json").rows())}

    def values_pipeline(self, name, key="v"):
        return self.pipeline(name=name, key=f"[id, {key}]", time=None, window=None, where=None,
                             null_key="keep", aggregates="{n: count}")

    def check_column(self, kind, values, expected, key="v"):
        """Two rows a value: one that is there before the scan, and one that comes after it."""
        self.create(f"v {kind}")
        for number, value in enumerate([*values, None]):
            self.run_sql(f"insert into {self.table} values (%s, %s)", 2 * number, value)
        name = "".join(c for c in kind + key if c.isalnum())
        file = self.values_pipeline(name, key)
        self.succeed("bootstrap", file, "--quiet")
        for number, value in enumerate([*values, None]):
            self.run_sql(f"insert into {self.table} values (%s, %s)", 2 * number + 1, value)
        self.catch_up(file)
        found = self.values(file, name)
        scanned = [found[2 * number] for number in range(len(values) + 1)]
        streamed = [found[2 * number + 1] for number in range(len(values) + 1)]
        self.assertEqual(scanned, streamed, kind)
        self.assertIsNone(scanned.pop())
        if expected is None:
            with self.connection.cursor() as cursor:
                cursor.execute("set datestyle = 'ISO,MDY'; set intervalstyle = postgres; "
                               f"select format('%s', v) from {self.table} where id % 2 = 0 and v is not null "
                               "order by id")
                expected = [row[0] for row in cursor.fetchall()]
        self.assertEqual(scanned, expected, kind)

    def test_every_type(self):
        self.run_sql("set lc_monetary = 'C'")
        for kind, values, expected in self.types:
            with self.subTest(kind):
                self.check_column(kind, values, expected)

    def test_a_database_of_another_encoding(self):
        """Its texts are UTF-8 here, by both paths."""
        self.run_sql("create database latin encoding 'LATIN1' locale 'C' template template0")
        with contextlib.closing(self.postgres.connect("latin")) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("create table words (id int primary key, v text)")
            cursor.execute("insert into words values (1, 'größe')")
            file = self.pipeline(name="latin", key="[id, v]", time=None, window=None, where=None,
                                 aggregates="{n: count}", source={
                                     "uri": self.uri().removesuffix("postgres") + "latin",
                                     "table": "words"})
            self.succeed("bootstrap", file, "--quiet")
            cursor.execute("insert into words values (2, 'größe')")
            self.catch_up(file)
            self.assertEqual(self.values(file, "latin"), {1: "größe", 2: "größe"})
            cursor.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                           "where database = 'latin'")
        self.run_sql("drop database latin")

    def test_parts_of_json_and_arrays(self):
        for kind, values, key, expected in (
                ("jsonb", ['{"a": {"b": 5}}', '{"a": 1}', "3"], "{v: v.a.b}", [5, None, None]),
                ("json", ['{"a": ["x", "y"]}'], "{v: 'v.a[1]'}", ["y"]),
                ("int[]", ["{10,20}", "{}", "{NULL,7}"], "{v: 'v[1]'}", [20, None, 7]),
                ("text[]", ['{"a b",c}'], "{v: 'v[0]'}", ["a b"])):
            with self.subTest(kind):
                self.check_column(kind, values, expected, key)

    def test_numerics_are_exact(self):
        self.create("v numeric")
        values = ["0.1", "12345678901234567890.123456789", "-7", "1e-20", "NaN", "Infinity"]
        for number, value in enumerate(values):
            self.run_sql(f"insert into {self.table} values (%s, %s)", number, value)
        file = self.pipeline(name="numbers", key="[]", time=None, window=None,
                             where="id < 4",
                             aggregates="{exact: 'set(v)', sum: 'sum(v, decimal=18)'}")
        self.run_sql(f"update {self.table} set v = 2e-18 where id = 3")
        self.succeed("bootstrap", file, "--quiet")
        row = self.succeed("dump", file).rows()[0]
        expected = self.ask(f"select sum(v)::numeric(60,18)::text from {self.table} where id < 4")
        self.assertEqual(row["sum"], expected)


class NewestTypesTest(OnNewest, TypesTest):
    LACKS = ("xml",)  # built without libxml


if __name__ == "__main__":
    main()
