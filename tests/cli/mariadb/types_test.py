"""Values of MariaDB's types: what is scanned is what is streamed, and both are what the server
says."""

from maria_case import MariaCase
from program import main

# A type, values of it as SQL, and what they are as JSON; None: the server's text.
TYPES = [
    ("tinyint", ["-128", "127"], [-128, 127]),
    ("tinyint(1)", ["0", "1"], [0, 1]),
    ("smallint unsigned", ["0", "65535"], [0, 65535]),
    ("mediumint", ["-8388608", "8388607"], [-8388608, 8388607]),
    ("mediumint unsigned", ["16777215"], [16777215]),
    ("int", ["-2147483648", "7"], [-2147483648, 7]),
    ("int(5) zerofill", ["42"], [42]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"],
     [-9223372036854775808, 9223372036854775807]),
    ("bigint unsigned", ["9223372036854775807", "18446744073709551615"],
     [9223372036854775807, "18446744073709551615"]),
    ("bit(1)", ["0", "1"], [0, 1]),
    ("bit(64)", ["b'1'", "0x8000000000000000"], [1, 9223372036854775808]),
    ("year", ["2024", "0", "1901"], [2024, 0, 1901]),
    ("float", ["1.5", "-0.25", "0.1", "16777216", "3.4e38"],
     [1.5, -0.25, 0.10000000149011612, 16777216, 3.3999999521443642e+38]),
    ("float(7,2)", ["12345.67"], [12345.669921875]),
    ("double", ["0.1", "1e300", "-7", "5e-324", "1.7976931348623157e308"],
     [0.1, 1e300, -7, 5e-324, 1.7976931348623157e308]),
    ("double(10,3)", ["1.125"], [1.125]),
    ("date", ["'2026-03-01'", "'0001-01-01'", "'9999-12-31'", "'0000-00-00'", "'2026-00-00'"],
     ["2026-03-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "0000-00-00",
      "2026-00-00"]),
    ("datetime", ["'2026-03-01 12:30:45'", "'0000-00-00'"],
     ["2026-03-01T12:30:45Z", "0000-00-00 00:00:00"]),
    ("datetime(6)", ["'2026-03-01 12:30:45.123456'", "'0000-00-00'"],
     ["2026-03-01T12:30:45.123456Z", "0000-00-00 00:00:00.000000"]),
    ("datetime(1)", ["'2026-03-01 12:30:45.5'"], ["2026-03-01T12:30:45.5Z"]),
    ("timestamp", ["'2026-03-01 12:30:45'", "'2038-01-19 03:14:07'", "'0000-00-00'"],
     ["2026-03-01T12:30:45Z", "2038-01-19T03:14:07Z", "0000-00-00 00:00:00"]),
    ("timestamp(3)", ["'1970-01-01 00:00:01.007'"], ["1970-01-01T00:00:01.007Z"]),
    ("time", ["'12:34:56'", "'-838:59:59'", "'838:59:59'"], None),
    ("time(3)", ["'-00:00:01.250'", "'00:00:00.007'"], None),
    ("time(6)", ["'-12:00:00.000001'"], None),
    ("char(5)", ["'ab'", "'ab  '", "''"], None),
    ("char(200)", ["repeat('ä', 200)"], None),
    ("varchar(20)", ["'short'", "''", "'trailing '", "'a\\tb\\nc\\\\d'", "'NULL'"], None),
    ("varchar(300)", ["repeat('x', 300)", "'häßlich ☃ 🎈'"], None),
    ("varchar(20) character set latin1", ["'größe'", "'€ƒ™'"], None),
    ("varchar(20) character set koi8r", ["'привет'", "'hello'"], None),
    ("char(20) character set cp1251", ["'Щука'"], None),
    ("text character set latin2", ["'źdźbło'"], None),
    ("varchar(20) character set cp850", ["'größe ░'", "''"], None),
    # All bytes, but for one that ends a line of the output.
    *((f"varchar(300) character set {charset}", [
        "unhex('" + bytes(set(range(first, first + 64)) - {0x85}).hex() + "')"
        for first in (0, 64, 128, 192)], None)
      for charset in ("latin1", "latin7", "tis620", "swe7", "macroman", "hp8")),
    ("varchar(40) character set big5", ["'中文 abc'", "''"], None),
    ("char(40) character set gbk", ["'中文'", "'a'", "''"], None),
    ("text character set sjis", ["'日本語 ｶﾅ'"], None),
    ("char(30) character set utf16", ["'größe 🎈'", "'a '", "''"], None),
    ("varchar(30) character set utf16le", ["'größe 🎈'"], None),
    ("longtext character set utf32", ["repeat('ä🎈', 3000)"], None),
    ("varchar(30) character set ucs2", ["'größe ☃'"], None),
    ("enum('ä', '中') character set ucs2", ["'中'"], None),
    ("varchar(500) compressed", ["''", "'short'", "repeat('häßlich ☃ ', 30)", "repeat('a', 100)"],
     None),
    ("varchar(500) compressed character set latin1", ["repeat('größe', 60)", "'ä'"], None),
    ("text compressed", ["repeat('long ☃', 5000)", "''", "'x'"], None),
    ("tinytext compressed", ["repeat('y', 250)"], None),
    ("mediumtext compressed character set utf16", ["repeat('ä🎈', 3000)"], None),
    ("longtext compressed", ["concat(repeat('1234567890', 20000), rand(1))"], None),
    ("varbinary(300) compressed", ["x'00ff'", "repeat(x'00', 300)", "''", "x'80'", "x'00'"],
     ["00ff", "00" * 300, "", "80", "00"]),
    ("blob compressed", ["repeat(x'ff00', 500)", "x'8800'"], ["ff00" * 500, "8800"]),
    ("varchar(20) character set utf8mb3", ["'größe ☃'"], None),
    ("varchar(20) character set ascii", ["'plain'"], None),
    ("tinytext", ["'text'"], None),
    ("text", ["repeat('long ☃', 5000)"], None),
    ("longtext", ["''"], None),
    ("enum('a', 'b''c', 'ä,y') character set latin1", ["'a'", "'b''c'", "'ä,y'", "'none'"], None),
    ("set('x', 'y', 'zü')", ["'x,zü'", "''", "'y'"], None),
    ("uuid", ["'123e4567-e89b-12d3-a456-426614174000'", "'0190163d-8694-739b-aea5-966c26f8ad91'",
              "'00000000-0000-0000-0000-000000000000'"], None),
    ("inet6", ["'::1'", "'2001:db8::8a2e:370:7334'", "'::'", "'::ffff:1.2.3.4'"], None),
    ("inet4", ["'10.0.0.1'", "'0.0.0.0'"], None),
    ("binary(4)", ["x'01000000'", "x''", "x'ff20'"], ["01000000", "00000000", "ff200000"]),
    ("varbinary(10)", ["x'00ff'", "x'0100'", "''"], ["00ff", "0100", ""]),
    ("blob", ["x'00ff10'"], ["00ff10"]),
]


