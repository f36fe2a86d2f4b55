"""Windows of the calendar, in time zones: Python's zoneinfo says which day an instant is on.

Every unit, over changes of clocks; questions by civil dates; what is kept; functions of a zone's
clocks; and a state whose zone's rules were replaced under it.
"""

import collections
import datetime
import json
import os
import pathlib
import shutil
import unittest.mock
import zoneinfo

from program import LONG, ProgramTest, main

UTC = datetime.timezone.utc
MONDAY = datetime.date(1969, 12, 29)
EVENTS = 20_000 if LONG else 2_000
RUNS = 40 if LONG else 8
DEFINITIONS = 400 if LONG else 80
# Where clocks change at midnight, over it, by half an hour, by a day, or at odd times of the year.
ZONES = ["Europe/Berlin", "America/New_York", "America/St_Johns", "Pacific/Apia",
         "Africa/Casablanca", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu",
         "Antarctica/Troll", "Asia/Gaza", "Pacific/Chatham", "UTC"]
UNITS = ["1d", "1w", "1mo", "3mo", "6mo", "1y"]


def first_day(unit, day):
    """The number of the unit that holds the day."""
    if unit == "1d":
        return day
    if unit == "1w":
        return day - datetime.timedelta(days=(day - MONDAY).days % 7)
    months = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12}[unit]
    return datetime.date(day.year, (day.month - 1) // months * months + 1, 1)


def next_unit(unit, first):
    if unit == "1d":
        return first + datetime.timedelta(days=1)
    if unit == "1w":
        return first + datetime.timedelta(days=7)
    months = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12}[unit]
    month = first.year * 12 + first.month - 1 + months
    return datetime.date(month // 12, month % 12 + 1, 1)


def shown(instant, zone):
    text = instant.astimezone(zone).isoformat()
    return text.replace("+00:00", "Z") if zone.key == "UTC" else text


def midnight(day, zone, last):
    """The first midnight that the day begins with, or the last that the day before ends with.
    Clocks put back to midnight itself show it twice, with nothing of the day before in between."""
    local = datetime.datetime.combine(day, datetime.time(), zone)
    twice = local.utcoffset() > local.replace(fold=1).utcoffset()
    second = local.replace(fold=1).astimezone(UTC)
    before = (second - datetime.timedelta(seconds=1)).astimezone(zone).date()
    return second if last and twice and before < day else local.astimezone(UTC)


def window_of(unit, instant, zone):
    first = first_day(unit, instant.astimezone(zone).date())
    return (shown(midnight(first, zone, last=False), zone),
            shown(midnight(next_unit(unit, first), zone, last=True), zone))


class ZoneTest(ProgramTest):
    def pipeline(self, window, *, key="[page]", aggregates="n: count\n  s: sum(x)",
                 path="events.jsonl", extra="", name="pipeline", archive="{path: archive}"):
        return self.write(f"{name}.yaml", f"name: pipeline\nkey: {key}\ntime: ts\n"
                          f"window: {{{window}}}\naggregates:\n  {aggregates}\n"
                          f"bootstrap: {{jsonl: {{path: '{path}'}}}}\n"
                          f"replay: {{archive: {archive}}}\nmax_ahead: 36525d\n"
                          f"state: {{rocksdb: {{path: state/{name}}}}}\n{extra}\n")

    def write_times(self, instants, name="events.jsonl"):
        self.events = [{"page": f"/{i % 3}", "x": i, "ts": instant.isoformat()}
                       for i, instant in enumerate(instants)]
        return self.write_events(name, self.events)

    def instant(self, text, zone="UTC"):
        return datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))

    def random_instants(self, count, first=1970, last=2100):
        begin, end = (datetime.datetime(year, 1, 1, tzinfo=UTC) for year in (first, last))
        span = int((end - begin).total_seconds())
        return [begin + datetime.timedelta(seconds=self.random.randrange(span))
                for _ in range(count)]

    def windows(self, *arguments):
        return [row["window"][:10] for row in self.succeed("query", *arguments).rows()]

    def dumped(self, file):
        return {(row["key"]["page"], row["window"], row["window_end"]): (row["n"], row["s"])
                for row in self.succeed("dump", file).rows()}

    def expected(self, unit, zone):
        answers = collections.Counter(), collections.Counter()
        for event in self.events:
            instant = datetime.datetime.fromisoformat(event["ts"])
            key = (event["page"], *window_of(unit, instant, zone))
            answers[0][key] += 1
            answers[1][key] += event["x"]
        return {key: (n, answers[1][key]) for key, n in answers[0].items()}


