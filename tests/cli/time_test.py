"""Times as programs write them: Python's datetime says what each text means.

Random times over the years 0001 to 9999 in each written form, the command line's times, and times
that are too far or infinite.
"""

import datetime
import email.utils
import json

import pyarrow
import pyarrow.parquet

from program import LONG, ProgramTest, main

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FIRST = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
LAST = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)
COUNT = 20000 if LONG else 3000
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


def offset_text(zone, colon=":", seconds=False):
    total = int(zone.utcoffset(None).total_seconds())
    sign, total = "-" if total < 0 else "+", abs(total)
    text = f"{sign}{total // 3600:02}{colon}{total // 60 % 60:02}"
    return text + (f"{colon}{total % 60:02}" if seconds or total % 60 else "")


def decimals(time, point, digits):
    return f"{point}{time.microsecond:06}"[:digits + 1] if digits else ""


def cut(time, digits):
    return time.replace(microsecond=time.microsecond // 10**(6 - digits) * 10**(6 - digits))


def date(time, separator="-"):
    return f"{time.year:04}{separator}{time.month:02}{separator}{time.day:02}"


def clock(time, separator=":"):
    return f"{time.hour:02}{separator}{time.minute:02}{separator}{time.second:02}"


def forms(time, random):
    """(what wrote it, text, the time it means); time.tzinfo is a fixed offset."""
    utc, zone = time.astimezone(datetime.timezone.utc), time.tzinfo
    digits = random.randrange(7)
    minute = time.replace(second=0, microsecond=0)
    second = time.replace(microsecond=0)
    name, weekday = MONTHS[time.month - 1], DAYS[time.weekday()]
    day, short = date(utc), cut(utc, 0)
    midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
    there, packed = f"{date(time)} {clock(time)}", offset_text(zone, "")
    whole = zone.utcoffset(None) % datetime.timedelta(minutes=1) == datetime.timedelta(0)
    yield "Python, isoformat", time.isoformat(), time
    yield "Python, str", str(time), time
    yield "Python, utc", utc.isoformat().replace("+00:00", "Z"), utc
    yield "Python, naive", utc.replace(tzinfo=None).isoformat(), utc
    yield "Python, minutes", minute.isoformat(timespec="minutes"), minute
    yield "Python, hours", time.isoformat(timespec="hours"), minute.replace(minute=0)
    yield "Python, logging", f"{date(utc)} {clock(utc)}{decimals(utc, ',', 3)}", cut(utc, 3)
    yield "PostgreSQL, UTC", f"{date(utc)} {clock(utc)}{decimals(utc, '.', 6)}+00", utc
    hours = datetime.timezone(datetime.timedelta(hours=random.randrange(-12, 15)))
    if datetime.timedelta(days=1) < utc - FIRST and datetime.timedelta(days=1) < LAST - utc:
        shifted = utc.astimezone(hours)
        total = int(hours.utcoffset(None).total_seconds()) // 3600
        yield "PostgreSQL, hours", f"{date(shifted)} {clock(shifted)}{total:+03}", short
        yield "Go", f"{date(shifted)} {clock(shifted)} {total:+03}00 {total:+03}", short
    point, parts = decimals(utc, ".", digits), cut(utc, digits)
    yield "Java, Instant", f"{day}T{clock(utc)}{point}Z", parts
    yield "a name of UTC", f"{day} {clock(utc)} {random.choice(['UTC', 'GMT'])}", short
    yield "Go, UTC", f"{day} {clock(utc)}{point} +0000 UTC", parts
    yield "Go, clock", f"{day} {clock(utc)} +0000 UTC m=+0.000123", short
    yield "Go, log", f"{date(utc, '/')} {clock(utc)}", short
    yield "compact", f"{date(utc, '')}T{clock(utc, '')}{point}Z", parts
    yield "C", (f"{DAYS[utc.weekday()]} {MONTHS[utc.month - 1]} {utc.day:2} {clock(utc)} "
                f"{utc.year:04}"), short
    yield "date", day, midnight
    yield "date with a Z", day + "Z", midnight
    if whole:
        offset = offset_text(zone)
        yield "Java", f"{date(time)}T{clock(time)}{offset}[Europe/Paris]", second
        yield "Java, minutes", f"{date(time)}T{time.hour:02}:{time.minute:02}{offset}[A/B]", minute
        year, begin = f"{time.year:04}", f"{weekday} {name} {time.day:02}"
        yield "Ruby", f"{there} {packed}", second
        yield "Go, zone", f"{there} {packed} CET", second
        yield "Apache", f"{time.day:02}/{name}/{year}:{clock(time)} {packed}", second
        yield "compact, zone", f"{date(time, '')}T{clock(time, '')}{packed}", second
        yield "git", f"{weekday} {name} {time.day} {clock(time)} {year} {packed}", second
        yield "zone before the year", f"{begin} {clock(time)} {packed} {year}", second
        yield "JavaScript", f"{begin} {year} {clock(time)} GMT{packed} (A Zone)", second
        yield "RFC 5322", f"{weekday}, {time.day:02} {name} {year} {clock(time)} {packed}", second
        if time.year >= 1000:
            yield "Python, email", email.utils.format_datetime(time), second
            yield "RFC 1123", email.utils.format_datetime(utc, usegmt=True), short


def shown(time):
    """As the program prints it."""
    text = f"{date(time)}T{clock(time)}"
    if time.microsecond:
        text += f".{time.microsecond:06}".rstrip("0")
    return text + "Z"


class TimeTest(ProgramTest):
    def random_time(self):
        span = (LAST - FIRST) // MICROSECOND
        narrow = self.random.random() < 0.5  # today's times, where offsets matter most
        micros = (self.random.randrange(-2**52, 2**52) if narrow else
                  self.random.randrange(span) - (EPOCH - FIRST) // MICROSECOND)
        if self.random.random() < 0.3:
            micros -= micros % 10**6
        time = EPOCH + micros * MICROSECOND
        offset = self.random.choice([0, 60, -480, 330, self.random.randrange(-1439, 1440)]) * 60
        offset += self.random.choice([0, 0, 0, 1172 % 60])
        try:
            return time.astimezone(datetime.timezone(datetime.timedelta(seconds=offset)))
        except OverflowError:
            return time

    def test_each_form_means_what_python_says(self):
        expected, events = {}, []
        while len(events) < COUNT:
            for form, text, time in forms(self.random_time(), self.random):
                if time == FIRST:
                    continue  # its own forms are in the unit tests
                key = f"{len(events)} {form}: {text}"
                expected[key] = shown(time.astimezone(datetime.timezone.utc))
                events.append({"k": key, "t": text})
        self.write_events("events.jsonl", events)
        for window in ("", "window: {every: 1s}"):
            with self.subTest(window):
                self.write("p.yaml", f"""
name: p
key: [k]
time: t
{window}
max_ahead: 36525d
aggregates: {{n: count, t: max(t)}}
bootstrap: {{jsonl: {{path: events.jsonl}}}}
state: {{rocksdb: {{path: state{len(window)}}}}}
max_errors: unlimited
""")
                self.succeed("bootstrap", "p.yaml")
                rows = self.succeed("dump", "p.yaml").rows()
                got = {row["key"]["k"]: row["t"] for row in rows}
                # Years beyond the next hundred are far ahead; what is not there is so.
                soon = f"{datetime.datetime.now().year + 99:04}"
                wanted = {key: time for key, time in expected.items() if time < soon}
                got = {key: time for key, time in got.items() if key in wanted}
                self.assertEqual(got, wanted)
                if window:
                    for row in rows:
                        self.assertEqual(row["window"], row["t"][:19] + "Z")

    def test_what_is_no_time_is_a_dead_letter_that_says_why(self):
        cases = {"01/02/2026 10:00": "which is the day",
                 "2026-03-01 10:00:00 CET": "the zone 'CET'",
                 "2026-03-01T10:00[Europe/Paris]": "region", "yesterday": "expected RFC 3339",
                 "1772359200": "number in quotes", "infinity": "outside the years 0001 to 9999",
                 "+10000-01-01T00:00:00Z": "outside the years", "0000-12-31": "outside the years",
                 "2026-02-29T10:00:00Z": "expected RFC 3339", 1772359200: "needs a unit",
                 None: "null or missing"}
        self.write_events("events.jsonl", [{"k": "a", "t": text} for text in cases])
        self.write("p.yaml", "name: p\nkey: [k]\ntime: t\naggregates: {n: count}\n"
                   "bootstrap: {jsonl: {path: events.jsonl}}\nstate: {rocksdb: {path: state}}\n"
                   "max_errors: unlimited\n")
        self.murmur("bootstrap", "p.yaml")
        letters = self.dead_letters("state")
        self.assertEqual(len(letters), len(cases))
        for letter in letters:
            self.assertEqual(letter["reason"], "bad_time")
            self.assertIn(cases[json.loads(letter["raw"])["t"]], letter["detail"])
        self.assertEqual(self.murmur("dump", "p.yaml").out, "")

    def test_first_and_last_go_by_times_however_they_are_written(self):
        self.write_events("events.jsonl", [
            {"u": "a", "t": "2026-03-01T09:00:00Z", "page": "newest"},
            {"u": "a", "t": "2026-02-01 10:00:00+00", "page": "between"},
            {"u": "a", "t": "Thu, 01 Jan 2026 10:00:00 GMT", "page": "oldest"}])
        self.write("p.yaml", "name: p\nkey: [u]\ntime: t\n"
                   "aggregates: {n: count, first: first(page), last: last(page)}\n"
                   "bootstrap: {jsonl: {path: events.jsonl}}\nstate: {rocksdb: {path: state}}\n")
        self.succeed("bootstrap", "p.yaml")
        row, = self.succeed("dump", "p.yaml").rows()
        self.assertEqual((row["n"], row["first"], row["last"]), (3, "oldest", "newest"))

    def test_a_replay_of_a_range_leaves_out_records_without_a_time_and_says_so(self):
        self.write_events("archive/x.jsonl", [
            {"u": "a", "t": "2026-03-01T09:00:00Z"}, {"u": "a", "t": "2026-03-01 10:00:00+00"},
            {"u": "a", "t": "2026-03-01T10:00Z"}, {"u": "a", "t": "?"}, {"u": "a"},
            {"u": "a", "t": "2026-03-02T00:00:00Z"}])
        text = ("name: p\nkey: [u]\ntime: %s\naggregates: {n: count}\n"
                "replay: {archive: {path: archive}}\nstate: {rocksdb: {path: %s}}\n")
        self.write("p.yaml", text % ("{field: t, optional: true}", "state"))
        done = self.succeed("replay", "p.yaml", "--from", "2026-03-01 00:00:00+00",
                            "--to", "20260302T000000Z")
        self.assertIn("records without a usable time are left out", done.err)
        self.assertEqual(self.succeed("dump", "p.yaml").rows()[0]["n"], 3)
        self.succeed("replay", "p.yaml", "--to", "2026-03-02")
        self.assertEqual(self.succeed("dump", "p.yaml").rows()[0]["n"], 3)
        whole = self.succeed("replay", "p.yaml")
        self.assertNotIn("left out", whole.err)
        self.assertEqual(self.succeed("dump", "p.yaml").rows()[0]["n"], 6)
        # Not optional: they are dead letters, not left out.
        self.write("q.yaml", text % ("t", "strict"))
        failed = self.murmur("replay", "q.yaml", "--from", "2026-03-01", "--to", "2026-03-02")
        self.assertEqual(failed.code, 1)
        self.assertEqual({letter["reason"] for letter in self.dead_letters("strict")}, {"bad_time"})

    def test_the_command_line_reads_the_same_forms(self):
        self.write_events("events.jsonl", [{"page": "/a", "ts": f"2026-03-0{day}T12:00:00Z"}
                                           for day in range(1, 6)])
        self.define()
        self.succeed("bootstrap", "pipeline.yaml")
        def days(*options):
            answer = self.succeed("query", "pipeline.yaml", "/a", "--format", "json", *options)
            return [row["window"][8:10] for row in answer.rows()]
        for start, end in (("2026-03-02", "2026-03-04"), ("20260302", "20260304T000000Z"),
                           ("2026-03-02 00:00:00+00", "Wed, 04 Mar 2026 00:00:00 GMT"),
                           ("2026-03-02T01:00+01:00[Europe/Paris]", "04/Mar/2026:00:00:00 +0000")):
            self.assertEqual(days("--from", start, "--to", end), ["02", "03"], (start, end))
        self.assertEqual(days("--window", "2d", "--as-of", "2026-03-03 10:00:00 UTC"), ["02", "03"])
        # Beyond what 40 bits of buckets hold.
        self.assertEqual(len(days("--window", "50000000d")), 5)
        for text in ("infinity", "10000-01-01", "01/02/2026", "2026-03-01 10:00:00 CET"):
            for option in ("--from", "--to", "--as-of"):
                refused = self.fail_with(2, "query", "pipeline.yaml", "/a", option, text)
                self.assertIn(f"{option} '{text}'", refused.err)

    def test_infinite_times_of_parquet_are_before_and_after_all_others(self):
        micros = [2**63 - 1, -2**63 + 1, -2**63, 9223372036825200000, -9223372036832400000, 0,
                  10**15]
        days = [2**31 - 1, -2**31 + 1, -2**31, 2**31 - 1, -2**31, 0, 20513]
        table = pyarrow.table({
            "k": ["a"] * len(micros),
            "us": pyarrow.array(micros, pyarrow.timestamp("us")),
            "ms": pyarrow.array(micros, pyarrow.timestamp("ms")),
            "d": pyarrow.array(days, pyarrow.date32())})
        pyarrow.parquet.write_table(table, self.directory / "t.parquet")
        names = [f"{function}_{column}: {function}({column})" for column in ("us", "ms", "d")
                 for function in ("min", "max", "set", "distinct_exact")]
        self.write("p.yaml", "name: p\nkey: [k]\naggregates: {" + ", ".join(names) + "}\n"
                   "bootstrap: {parquet: {path: t.parquet}}\nstate: {rocksdb: {path: state}}\n")
        self.succeed("bootstrap", "p.yaml")
        row, = self.succeed("dump", "p.yaml").rows()
        for column in ("us", "ms", "d"):
            self.assertEqual(row[f"min_{column}"], "-infinity")
            self.assertEqual(row[f"max_{column}"], "infinity")
        self.assertEqual(row["set_us"], ["-infinity", "1970-01-01T00:00:00Z",
                                         "2001-09-09T01:46:40Z", "infinity"])
        self.assertEqual(row["distinct_exact_d"], 4)
        self.write("key.yaml", "name: key\nkey: [us]\naggregates: {n: count}\n"
                   "bootstrap: {parquet: {path: t.parquet}}\nstate: {rocksdb: {path: keys}}\n")
        self.succeed("bootstrap", "key.yaml")
        rows = self.succeed("dump", "key.yaml").rows()
        self.assertEqual([(row["key"]["us"], row["n"]) for row in rows],
                         [("-infinity", 3), ("1970-01-01T00:00:00Z", 1),
                          ("2001-09-09T01:46:40Z", 1), ("infinity", 2)])

    def test_days_are_a_unit(self):
        self.write_events("events.jsonl", [{"u": "a", "t": 20513}, {"u": "a", "t": 20514.5},
                                           {"u": "a", "t": -1}])
        self.write("p.yaml", "name: p\nkey: [u]\ntime: {field: t, unit: d}\nwindow: {every: 1d}\n"
                   "aggregates: {t: max(t)}\nbootstrap: {jsonl: {path: events.jsonl}}\n"
                   "state: {rocksdb: {path: state}}\n")
        self.succeed("bootstrap", "p.yaml")
        self.assertEqual([row["t"] for row in self.succeed("dump", "p.yaml").rows()],
                         ["1969-12-31T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T12:00:00Z"])


if __name__ == "__main__":
    main()