# Of each, by the first bytes of characters, the bytes that follow.
def bytes_of(*ranges):
    return [byte for first, last in ranges for byte in range(first, last + 1)]


def two_bytes(leads, tails):
    return [[bytes((lead, tail)) for tail in tails] for lead in leads]


EUC = bytes_of((0xA1, 0xFE))
UNITS = [[bytes((high, low)) for low in range(256)] for high in range(256)]
NOT_HALF = [units for units in UNITS if not 0xD8 <= units[0][0] <= 0xDF]
PAIRS = [[bytes((0xD8 + n, m, 0xDC + m % 4, 255 - m)) for m in range(256)] for n in range(4)]
CHARACTERS = {
    "big5": two_bytes(range(0xA1, 0xFA), bytes_of((0x40, 0x7E), (0xA1, 0xFE))),
    "gbk": two_bytes(range(0x81, 0xFF), bytes_of((0x40, 0x7E), (0x80, 0xFE))),
    "gb2312": two_bytes(range(0xA1, 0xF8), EUC),
    "euckr": two_bytes(range(0x81, 0xFF), bytes_of((0x41, 0x5A), (0x61, 0x7A), (0x81, 0xFE))),
    "sjis": two_bytes(bytes_of((0x81, 0x9F), (0xE0, 0xFC)), bytes_of((0x40, 0x7E), (0x80, 0xFC))),
    "cp932": two_bytes(bytes_of((0x81, 0x9F), (0xE0, 0xFC)), bytes_of((0x40, 0x7E), (0x80, 0xFC))),
    "ucs2": NOT_HALF,
    "utf16": NOT_HALF + PAIRS,
    "utf16le": [[unit[1::-1] + unit[:1:-1] for unit in row] for row in NOT_HALF + PAIRS],
    "utf32": [[b"\0\0" + unit for unit in row] for row in NOT_HALF] + [
        [bytes((0, plane, n, 3 * n % 256)) for n in range(256)] for plane in range(1, 17)],
}
for name in ("ujis", "eucjpms"):
    CHARACTERS[name] = (two_bytes(EUC, EUC) + two_bytes([0x8E], range(0xA1, 0xE0)) +
                        [[b"\x8f" + two for two in row] for row in two_bytes(EUC, EUC)])
ONE_BYTE = {"sjis": (*range(128), *range(0xA1, 0xE0)), "cp932": (*range(128), *range(0xA1, 0xE0))}
UNICODE = ("ucs2", "utf16", "utf16le", "utf32")
LINE_ENDS = {0x85, 0x2028, 0x2029}  # of the output