class CalendarTest(ZoneTest):
    def near_changes(self, zone):
        """Instants of a year in which the clocks change, and within an hour of a change."""
        year = self.random.choice([2010, 2011, 2018, 2024, 2026, 2060])
        instants = self.random_instants(EVENTS // 2, year, year + 1)
        hours = [datetime.datetime(year, 1, 1, tzinfo=UTC) + datetime.timedelta(hours=h)
                 for h in range(8784)]
        offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
        changes = [hours[i] for i in range(1, len(hours)) if offsets[i] != offsets[i - 1]]
        for change in changes or hours[:1]:
            instants += [change + datetime.timedelta(seconds=self.random.randrange(-7200, 7200))
                         for _ in range(EVENTS // 4)]
        self.random.shuffle(instants)
        return instants

    def test_every_unit_in_zones_whose_clocks_change(self):
        for run in range(RUNS):
            zone = zoneinfo.ZoneInfo(ZONES[run % len(ZONES)] if LONG else
                                     self.random.choice(ZONES))
            self.write_times(self.near_changes(zone))
            for unit in UNITS:
                with self.subTest(zone=zone.key, unit=unit):
                    file = self.pipeline(f"every: {unit}, zone: {zone.key}", name=f"p{run}{unit}")
                    self.succeed("bootstrap", file, "--quiet")
                    self.assertEqual(self.dumped(file), self.expected(unit, zone))

    def test_without_a_zone_the_calendar_is_that_of_utc(self):
        zone = zoneinfo.ZoneInfo("UTC")
        self.write_times(self.random_instants(500))
        for unit in UNITS[1:]:
            file = self.pipeline(f"every: {unit}", name=unit)
            self.succeed("bootstrap", file, "--quiet")
            self.assertEqual(self.dumped(file), self.expected(unit, zone))
            # The same, written with its name: one identity.
            self.pipeline(f"every: {unit}, zone: UTC", name=unit)
            self.assertIn("COMPLETE already", self.succeed("bootstrap", file).err)

    def test_hours_are_true_hours_shown_in_the_zone(self):
        self.write_times(map(self.instant, ["2026-10-25T00:10:00", "2026-10-25T00:50:00",
                                            "2026-10-25T01:10:00"]))
        file = self.pipeline("every: 1h, zone: Europe/Berlin")
        self.succeed("bootstrap", file, "--quiet")
        rows = [(row["window"], row["window_end"], row["n"])
                for row in self.succeed("query", file, "/0", "/1", "/2").rows()]
        self.assertEqual(rows, [
            ("2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", 1),
            ("2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", 1),
            ("2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00", 1)])
        half = self.pipeline("every: 1h, zone: Asia/Kolkata", name="half")
        self.succeed("bootstrap", half, "--quiet")
        self.assertEqual(self.succeed("query", half, "/0").rows()[0]["window"],
                         "2026-10-25T05:30:00+05:30")

    def test_fixed_windows_say_nothing_new(self):
        self.write_times([self.instant("2026-03-01T12:00:00")])
        file = self.pipeline("every: 7d, offset: 4d")
        self.succeed("bootstrap", file, "--quiet")
        self.assertEqual(self.succeed("dump", file).rows(), [
            {"key": {"page": "/0"}, "window": "2026-02-23T00:00:00Z", "n": 1, "s": 0}])

    def test_other_formats_show_the_windows_begin(self):
        self.write_times([self.instant("2026-03-29T12:00:00")])
        file = self.pipeline("every: 1d, zone: Europe/Berlin")
        self.succeed("bootstrap", file, "--quiet")
        csv = self.succeed("dump", file, "--format", "csv").out
        self.assertEqual(csv, "page,window,n,s\n/0,2026-03-29T00:00:00+01:00,1,0\n")

    def test_rollups_each_have_their_windows(self):
        self.write_times(self.random_instants(300, 2026, 2027))
        file = self.pipeline("every: 1mo, zone: Asia/Tokyo", key="[[page], []]")
        self.succeed("bootstrap", file, "--quiet")
        sums = collections.Counter()
        for row in self.succeed("dump", file).rows():
            sums[row["window"], len(row["key"])] += row["n"]
        for (window, parts), n in sums.items():
            self.assertEqual(sums[window, 1 - parts], n)

    def test_what_was_1w_of_fixed_length_is_another_pipeline(self):
        self.write_times([self.instant("2026-03-01T12:00:00")])
        file = self.pipeline("every: 7d")
        self.succeed("bootstrap", file, "--quiet")
        self.pipeline("every: 1w")
        self.assertIn("window.every: 7d → 1w", self.fail_with(1, "bootstrap", file).err)


class QueryTest(ZoneTest):
    def test_a_length_is_so_many_windows(self):
        # Clocks skipped 2011-12-30; seven windows include it.
        self.write_times(self.instant(f"{day}T12:00:00", "Pacific/Apia") for day in [
            "2011-12-25", "2011-12-26", "2011-12-27", "2011-12-28", "2011-12-29", "2011-12-31",
            "2012-01-01"] for _ in range(3))
        file = self.pipeline("every: 1d, zone: Pacific/Apia")
        self.succeed("bootstrap", file, "--quiet")
        self.assertEqual(self.windows(file, "/0", "--window", "7d"),
                         ["2011-12-26", "2011-12-27", "2011-12-28", "2011-12-29", "2011-12-31",
                          "2012-01-01"])
        self.assertEqual(self.windows(file, "/0", "--window", "2d", "--as-of", "2011-12-31"),
                         ["2011-12-31"])
        self.assertEqual(self.windows(file, "/0", "--window", "1mo", "--as-of",
                                      "2012-01-26T00:00:00+14:00"),
                         ["2011-12-27", "2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"])
        total = self.succeed("query", file, "/0", "--window", "3d", "--total").rows()
        self.assertEqual([(row["window"], row["window_end"], row["n"]) for row in total],
                         [(None, None, 2)])
        self.assertIn("days, weeks, months or years",
                      self.fail_with(2, "query", file, "/0", "--window", "36h").err)

    def test_borders_are_dates_of_the_zone_or_instants(self):
        self.write_times(self.instant(f"2026-03-{day:02}T00:00:00", "Europe/Berlin")
                         for day in range(27, 32) for _ in range(3))
        file = self.pipeline("every: 1d, zone: Europe/Berlin")
        self.succeed("bootstrap", file, "--quiet")
        for borders, expected in [
                (["--from", "2026-03-29"], [29, 30, 31]),
                (["--to", "2026-03-29"], [27, 28]),
                (["--from", "2026-03-28", "--to", "2026-03-30"], [28, 29]),
                (["--from", "2026-03-29T22:00:00Z"], [30, 31]),
                (["--from", "2026-03-29T21:59:59Z"], [29, 30, 31]),
                (["--to", "2026-03-29T22:00:00Z"], [27, 28, 29]),
                (["--to", "2026-03-29T22:00:00.000001Z"], [27, 28, 29, 30]),
                (["--from", "2026-03-30T00:00:00"], [30, 31]),
                (["--from", "2026-03-29T23:59:59", "--to", "20260331"], [29, 30])]:
            self.assertEqual(self.windows(file, "/0", *borders),
                             [f"2026-03-{day}" for day in expected], borders)

    def test_months_by_dates(self):
        self.write_times(self.instant(f"2026-{month:02}-15T00:00:00") for month in range(1, 13)
                         for _ in range(3))
        file = self.pipeline("every: 1mo, zone: America/New_York")
        self.succeed("bootstrap", file, "--quiet")
        months = lambda *borders: [int(day[5:7]) for day in self.windows(file, "/0", *borders)]
        self.assertEqual(months("--window", "3mo"), [10, 11, 12])
        self.assertEqual(months("--window", "1y"), list(range(1, 13)))
        self.assertEqual(months("--from", "2026-03-31", "--to", "2026-05-01"), [3, 4])
        self.assertEqual(months("--from", "2026-03-01", "--to", "2026-05-02"), [3, 4, 5])

    def test_a_day_of_two_spans_is_one_window(self):
        """00:01 of the 7th is followed by 23:01 of the 6th."""
        zone = zoneinfo.ZoneInfo("America/St_Johns")
        begin = datetime.datetime(2010, 11, 7, 2, 20, tzinfo=UTC)
        self.write_times(begin + datetime.timedelta(seconds=i) for i in range(7200))
        for order in (1, -1):
            self.events.reverse()
            self.write_events("events.jsonl", self.events)
            file = self.pipeline("every: 1d, zone: America/St_Johns", name=f"order{order % 3}")
            self.succeed("bootstrap", file, "--quiet")
            self.assertEqual(self.dumped(file), self.expected("1d", zone))
            self.assertEqual([row[:2] for row in self.dumped(file)][:2],
                             [("/0", "2010-11-06T00:00:00-02:30"),
                              ("/0", "2010-11-07T00:00:00-02:30")])

    def test_a_replay_of_dates_is_one_of_the_zones(self):
        (self.directory / "archive").mkdir()
        self.write_times((self.instant(f"2026-03-{day:02}T00:00:00", "Europe/Berlin")
                          for day in range(27, 32)), "archive/events.jsonl")
        file = self.pipeline("every: 1d, zone: Europe/Berlin")
        self.succeed("replay", file, "--from", "2026-03-28", "--to", "2026-03-30", "--quiet")
        self.assertEqual(sorted(row["window"][:10] for row in self.succeed("dump", file).rows()),
                         ["2026-03-28", "2026-03-29"])


    def test_objects_that_a_date_leaves_out_are_those_of_the_zone(self):
        """Firehose names its objects by hours of UTC."""
        hours = [datetime.datetime(2026, 3, 28, 20, tzinfo=UTC) + datetime.timedelta(hours=h)
                 for h in range(30)]
        for hour in hours:
            name = f"{hour:%Y/%m/%d/%H}/events-1-{hour:%Y-%m-%d-%H}-05-00-" \
                   "0d3aa9c1-6c6d-4a26-9d8f-b22f5c3b0c11"
            self.write_times([hour + datetime.timedelta(minutes=1)], f"archive/{name}")
        file = self.pipeline("every: 1d, zone: Europe/Berlin",
                             archive="{path: archive, layout: firehose, lag: 5m}")
        outcome = self.succeed("replay", file, "--from", "2026-03-29", "--to", "2026-03-30",
                               "--format", "json")
        rows = self.succeed("dump", file).rows()
        self.assertEqual([(row["window"], row["n"]) for row in rows],
                         [("2026-03-29T00:00:00+01:00", 23)])
        # The others were not even read.
        self.assertLess(json.loads(outcome.out)["records_this_run"], len(hours))


class KeepTest(ZoneTest):
    def test_a_floor_of_units(self):
        days = [datetime.date(2026, 1, 1) + datetime.timedelta(days=i) for i in range(90)]
        noon = lambda day: datetime.datetime.combine(day, datetime.time(12), UTC)
        for window, first in [("every: 1d, zone: UTC, keep: 1mo", "2026-02-28"),
                              ("every: 1d, zone: Europe/Berlin, keep: 30d", "2026-03-01"),
                              ("every: 1mo, keep: 1mo", "2026-02-01"),
                              ("every: 1w, keep: 2w", "2026-03-16"),
                              ("every: 3mo, keep: 1y", "2026-01-01"),
                              ("every: 1d, keep: 1mo", "2026-02-27")]:
            with self.subTest(window):
                name = window.translate(str.maketrans(" :,/", "____"))
                self.write_times(map(noon, days), f"{name}.jsonl")
                file = self.pipeline(window, key="[]", path=f"{name}.jsonl", name=name)
                self.succeed("bootstrap", file, "--quiet")
                windows = [row["window"][:10] for row in self.succeed("dump", file).rows()]
                self.assertEqual(windows[0], first)
                self.assertEqual(self.succeed("dump", file).rows()[-1]["window"][:7],
                                 "2026-01" if "3mo" in window else "2026-03")

    def test_what_is_kept_may_change(self):
        self.write_times(self.random_instants(200, 2025, 2026))
        file = self.pipeline("every: 1mo, keep: 3mo", key="[]")
        self.succeed("bootstrap", file, "--quiet")
        self.assertEqual(len(self.succeed("dump", file).rows()), 4)
        self.pipeline("every: 1mo, keep: 2mo", key="[]")
        self.assertEqual(len(self.succeed("dump", file).rows()), 3)

    def test_late_events_of_a_window_that_has_expired_are_counted_as_such(self):
        self.write_times(self.instant(f"2026-{month:02}-15T00:00:00") for month in (5, 6, 4, 3, 2))
        file = self.pipeline("every: 1mo, keep: 2mo", key="[]")
        self.succeed("bootstrap", file, "--quiet")
        dump = self.succeed("dump", file).rows()
        self.assertEqual([row["window"][:7] for row in dump], ["2026-04", "2026-05", "2026-06"])


class FunctionTest(ZoneTest):
    def test_the_clocks_of_a_zone(self):
        parts = {"year": lambda t: t.year, "quarter": lambda t: (t.month + 2) // 3,
                 "month": lambda t: t.month, "day": lambda t: t.day, "hour": lambda t: t.hour,
                 "minute": lambda t: t.minute, "second": lambda t: t.second,
                 "day_of_week": lambda t: t.isoweekday(),
                 "day_of_year": lambda t: t.timetuple().tm_yday,
                 "iso_week": lambda t: t.isocalendar().week,
                 "date": lambda t: f"{t.date().isoformat()}T00:00:00Z"}
        instants = self.random_instants(EVENTS)
        self.write_times(instants)
        for name in self.random.sample(ZONES, 4):
            keys = ", ".join(f"{{{part}: \"{part}(ts, '{name}')\"}}" for part in parts)
            file = self.write("functions.yaml", f"name: f\nkey: [{keys}]\naggregates: {{n: count}}\n"
                              "bootstrap: {jsonl: {path: events.jsonl}}\n"
                              f"state: {{rocksdb: {{path: state/{name}}}}}\n")
            self.succeed("bootstrap", file, "--quiet")
            dumped = {tuple(row["key"].values()): row["n"]
                      for row in self.succeed("dump", file).rows()}
            zone = zoneinfo.ZoneInfo(name)
            expected = collections.Counter(
                tuple(part(instant.astimezone(zone)) for part in parts.values())
                for instant in instants)
            self.assertEqual(dumped, expected)

    def test_a_zone_must_be_written_out_and_exist(self):
        self.write_times([self.instant("2026-03-01T12:00:00")])
        for call, error in [("hour(ts, 'Europe/Berln')", "did you mean 'Europe/Berlin'?"),
                            ("hour(ts, page)", "hour(time, 'zone')"),
                            ("hour(ts, 'UTC', 1)", "expected hour(time, 'zone')")]:
            file = self.pipeline("every: 1d", key=f'[{{h: "{call}"}}]')
            self.assertIn(error, self.fail_with(2, "check", file).err)


class RulesTest(ZoneTest):
    """A version keeps the zone rules that it began with."""

    def replaced_rules(self, name, by):
        """A database in which the zone has the rules of another."""
        there = self.directory / "zoneinfo"
        path = there / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pathlib.Path("/usr/share/zoneinfo") / by, path)
        return unittest.mock.patch.dict(os.environ, TZDIR=str(there))

    def test_a_version_goes_on_by_its_own(self):
        zone = zoneinfo.ZoneInfo("Europe/Berlin")
        count = 40_000
        self.write_times(self.random_instants(count, 2026, 2027))
        lines = [json.dumps(event) for event in self.events]
        lines.insert(count // 4, "no record")
        self.write("events.jsonl", "\n".join(lines) + "\n")
        key = "[page, {d: \"date(ts, 'Europe/Berlin')\"}]"
        file = self.pipeline("every: 1d, zone: Europe/Berlin", key=key)
        self.fail_with(1, "bootstrap", file, "--quiet", "--threads", "1")
        self.assertLess(0, self.status(file)["records"])
        self.assertLess(self.status(file)["records"], count)
        with self.replaced_rules("Europe/Berlin", "Asia/Tokyo"):
            self.assertIn("differ from", self.status(file)["time_zones"]["Europe/Berlin"])
            self.succeed("bootstrap", file, "--quiet", "--max-errors", "1")
            for row in (rows := self.succeed("dump", file).rows()):
                self.assertEqual(row["window"][:10], row["key"]["d"][:10])
            total = collections.Counter()
            for row in rows:
                total[row["key"]["page"], row["window"], row["window_end"]] += row["n"]
            self.assertEqual(total, {key: n for key, (n, _) in self.expected("1d", zone).items()})
            # A new version takes the new ones.
            self.succeed("bootstrap", file, "--fresh", "--quiet", "--max-errors", "1")
            self.assertNotIn("time_zones", self.status(file))
            self.assertTrue(all(row["window"].endswith("+09:00")
                                for row in self.succeed("dump", file).rows()))
        self.assertIn("time_zones", self.status(file))

    def test_a_database_without_the_zone_is_told(self):
        self.write_times([self.instant("2026-03-01T12:00:00")])
        file = self.pipeline("every: 1d, zone: Europe/Berlin")
        self.succeed("bootstrap", file, "--quiet")
        with unittest.mock.patch.dict(os.environ, TZDIR=str(self.directory / "none")):
            self.assertIn("no such time zone", self.fail_with(2, "check", file).err)

    def test_zones_of_two_names_are_two_pipelines(self):
        self.write_times([self.instant("2026-03-01T12:00:00")])
        file = self.pipeline("every: 1d, zone: Europe/Berlin")
        self.succeed("bootstrap", file, "--quiet")
        self.pipeline("every: 1d, zone: Europe/Paris")
        self.assertIn("window.zone: Europe/Berlin → Europe/Paris",
                      self.fail_with(1, "bootstrap", file).err)


class DefinitionTest(ZoneTest):
    def test_any_every_zone_and_keep_is_taken_or_refused_with_a_remedy(self):
        """An accepted zone shows three windows, and answers queries."""
        every = ["1d", "1w", "1mo", "3mo", "6mo", "1y", "2d", "7d", "14d", "24h", "1h", "90m", "36h",
                 "2w", "5mo", "12mo", "2y", "0d", "1d1h", "1mo1d", "mo", "1M", "1 d", "-1d", "1.5d"]
        zones = ["", "UTC", "Europe/Berlin", "Asia/Kathmandu", "Etc/GMT+12", "berlin", "+01:00",
                 "../UTC", "right/UTC", "EST5EDT", "''", "[UTC]"]
        keep = ["", "1d", "90d", "13mo", "1y", "2w", "36h", "1h", "0d", "1y6mo", "6mo1y", "999999y",
                "1mo15d", "x"]
        offset = ["", "", "", "4d", "1h", "0s", "30d"]
        self.write_times([self.instant("2026-03-01T12:00:00")])
        for i in range(DEFINITIONS):
            parts = {"every": self.random.choice(every), "zone": self.random.choice(zones),
                     "keep": self.random.choice(keep), "offset": self.random.choice(offset)}
            window = ", ".join(f"{name}: {value}" for name, value in parts.items() if value)
            with self.subTest(window):
                file = self.pipeline(window, name=f"p{i}")
                outcome = self.murmur("check", file)
                if outcome.code != 0:
                    self.assertEqual(outcome.code, 2, outcome.err)
                    self.assertIn(".yaml:4:", outcome.err)
                    self.assertFalse(parts["every"] in UNITS and not parts["offset"] and
                                     parts["zone"] in ("", "UTC", "Europe/Berlin") and
                                     parts["keep"] in ("", "1d", "90d", "13mo", "1y"),
                                     outcome.err)
                    continue
                self.assertEqual(outcome.out.count(" to "), 3, outcome.out)
                self.succeed("bootstrap", file, "--quiet")
                self.assertEqual(len(self.succeed("dump", file).rows()), 1)


if __name__ == "__main__":
    main()