class TypesTest(MariaCase):
    def values(self, file):
        return {key["id"]: key["v"] for key in
                (row["key"] for row in self.succeed("dump", file, "--format", "json").rows())}

    def values_pipeline(self, name, key="v"):
        return self.pipeline(name=name, key=f"[id, {key}]", time=None, window=None, where=None,
                             null_key="keep", aggregates="{n: count}")

    def check_column(self, kind, values, expected, key="v"):
        """Two rows a value: one that is there before the scan, and one that comes after it."""
        self.run_sql(f"drop table if exists {self.table}",
                     f"create table {self.table} (id bigint primary key, v {kind} null)",
                     "set sql_mode = ''")
        values = [*values, "null"]
        for number, value in enumerate(values):
            self.run_sql(f"insert into {self.table} values ({2 * number}, {value})")
        file = self.values_pipeline("".join(c for c in kind + key if c.isascii() and c.isalnum())[:40])
        if key != "v":
            file = self.values_pipeline("part" + "".join(c for c in kind + key if c.isalnum()), key)
        self.succeed("bootstrap", file, "--quiet")
        for number, value in enumerate(values):
            self.run_sql(f"insert into {self.table} values ({2 * number + 1}, {value})")
        self.catch_up(file)
        found = self.values(file)
        scanned = [found[2 * number] for number in range(len(values))]
        streamed = [found[2 * number + 1] for number in range(len(values))]
        self.assertEqual(scanned, streamed, kind)
        self.assertIsNone(scanned.pop())
        if expected is None:
            with self.connection.cursor() as cursor:
                cursor.execute(f"select cast(v as char) from {self.table} where id % 2 = 0 and v is not "
                               "null order by id")
                expected = [row[0] for row in cursor.fetchall()]
        self.assertEqual(scanned, expected, kind)

    def test_every_type(self):
        for kind, values, expected in TYPES:
            with self.subTest(kind):
                self.check_column(kind, values, expected)

    def test_every_character_of_sets_of_many_bytes(self):
        """As one value for all characters that begin alike."""
        for charset, rows in CHARACTERS.items():
            order = "little" if charset == "utf16le" else "big"
            if charset in UNICODE:
                rows = [[character for character in row
                         if int.from_bytes(character, order) not in LINE_ENDS] for row in rows]
            else:
                rows = [*rows, [bytes((byte,)) for byte in ONE_BYTE.get(charset, range(128))]]
            with self.subTest(charset):
                self.check_column(f"varchar(300) character set {charset}",
                                  [f"_{charset} x'{b''.join(row).hex()}'" for row in rows], None)

    def test_both_ways_to_compress_a_column(self):
        values = ["repeat('compressed', 40)"]
        for wrap, length in (("on", 1000), ("off", 1001)):
            self.run_sql(f"set column_compression_zlib_wrap = {wrap}")
            self.check_column(f"varchar({length}) compressed", values, None)

    def test_parts_of_json(self):
        self.check_column("json", ["'{\"a\": {\"b\": 5}}'", "'{\"a\": 1}'", "'3'"], [5, None, None],
                          "{v: v.a.b}")
        self.check_column("json", ["'{\"a\": [\"x\", \"y\"]}'"], ["y"], "{v: 'v.a[1]'}")

    def test_decimals_are_exact(self):
        self.run_sql(f"drop table {self.table}",
                     f"create table {self.table} (id bigint primary key, v decimal(38,18))")
        values = ["0.1", "12345678901234567890.123456789", "-7", "0.000000000000000001"]
        for number, value in enumerate(values):
            self.run_sql(f"insert into {self.table} values ({number}, {value})")
        file = self.pipeline(name="numbers", key="[]", time=None, window=None, where=None,
                             aggregates="{exact: 'set(v)', sum: 'sum(v, decimal=18)'}")
        self.succeed("bootstrap", file, "--quiet")
        for number, value in enumerate(values):
            self.run_sql(f"insert into {self.table} values ({number + 10}, -{value.strip('-')})")
        self.catch_up(file)
        row = self.succeed("dump", file).rows()[0]
        self.assertEqual(row["sum"], str(self.ask(f"select sum(v) from {self.table}")))

    def test_settings_of_server_and_session_change_nothing(self):
        """A zone, a mode and a character set that would change texts."""
        self.run_sql("set global time_zone = '+05:30'", "set global sql_mode = "
                     "'PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
        self.addCleanup(self.run_sql, "set global time_zone = '+00:00', sql_mode = default")
        try:
            self.check_column("timestamp", ["'2026-03-01 12:30:45'"], ["2026-03-01T12:30:45Z"])
            self.check_column("char(5)", ["'ab'"], ["ab"])
        finally:
            self.run_sql("set global time_zone = '+00:00'", "set global sql_mode = default")


if __name__ == "__main__":
    main()
