"""Replay of archives: what each sink leaves in a bucket, and what goes wrong there.

Archives come from tests/archives/writers.py, which knows the records before they are written.
"""

import collections
import contextlib
import datetime
import decimal
import fcntl
import itertools
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import writers
from program import LONG, PROGRAM, RUN_SECONDS_MAX, ProgramTest, main
from s3_server import S3Server
from writers import (Cut, aiven, by_the_clock, cut_log, dynamodb_export, even_cuts, firehose, hive,
                     in_another_hour, kafka_connect, kafka_log, make_records, msk_delivery, plain,
                     with_a_short_last, with_overlap, with_recuts, without)

KILLS = 50 if LONG else 5
HOUR = 3600
COLUMNS = {"key": "[page]", "time": "ts", "x": "x", "amount": "amount"}
ITEM = {"key": "[{page: Item.page.S}]", "time": "Item.ts.S", "x": "cast(Item.x.N as int64)",
        "amount": "Item.amount.N"}
NEW_IMAGE = {name: text.replace("Item", "NewImage") for name, text in ITEM.items()}


def totals(records):
    """What a replay must answer: by page and day, how many, and the sums."""
    answer = collections.defaultdict(lambda: [0, 0, decimal.Decimal(0)])
    for record in records:
        entry = answer[record["page"], record["ts"][:10]]
        entry[0] += 1
        entry[1] += record["x"]
        entry[2] += decimal.Decimal(record["amount"])
    return dict(answer)


def store_objects(golden, directory):
    for key, body in golden.objects.items():
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


class ArchiveTest(ProgramTest):
    def definition(self, name, *, columns=COLUMNS, path=None, options="", extra=()):
        """A definition for the archive in the directory `name`."""
        # Amounts are text in the records, as exact decimals are.
        lines = [f"name: {name}", f"key: {columns['key']}", f"time: {columns['time']}",
                 "window: {every: 1d}", "aggregates:", "  n: count", f"  s: sum({columns['x']})",
                 f"  a: sum(cast({columns['amount']} as decimal(2)), decimal=2)",
                 f"replay: {{archive: {{path: '{path or name}'{options}}}}}",
                 f"state: {{rocksdb: {{path: state/{name}}}}}", *extra]
        return self.write(f"{name}.yaml", "\n".join(lines) + "\n")

    def store(self, golden, name="archive", **how):
        store_objects(golden, self.directory / name)
        return self.definition(name, **how)

    def replay(self, file, *arguments):
        """The summary of a replay that succeeds."""
        return json.loads(self.succeed("replay", file, "--format", "json", "--quiet", "--partial",
                                       *arguments).out)

    def answers(self, file):
        return {(row["key"]["page"], row["window"][:10]):
                [row["n"], row["s"], decimal.Decimal(row["a"])]
                for row in self.succeed("dump", file).rows()}

    def check(self, golden, *arguments, expected=None, exact=True, layout=None, notes=(),
              at_least_once="", name="archive", **how):
        """Replays `golden`, and compares it with the expected result."""
        file = self.store(golden, name, **how)
        summary = self.replay(file, *arguments)
        expected = golden.counting if expected is None else expected
        self.assertEqual(self.answers(file), totals(expected))
        self.assertEqual(summary["status"], "complete")
        self.assertEqual(summary["dead_letters"], 0)
        self.assertEqual(summary["records"], len(expected))
        said = "\n".join(summary.get("notes", []))
        if exact:
            self.assertNotIn("at_least_once", summary)
        else:
            self.assertRegex(summary.get("at_least_once", "exact"), at_least_once or ".")
        if layout:
            self.assertRegex(said, rf"(?m)^{layout}: [\d,]+ of [\d,]+ names")
        for note in notes:
            self.assertRegex(said, note)
        self.assertEqual(self.status(file).get("at_least_once"), summary.get("at_least_once"))
        return file, summary


class KafkaConnectTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.log = kafka_log(make_records(1200), partitions=3)
        self.cuts = cut_log(self.log, 100)

    def check_dense(self, cuts, *arguments, log=None, layout="kafka-connect", name="archive",
                    topic="page_views", options="", notes=(), exact=True, **how):
        golden = kafka_connect(log or self.log, cuts, topic=topic, **how)
        file, summary = self.check(golden, *arguments, layout=layout, name=name, options=options,
                                   notes=notes, exact=exact)
        self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})
        return summary

    def test_the_default_partitioner_is_exact_and_says_where_it_ends(self):
        summary = self.check_dense(self.cuts)
        self.assertEqual(summary["range"], "all")

    def test_a_topics_dir_may_be_blank(self):
        self.check_dense(self.cuts, topics_dir="")

    def test_the_root_may_be_the_bucket_or_the_topic(self):
        golden = kafka_connect(self.log, {p: with_overlap(c) for p, c in self.cuts.items()})
        self.store(golden)
        for k, path in enumerate(("archive/topics/", "archive/topics/page_views",
                                  "archive/*/page_views/partition=*/*.json")):
            with self.subTest(path):
                file = self.definition(f"root{k}", path=path)
                self.assertNotIn("at_least_once", self.replay(file))
                self.assertEqual(self.answers(file), totals(golden.counting))
                self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})

    def test_every_ending_and_compression(self):
        for ending in writers.ENCODERS:
            with self.subTest(ending):
                self.check_dense(self.cuts, ending=ending, name=ending.replace(".", "_")[1:])

    def test_an_overlap_by_a_free_name_counts_once(self):
        self.check_dense({p: with_overlap(cuts) for p, cuts in self.cuts.items()},
                         notes=["3 objects repeat offsets of others; each offset counts once"])

    def test_an_object_that_reaches_further_than_a_short_last_one_gives_the_rest(self):
        self.check_dense({p: with_a_short_last(cuts) for p, cuts in self.cuts.items()})

    def test_an_overlap_of_several_objects(self):
        cuts = {p: [Cut(0, 300), Cut(1, 40), Cut(2, 290), Cut(120, 130), Cut(121, len(at))]
                for p, at in self.log.items()}
        self.check_dense(cuts)

    def test_offsets_that_were_cut_again_elsewhere_count_once(self):
        cuts = {p: with_recuts(some, 30, 370, 70) for p, some in self.cuts.items()}
        for ending in (".json", ".json.gz", ".snappy.parquet"):
            with self.subTest(ending):
                self.check_dense(cuts, ending=ending, name=f"again{ending.replace('.', '_')}")

    def any_cuts(self, log):
        """A log that is covered, plus some objects that start elsewhere."""
        cuts = {}
        for p, at in log.items():
            cuts[p] = even_cuts(0, len(at), self.random.randint(5, 60))
            for _ in range(self.random.randint(1, 8)):
                start = self.random.randrange(len(at))
                end = min(len(at), start + self.random.randint(1, 80))
                # One name is one object; the shorter one would take the longer one's place.
                if start not in {cut.start for cut in cuts[p]}:
                    cuts[p].append(Cut(start, end))
        return cuts

    def test_any_overlap_counts_every_offset_once(self):
        log = kafka_log(make_records(300), partitions=2)
        for attempt in range(40 if LONG else 8):
            self.check_dense(self.any_cuts(log), log=log, name=f"attempt{attempt}",
                             options=", offsets: dense",
                             ending=self.random.choice(list(writers.ENCODERS)))

    def test_any_overlap_that_is_not_proven_loses_nothing_and_says_so(self):
        log = kafka_log(make_records(300), partitions=2)
        for attempt in range(40 if LONG else 8):
            golden = kafka_connect(log, self.any_cuts(log))
            file = self.store(golden, f"auto{attempt}")
            summary = self.replay(file)
            answers, expected = self.answers(file), totals(golden.counting)
            if "at_least_once" not in summary:
                self.assertEqual(answers, expected)
            self.assertEqual(set(answers), set(expected))
            for key, (count, *_) in expected.items():
                self.assertGreaterEqual(answers[key][0], count)

    def test_any_overlap_with_rivals_in_other_hours_counts_every_offset_once(self):
        log = kafka_log(make_records(300), partitions=2)
        for attempt in range(40 if LONG else 8):
            cuts = self.any_cuts(log)
            for p, some in cuts.items():
                for cut in self.random.choices(some, k=5):
                    length = self.random.randint(1, 90)
                    some.append(Cut(cut.start, min(len(log[p]), cut.start + length)))
                self.random.shuffle(some)
                cuts[p] = by_the_clock(some, every=datetime.timedelta(hours=1))
            self.check_dense(cuts, log=log, name=f"attempt{attempt}", partitioner="hourly",
                             options=", offsets: dense",
                             ending=self.random.choice(list(writers.ENCODERS)))

    def test_row_groups_of_overlapping_parquet_objects_count_once(self):
        cuts = {p: with_a_short_last(with_recuts(with_overlap(some), 210, 333, 41))
                for p, some in self.cuts.items()}
        for rows in (1, 7, 64, 1000):
            with self.subTest(rows):
                self.check_dense(cuts, ending=".snappy.parquet", name=f"rows{rows}",
                                 encode=lambda some: writers.parquet(some, row_group=rows))

    def test_a_topic_may_hold_the_delimiter(self):
        for topic in ("web+clicks", "a+1", "a+0+0000000001", "+x+"):
            with self.subTest(topic):
                name = "topic" + "".join(c if c.isalnum() else "_" for c in topic)
                self.check_dense(self.cuts, topic=topic, name=name)

    def test_another_delimiter_is_told(self):
        golden = kafka_connect(self.log, self.cuts, delimiter="_", siblings=True)
        file = self.store(golden)
        self.assertIn("file_delimiter: '_'", self.fail_with(2, "replay", file).err)
        options = ", layout: kafka-connect, file_delimiter: _"
        self.check_dense(self.cuts, delimiter="_", siblings=True, options=options, name="told")

    def test_keys_and_headers_beside_the_values_are_not_counted(self):
        objects = sum(map(len, self.cuts.values()))
        for ending in (".json", ".json.gz", ".snappy.parquet"):
            with self.subTest(ending):
                self.check_dense(
                    self.cuts, siblings=True, ending=ending, name=f"with{ending.replace('.', '_')}",
                    notes=[rf"{objects} objects are left out, keys of another object: .*\.keys\.",
                           rf"{objects} objects are left out, headers of .*\.headers\."])

    def test_tombstones_are_left_out_and_offsets_are_no_longer_known(self):
        cuts = {p: even_cuts(0, len(at), 100) for p, at in self.log.items()}
        golden = kafka_connect(self.log, cuts, tombstones={17, 130, 250})
        file, _ = self.check(golden, exact=False, layout="kafka-connect",
                             at_least_once="offsets of records aren't known in 3 of 3 partitions",
                             notes=["9 objects are left out, tombstones: .*tombstone/"])
        self.assertIsNone(self.status(file)["handoff"])

    def test_offsets_beyond_ten_digits_are_in_order(self):
        log = kafka_log(make_records(900), partitions=2, first=9_999_999_850)
        cuts = cut_log(log, 60)
        self.check_dense({p: with_overlap(some) for p, some in cuts.items()}, log=log)

    def test_another_width_of_offsets(self):
        for width in (1, 4, 20):
            with self.subTest(width):
                self.check_dense(self.cuts, width=width, name=f"width{width}")

    def test_a_gap_is_told_and_the_rest_counts(self):
        cuts = self.cuts | {0: without(self.cuts[0], 100, 300)}
        notes = [r"offsets \[100, 300\) of page_views/0 are in no object"]
        self.check_dense(cuts, notes=notes, options=", offsets: dense", name="dense")
        # Where some are missing the last object may have holes too.
        file, _ = self.check(kafka_connect(self.log, cuts), notes=notes)
        self.assertIsNone(self.status(file)["handoff"])

    def test_a_gap_beside_an_overlap_is_exact_only_where_it_is_proven(self):
        cuts = self.cuts | {0: with_overlap(without(self.cuts[0], 200, 300))}
        golden = kafka_connect(self.log, cuts)
        notes = [r"offsets \[200, 300\) of page_views/0 are in no object"]
        self.check(golden, exact=False, at_least_once="offsets are missing", notes=notes,
                   options=", offsets: dense", name="dense")
        self.check(golden, notes=notes)  # proven: what is in two objects begins where it should

    def test_wall_clock_hours_are_at_least_once_and_say_why(self):
        cuts = {p: in_another_hour(by_the_clock(some), 1) for p, some in self.cuts.items()}
        golden = kafka_connect(self.log, cuts, partitioner="hourly")
        file, _ = self.check(golden, expected=golden.written, exact=False, layout="kafka-connect",
                             at_least_once="3 objects start where another does")
        self.assertIsNone(self.status(file)["handoff"])

    def test_dense_wall_clock_hours_are_exact_when_told_so(self):
        cuts = {p: with_a_short_last(in_another_hour(by_the_clock(some), 1))
                for p, some in self.cuts.items()}
        for some in cuts.values():
            some[-1] = some[-1].at(some[-2].flushed + datetime.timedelta(hours=2))
        self.check_dense(cuts, partitioner="hourly", options=", offsets: dense")

    def test_a_rival_in_another_hour_that_holds_more_gives_the_rest(self):
        cuts = {p: by_the_clock(some) for p, some in self.cuts.items()}
        for p, some in cuts.items():
            later = some[-1].flushed + datetime.timedelta(hours=3)
            short = Cut(some[-1].start, some[-1].end - 3, later)
            cuts[p] = [*some, short, Cut(some[2].start, some[2].end + 40, later)]
        self.check_dense(cuts, partitioner="hourly", options=", offsets: dense")
        # Bytes don't tell records: here the rival with fewer is the longer one.
        def padded(some):
            padding = "x" * (2000 if len(some) == 97 else 0)
            return writers.json_lines([record | {"padding": padding} for record in some])

        self.check_dense(cuts, partitioner="hourly", options=", offsets: dense", encode=padded,
                         name="padded")

    def test_hours_of_the_record_are_not_dense(self):
        golden = kafka_connect(self.log, self.cuts, partitioner="hourly-record")
        file, _ = self.check(golden, exact=False, layout="kafka-connect",
                             at_least_once="offsets of records aren't known")
        self.assertIsNone(self.status(file)["handoff"])

    def test_the_field_partitioner_whose_values_hold_slashes_and_nulls(self):
        golden = kafka_connect(self.log, self.cuts, partitioner="field", field="country")
        self.assertTrue(any("country=a/b/" in name for name in golden.objects))
        self.assertTrue(any("country=null/" in name for name in golden.objects))
        file, _ = self.check(golden, exact=False, layout="kafka-connect",
                             at_least_once="offsets of records aren't known in 3 of 3 partitions")
        self.assertIsNone(self.status(file)["handoff"])

    def test_a_field_that_is_called_partition_is_not_dense(self):
        records = [record | {"partition": i % 2} for i, record in enumerate(make_records(400))]
        log = kafka_log(records, partitions=2)
        golden = kafka_connect(log, cut_log(log, 50), partitioner="field", field="partition")
        self.check(golden, exact=False, at_least_once="offsets of records aren't known")

    def test_two_topics_each_end_where_they_end(self):
        views = kafka_connect(self.log, {p: with_overlap(c) for p, c in self.cuts.items()})
        other = kafka_log(make_records(200, first=5000), partitions=1)
        orders = kafka_connect(other, cut_log(other, 30), topic="orders")
        both = writers.Golden(views.objects | orders.objects, views.counting + orders.counting)
        file, _ = self.check(both, layout="kafka-connect")
        self.assertEqual(self.status(file)["handoff"],
                         {"kafka:page_views": views.ends(), "kafka:orders": orders.ends()})

    def test_a_topic_that_begins_like_a_hidden_file_has_records(self):
        views = kafka_connect(self.log, self.cuts)
        other = kafka_log(make_records(200, first=5000), partitions=1)
        hidden = kafka_connect(other, cut_log(other, 30), topic="_events")
        self.check(writers.Golden(views.objects | hidden.objects,
                                  views.counting + hidden.counting))

    def test_sparse_as_told_reads_objects_whole(self):
        golden = kafka_connect(self.log, {p: with_overlap(c) for p, c in self.cuts.items()})
        self.check(golden, expected=golden.written, exact=False, options=", offsets: sparse",
                   at_least_once="offsets of records aren't known in 3 of 3")

    def test_an_id_counts_what_is_written_twice_once(self):
        cuts = {p: in_another_hour(by_the_clock(some), 1) for p, some in self.cuts.items()}
        golden = kafka_connect(self.log, cuts, partitioner="hourly")
        self.check(golden, extra=["id: id"])

    def test_a_damaged_name_is_left_out_and_named(self):
        golden = kafka_connect(kafka_log(make_records(400)), {0: even_cuts(0, 400, 10)})
        golden.objects["topics/page_views/README.txt"] = b"by hand\n"
        self.check(golden, layout="kafka-connect",
                   notes=["1 object is left out, other names are .*: .*README.txt"])


class HolesTest(ArchiveTest):
    """Offsets without records, such as omitted tombstones, together with overlaps. The oracle is
    what was written: every other offset has one record."""

    def replay_of(self, objects, options="", extra=""):
        shutil.rmtree(self.directory / "topics", ignore_errors=True)
        shutil.rmtree(self.directory / "state", ignore_errors=True)
        for offsets in objects:
            self.write(f"topics/t/partition=0/t+0+{offsets[0]:010d}.json", "".join(
                json.dumps({"k": "a", "x": offset}) + "\n" for offset in offsets))
        file = self.write("holes.yaml", "name: holes\nkey: [x]\naggregates: {n: count}\n"
                          f"replay: {{archive: {{path: topics{options}}}}}\n"
                          f"state: {{rocksdb: {{path: state}}}}\n{extra}")
        summary = self.replay(file)
        counts = {row["key"]["x"]: row["n"] for row in self.succeed("dump", file).rows()}
        self.assertEqual(set(counts), {x for offsets in objects for x in offsets}, "lost")
        return counts, summary, self.status(file)["handoff"]

    def test_what_may_count_twice_is_called_so(self):
        for objects in ([[0, 2, 3, 4], [3, 4, 5]],  # more records than offsets
                        [[0, 2, 3], [3, 4, 5]],     # as many, by accident
                        [[0, 2, 3, 4, 5], [3, 4]]):  # the later one is shorter
            counts, summary, handoff = self.replay_of(objects)
            self.assertRegex(summary["at_least_once"], "offsets of single records are not known")
            self.assertGreater(max(counts.values()), 1)
            self.assertIsNone(handoff)
            counts, summary, _ = self.replay_of(objects, extra="id: x\n")
            self.assertNotIn("at_least_once", summary)
            self.assertEqual(set(counts.values()), {1})

    def test_holes_without_overlaps_and_overlaps_without_holes_are_exact(self):
        for objects, handoff in (([[0, 2], [3, 4, 5]], None),
                                 ([[0, 1, 2, 3, 4], [3, 4, 5]], {"kafka": {"0": "6"}}),
                                 ([[0, 1, 2, 3, 4, 5], [2, 3]], {"kafka": {"0": "6"}}),
                                 ([[0, 1, 2, 3, 4, 5], [2, 3], [6, 7]], {"kafka": {"0": "8"}})):
            counts, summary, said = self.replay_of(objects)
            self.assertNotIn("at_least_once", summary)
            self.assertEqual(set(counts.values()), {1}, objects)
            self.assertEqual(said, handoff, objects)


class OffsetRangeTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.log = kafka_log(make_records(900), partitions=2)
        self.cuts = {p: with_a_short_last(with_recuts(with_overlap(some), 150, 260, 33))
                     for p, some in cut_log(self.log, 100).items()}
        self.golden = kafka_connect(self.log, self.cuts)
        self.file = self.store(self.golden, options=", offsets: dense")

    def test_borders_inside_objects_are_proven_but_for_the_last(self):
        file = self.definition("proven", path="archive")
        self.cut({0: (100, 200), 1: (99, 101)}, file)
        self.cut({0: (0, 1), 1: (150, 151)}, file)
        last = max(cut.start for cut in self.cuts[0])
        summary = self.replay(file, "--from", "0:0,1:0", "--to", f"0:{last + 2},1:100")
        self.assertRegex(summary["at_least_once"], "a border of the range lies in it")
        expected = self.golden.between({0: (0, last + 2), 1: (0, 100)})
        self.assertGreaterEqual(summary["records"], len(expected))

    def cut(self, ranges, file=None):
        options = []
        for option, side in (("--from", 0), ("--to", 1)):
            borders = [f"{p}:{r[side]}" for p, r in ranges.items() if r[side] is not None]
            options += [option, ",".join(borders)] if borders else []
        summary = self.replay(file or self.file, *options)
        lengths = {p: max(at) + 1 for p, at in self.golden.offsets.items()}
        whole = {p: (r[0] or 0, lengths[p] if r[1] is None else r[1]) for p, r in ranges.items()}
        expected = self.golden.between(whole)
        self.assertEqual(self.answers(file or self.file), totals(expected), ranges)
        self.assertEqual(summary["records"], len(expected))
        self.assertNotIn("at_least_once", summary)
        ends = {str(p): str(min(end, lengths[p])) for p, (_, end) in whole.items()}
        self.assertEqual(self.status(file or self.file)["handoff"], {"kafka": ends}, ranges)
        return summary

    def test_borders_on_objects_and_inside_them(self):
        summary = self.cut({0: (100, 200), 1: (99, 101)})
        self.assertRegex(summary["range"], r"^offsets 0: \[100, 200\),? 1: \[99, 101\)$")
        self.cut({0: (0, 1), 1: (150, 151)})
        self.cut({0: (101, 102), 1: (149, 300)})
        self.cut({0: (250, None), 1: (0, None)})
        self.cut({0: (None, 250), 1: (None, 1)})

    def test_a_range_that_one_partition_has_no_part_in(self):
        self.cut({0: (50, 120), 1: (70, 70)})

    def test_any_borders(self):
        for _ in range(60 if LONG else 12):
            ranges = {}
            for p, at in self.log.items():
                begin = self.random.randrange(len(at))
                ranges[p] = (begin, self.random.randrange(begin, len(at) + 1))
            self.cut(ranges)

    def test_any_borders_in_parquet(self):
        self.golden = kafka_connect(self.log, self.cuts, ending=".snappy.parquet",
                                    encode=lambda some: writers.parquet(some, row_group=9))
        file = self.store(self.golden, "columns", options=", offsets: dense")
        for _ in range(30 if LONG else 6):
            begin = self.random.randrange(1, 250)
            self.cut({0: (begin, begin + 77), 1: (begin - 1, begin + 3)}, file)

    def test_a_range_that_only_a_far_reaching_object_holds(self):
        # Written before the connector came back, far longer than all that was written after.
        self.golden = kafka_connect(self.log, {p: [Cut(0, 10), Cut(10, len(at)), Cut(11, 30)]
                                               for p, at in self.log.items()})
        file = self.store(self.golden, "far", options=", offsets: dense")
        self.cut({0: (5, 25), 1: (29, 31)}, file)
        self.cut({0: (200, 300), 1: (250, None)}, file)

    def test_two_halves_are_the_whole(self):
        parts = []
        for options in (["--to", "0:123,1:207"], ["--from", "0:123,1:207"]):
            self.replay(self.file, *options)
            parts.append(self.answers(self.file))
        merged = {key: [sum(values) for values in zip(*(p[key] for p in parts if key in p))]
                  for key in parts[0] | parts[1]}
        self.assertEqual(merged, totals(self.golden.counting))

    def test_a_range_behind_the_end_takes_what_there_is_and_tells_the_rest(self):
        last = max(self.log[0]) + 1
        summary = self.cut({0: (last - 10, last + 1000), 1: (0, 10)})
        self.assertIn(f"offsets [{last}, {last + 1000}) of page_views/0 are in no object",
                      "\n".join(summary["notes"]))

    def test_a_range_before_the_archive_is_refused(self):
        log = kafka_log(make_records(300), first=500)
        file = self.store(kafka_connect(log, cut_log(log, 100)), "late")
        err = self.fail_with(1, "replay", file, "--from", "0:400").err
        self.assertIn("the archive begins at offset 500, not at 400", err)
        self.assertFalse(self.succeed("replay", file).out)

    def test_every_partition_needs_its_range(self):
        self.assertIn("none for partition 1",
                      self.fail_with(2, "replay", self.file, "--from", "0:10").err)
        self.assertIn("no partition 7", self.fail_with(1, "replay", self.file, "--from",
                                                       "0:1,1:1,7:1").err)

    def test_a_border_inside_an_object_needs_known_offsets(self):
        golden = kafka_connect(self.log, cut_log(self.log, 100), partitioner="field",
                               field="country")
        file = self.store(golden, "by_field")
        err = self.fail_with(2, "replay", file, "--from", "0:137,1:0").err
        self.assertIn("inside the object that starts at", err)
        self.assertIn("Cut on object borders", err)
        starts = sorted(int(name.split("+")[2][:10]) for name in golden.objects if "+0+" in name)
        summary = self.replay(file, "--from", f"0:{starts[5]},1:0")
        self.assertIn("cut on object borders", summary["at_least_once"])

    def test_sinks_without_offsets_are_cut_by_times(self):
        file = self.store(plain(make_records(100)), "no_offsets")
        self.assertIn("give times instead", self.fail_with(2, "replay", file, "--to", "0:5").err)

    def test_times_and_offsets_do_not_mix(self):
        self.assertIn("times for both", self.fail_with(
            2, "replay", self.file, "--from", "0:5,1:5", "--to", "2026-03-02T00:00:00Z").err)


class TimeRangeTest(ArchiveTest):
    """Records are ten minutes apart, over four days."""

    def setUp(self):
        super().setUp()
        self.records = make_records(4 * 144, seconds=600)
        # Some come hours late, in an order of their own.
        self.lag = lambda i: [0, 30, 700, 5 * HOUR, 20 * HOUR][i * 7 % 5]

    def between(self, begin, end):
        return [r for r in self.records if (begin or "") <= r["ts"] < (end or "9")]

    def check_times(self, golden, options="", pruned=True, exact=False, name="archive"):
        file = self.store(golden, name, options=options)
        day = "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"
        for begin, end in (day, ("2026-03-02T07:40:00Z", "2026-03-02T07:50:00Z"),
                           ("2026-03-01T23:59:59Z", "2026-03-02T00:00:01Z"),
                           ("2026-03-03T11:11:11Z", None), (None, "2026-03-01T05:00:00Z"),
                           ("2026-03-02T07:41:00Z", "2026-03-02T07:49:00Z")):
            options = (["--from", begin] if begin else []) + (["--to", end] if end else [])
            summary = self.replay(file, *options)
            self.assertEqual(self.answers(file), totals(self.between(begin, end)), (begin, end))
            self.assertEqual("at_least_once" not in summary, exact)
            self.assertIsNone(self.status(file)["handoff"])
            if pruned and begin and end:
                self.assertRegex("\n".join(summary["notes"]),
                                 r"(1 object is|\d objects are) outside the range")
        self.assertRegex(summary["range"], r"^times \[2026-03-02T07:41:00.*, 2026-03-02T07:49:00")

    def test_firehose_by_the_arrival_of_the_oldest(self):
        self.check_times(firehose(self.records, lag=self.lag, per_object=9))

    def test_firehose_that_buffered_for_fifteen_minutes(self):
        # An object's name is of its oldest record; the newest came 900 s later.
        records = make_records(2000, seconds=45)
        self.records = records
        self.check_times(firehose(records, per_object=20))

    def test_firehose_in_another_time_zone_is_not_pruned_by_paths(self):
        golden = firehose(self.records, lag=lambda i: -8 * HOUR, per_object=9)
        self.check_times(golden, ", path_time: none", pruned=False)

    def test_hive_by_the_day(self):
        self.check_times(hive(self.records, lag=self.lag), exact=True)

    def test_hive_by_names_for_parts_of_a_date(self):
        self.check_times(hive(self.records, lag=self.lag, per_object=5,
                              directory="year={0:%Y}/month={0:%m}/day={0:%d}"), exact=True)

    def test_hive_whose_paths_are_the_records_times(self):
        self.check_times(hive(self.records), ", path_time: record", exact=True)

    def test_kafka_connect_hours_of_the_wall_clock(self):
        # Flushed hours after the records: the directories disagree with the times in them.
        log = kafka_log(self.records)
        cuts = [cut.at(writers.time_of(log[0][cut.end - 1]) + datetime.timedelta(hours=7))
                for cut in even_cuts(0, len(self.records), 8)]
        golden = kafka_connect(log, {0: cuts}, partitioner="hourly")
        self.check_times(golden)
        self.check_times(golden, ", offsets: dense", exact=True, name="dense")

    def test_kafka_connect_hours_of_the_record(self):
        log = kafka_log(self.records, partitions=2)
        golden = kafka_connect(log, cut_log(log, 50), partitioner="hourly-record")
        self.check_times(golden, ", path_time: record")

    def test_overlaps_in_a_range_of_times_count_once(self):
        log = kafka_log(self.records)
        cuts = with_a_short_last(with_recuts(with_overlap(even_cuts(0, 576, 100)), 130, 444, 37))
        self.check_times(kafka_connect(log, {0: cuts}), pruned=False, exact=True)
        clock = [cut.at(writers.time_of(log[0][cut.end - 1]) + datetime.timedelta(hours=k % 9))
                 for k, cut in enumerate(cuts)]
        self.check_times(kafka_connect(log, {0: clock}, partitioner="hourly"), ", offsets: dense",
                         exact=True, name="by_the_clock")

    def test_a_longer_lag_is_told(self):
        golden = firehose(self.records, lag=lambda i: 50 * HOUR if i % 3 == 0 else 0, per_object=5)
        self.check_times(golden, ", lag: 60h", pruned=False)

    def test_parquet_by_times(self):
        # Row groups that hold no time of the range may be left unread: their rows have offsets.
        log = kafka_log(self.records)
        cuts = with_a_short_last(with_recuts(with_overlap(even_cuts(0, 576, 100)), 130, 444, 37))
        for typed in (False, True):
            def encode(some, typed=typed):
                return writers.parquet(some, row_group=10, typed=typed)
            golden = kafka_connect(log, {0: cuts}, ending=".snappy.parquet", encode=encode)
            with self.subTest(typed=typed):
                self.check_times(golden, pruned=False, exact=True, name=f"typed_{typed}".lower())

    def test_a_range_of_nothing_is_refused(self):
        file = self.store(firehose(self.records))
        err = self.fail_with(2, "replay", file, "--from", "2026-03-02T00:00:00Z", "--to",
                             "2026-03-02T00:00:00Z").err
        self.assertIn("nothing lies between", err)


class OtherKafkaSinksTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.log = kafka_log(make_records(800), partitions=2)
        self.cuts = {p: by_the_clock(some) for p, some in cut_log(self.log, 100).items()}
        self.twice = {p: [*some, some[0].at(some[3].flushed), Cut(101, 180, some[3].flushed)]
                      for p, some in self.cuts.items()}

    def test_aiven_by_its_default_names(self):
        golden = aiven(self.log, self.cuts)
        self.check(golden, layout="aiven", exact=False,
                   at_least_once="offsets of records aren't known")

    def test_aiven_dense_as_told_with_overlaps(self):
        cuts = {p: with_a_short_last(with_overlap(some)) for p, some in self.cuts.items()}
        for topic in ("page_views", "page-views-2", "a-0-1"):
            for padded in (False, True):
                golden = aiven(self.log, cuts, topic=topic, prefix="lake/2026/", padded=padded)
                name = f"{topic.replace('-', '_')}_{padded}".lower()
                with self.subTest(name):
                    file, _ = self.check(golden, layout="aiven", name=name,
                                         options=", offsets: dense")
                    self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})

    def test_msk_delivery_with_a_start_twice_is_at_least_once(self):
        golden = msk_delivery(self.log, self.twice)
        self.check(golden, expected=golden.written, layout="msk-delivery", exact=False,
                   at_least_once="objects start where another does")

    def test_msk_delivery_dense_as_told_counts_a_start_once(self):
        for ending, encode in (("", writers.json_lines), (".gz", writers.ENCODERS[".json.gz"]),
                               (".zst", writers.ENCODERS[".json.zst"])):
            golden = msk_delivery(self.log, self.twice, topic="web+views", ending=ending,
                                  encode=encode)
            with self.subTest(ending):
                file, _ = self.check(golden, layout="msk-delivery", name=f"msk{ending[1:]}",
                                     options=", offsets: dense")
                self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})

    def test_msk_delivery_with_an_id_counts_once(self):
        self.check(msk_delivery(self.log, self.twice), layout="msk-delivery", extra=["id: id"])


class FirehoseTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.records = make_records(700, seconds=20)

    def check_firehose(self, name="archive", exact=False, notes=(), expected=None, extra=(), **how):
        golden = firehose(self.records, **how)
        self.check(golden, layout="firehose", exact=exact, name=name, notes=notes, extra=extra,
                   expected=golden.written if expected is None else expected,
                   at_least_once="Firehose delivers at least once.* id: in the definition")

    def test_values_follow_each_other_without_a_newline(self):
        self.check_firehose()

    def test_values_are_separated_in_any_way(self):
        for name, separator in (("newline", "\n"), ("space", " "), ("blank", "\r\n\r\n")):
            with self.subTest(name):
                self.check_firehose(name, separator=separator)

    def test_values_may_have_newlines_inside(self):
        for separator in ("", "\n"):
            self.check_firehose(f"pretty{len(separator)}", style="pretty", separator=separator)

    def test_values_may_have_newlines_before_inner_braces(self):
        self.check_firehose(style="unindented", separator="\n")

    def test_the_version_may_be_missing(self):
        # AWS's own example: my-delivery-stream-2019-08-09-23-55-09-<uuid>
        self.check_firehose(stream="my-delivery-stream", version="")

    def test_a_stream_may_look_like_versions_and_dates(self):
        for k, stream in enumerate(("clicks-7-2026-03", "2026-03-01-00-00-00", "a-1-2", "9")):
            for version in ("", "12"):
                with self.subTest(stream):
                    self.check_firehose(f"stream{k}_{version}", stream=stream, version=version)

    def test_a_prefix_may_be_anything(self):
        prefixes = ["{:%Y/%m/%d/%H}", "raw-{:%Y-%m-%d}-", "customer_id=acme/day={:%Y-%m-%d}/",
                    "year={0:%Y}/month={0:%m}/day={0:%d}/hour={0:%H}/", "k=v/hour=20/", ""]
        for k, prefix in enumerate(prefixes):
            with self.subTest(prefix):
                self.check_firehose(f"prefix{k}", prefix=prefix)

    def test_several_gzip_members_are_one_object(self):
        def members(some):
            pieces = [writers.as_json(record).encode() for record in some]
            return writers.gzip_members([*pieces[:3], b"", b"".join(pieces[3:])])
        self.check_firehose(ending=".gz", encode=members)

    def test_a_member_may_end_within_a_value(self):
        def members(some):
            whole = "".join(map(writers.as_json, some)).encode()
            return writers.gzip_members([whole[:101], whole[101:102], whole[102:]])
        self.check_firehose(ending=".gz", encode=members)

    def test_the_file_extension_may_lie(self):
        def packed(some):
            return writers.pack("".join(map(writers.as_json, some)).encode())
        lies = {"gzip_as_json": (".json", packed), "gzip_as_parquet": (".parquet", packed),
                "json_as_gzip": (".gz", None), "json_as_parquet": (".parquet", None),
                "parquet_as_json": (".json", writers.parquet),
                "parquet_as_gzip": (".gz", writers.parquet)}
        for name, (ending, encode) in lies.items():
            with self.subTest(name):
                self.check_firehose(name, ending=ending, encode=encode)

    def test_parquet(self):
        self.check_firehose(ending=".parquet", encode=writers.parquet)

    def test_error_output_beside_the_data_is_left_out_and_named(self):
        for k, prefix in enumerate(("errors/processing-failed/{:%Y/%m/%d/%H}/",
                                    "processing-failed/", "errorsprocessing-failed/{:%Y}/",
                                    "type=format-conversion-failed/{:%Y/%m}/")):
            with self.subTest(prefix):
                self.check_firehose(f"errors{k}", errors=4, error_prefix=prefix,
                                    notes=[r"4 objects are left out, Firehose error output \(\w+-"])

    def test_a_delivery_that_was_repeated_counts_twice_and_is_told(self):
        self.check_firehose(again={0, 3, 7})

    def test_a_delivery_that_was_repeated_counts_once_with_an_id(self):
        self.check_firehose(again={0, 3, 7, 13}, extra=["id: id"], exact=True,
                            expected=self.records)

    def test_a_compression_that_can_not_be_read_is_an_error_that_names_the_object(self):
        import io
        import zipfile
        golden = firehose(self.records)
        name = sorted(golden.objects)[3]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x", golden.objects[name])
        golden.objects[name] = out.getvalue()
        file = self.store(golden)
        outcome = self.fail_with(1, "replay", file)
        self.assertIn(name, outcome.err)
        self.assertRegex(outcome.err, "(?i)zip")


class HiveAndPlainTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.records = make_records(600, seconds=300)

    def test_hive_directories(self):
        for ending in writers.ENCODERS:
            with self.subTest(ending):
                golden = hive(self.records, ending=ending)
                self.check(golden, layout="hive", name=f"hive{ending.replace('.', '_')}")

    def test_objects_of_any_name(self):
        for k, names in enumerate(("{:04d}.jsonl", "a/b/{}", "x-{}.gz", "2026/03/{:02d}/data")):
            with self.subTest(names):
                self.check(plain(self.records, names=names), layout="plain", name=f"plain{k}")

    def test_mixed_formats_and_compressions(self):
        objects = {}
        for k, (ending, encode) in enumerate(writers.ENCODERS.items()):
            golden = plain(self.records[k * 120:(k + 1) * 120], names=f"{k}-{{}}{ending}",
                           encode=encode)
            objects |= golden.objects
        self.check(writers.Golden(objects, self.records), layout="plain")

    def test_hidden_and_empty_objects_are_left_out(self):
        golden = plain(self.records)
        golden.objects |= {"_SUCCESS": b"x", ".part.crc": b"x", "_temporary/0/a.jsonl": b"{}",
                           "empty.jsonl": b""}
        self.check(golden, layout="plain")

    def test_two_sinks_below_one_root_are_refused(self):
        log = kafka_log(self.records)
        golden = firehose(self.records)
        golden.objects |= kafka_connect(log, cut_log(log, 50)).objects
        err = self.fail_with(2, "replay", self.store(golden)).err
        self.assertIn("the names are of no one layout", err)

    def test_a_layout_as_told_that_does_not_fit_is_refused(self):
        err = self.fail_with(2, "replay", self.store(firehose(self.records),
                                                     options=", layout: kafka-connect")).err
        self.assertIn("layout kafka-connect: 0 of", err)

    def test_a_told_layout_is_taken(self):
        log = kafka_log(self.records)
        goldens = {"firehose": firehose(self.records), "hive": hive(self.records),
                   "plain": plain(self.records), "kafka-connect": kafka_connect(
                       log, cut_log(log, 50))}
        for layout, golden in goldens.items():
            with self.subTest(layout):
                self.check(golden, name=layout.replace("-", "_"), layout=layout,
                           options=f", layout: {layout}", exact=layout != "firehose")


class DynamoDbTest(ArchiveTest):
    def setUp(self):
        super().setUp()
        self.records = make_records(400)

    def test_a_full_export_is_exact(self):
        self.check(dynamodb_export(self.records), columns=ITEM, layout="dynamodb-export",
                   notes=["the manifest lists 14 files with 400 items"])

    def test_an_incremental_export(self):
        golden = dynamodb_export(self.records, incremental=True)
        self.check(golden, columns=NEW_IMAGE, layout="dynamodb-export")

    def test_what_the_manifest_does_not_list_is_left_out(self):
        self.check(dynamodb_export(self.records, unlisted=2), columns=ITEM,
                   layout="dynamodb-export",
                   notes=["2 objects are left out, not in the manifest: "])

    def test_two_exports_are_an_error_until_one_is_told(self):
        first = dynamodb_export(self.records)
        second = dynamodb_export(self.records[:100], export="01693685999999-aaaaaaaa")
        both = writers.Golden(first.objects | second.objects, second.counting)
        err = self.fail_with(2, "replay", self.store(both, columns=ITEM)).err
        self.assertIn("01693685827463-2d8752fd", err)
        self.check(both, columns=ITEM, name="told", options=", export: 01693685999999-aaaaaaaa")

    def test_a_listed_file_that_is_not_there_is_an_error_that_names_it(self):
        golden = dynamodb_export(self.records)
        gone = next(name for name in golden.objects if "/data/" in name)
        del golden.objects[gone]
        err = self.fail_with(1, "replay", self.store(golden, columns=ITEM)).err
        self.assertIn(gone, err)

    def test_counts_that_are_not_the_manifests_are_an_error_that_names_the_file(self):
        for name, how in (("miscounted", {"miscounted": True}), ("damaged", {"damaged": True})):
            with self.subTest(name):
                golden = dynamodb_export(self.records, **how)
                first = next(key for key in golden.objects if "/data/" in key)
                outcome = self.fail_with(1, "replay", self.store(golden, name, columns=ITEM))
                self.assertIn(first, outcome.err)


class S3ArchiveTest(ArchiveTest):
    def test_a_kafka_connect_archive_from_a_bucket(self):
        log = kafka_log(make_records(1500), partitions=3)
        cuts = {p: with_a_short_last(with_recuts(with_overlap(some), 120, 333, 41))
                for p, some in cut_log(log, 100).items()}
        golden = kafka_connect(log, cuts, topic="web+views", ending=".json.gz", siblings=True)
        with S3Server() as server:
            server.put_all("lake", {f"kafka/{name}": body for name, body in golden.objects.items()})
            file = self.definition("bucket", path="s3://lake/kafka/",
                                   options=f", endpoint: '{server.endpoint}'")
            done = subprocess.run([PROGRAM, "replay", file, "--format", "json", "--quiet"],
                                  capture_output=True, text=True, env=server.environment(),
                                  timeout=RUN_SECONDS_MAX)
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = json.loads(done.stdout)
        self.assertNotIn("at_least_once", summary)
        self.assertRegex("\n".join(summary["notes"]), "(?m)^kafka-connect: ")
        self.assertEqual(self.answers(file), totals(golden.counting))
        self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})


# --- stopping and starting ---

# All aggregates whose bytes must not depend on the order of work.
AGGREGATES = """
  n: count
  s: sum(x)
  users: distinct(user)
  mean: stddev(x)
  last_page: last(page)
  pages: count_by(page)
  spread: quantiles(x, [0.5, 0.99])
"""


class InterruptedTest(ArchiveTest):
    """A larger archive with overlaps, in three formats."""

    OBJECT = 2500

    @classmethod
    def setUpClass(cls):
        cls.archives = pathlib.Path(tempfile.mkdtemp(prefix="murmur-archives-"))
        cls.addClassCleanup(shutil.rmtree, cls.archives)
        log = kafka_log(make_records(120_000, seconds=3, nasty=False), partitions=3)
        cls.goldens = {}
        for ending in (".json", ".json.gz", ".snappy.parquet"):
            cuts = {p: with_a_short_last(with_recuts(with_overlap(some, reach=1111), 3000, 17_000,
                                                     1700))
                    for p, some in cut_log(log, cls.OBJECT).items()}
            cls.goldens[ending] = kafka_connect(log, cuts, ending=ending)
            store_objects(cls.goldens[ending], cls.archives / cls.folder(ending))

    def setUp(self):
        super().setUp()
        self.runs = itertools.count()

    @staticmethod
    def folder(ending):
        return "big" + ending.replace(".", "_")

    def pipeline(self, ending, options="", extra="", path=None):
        name = f"run{next(self.runs)}"
        path = path or self.archives / self.folder(ending)
        return self.write(f"{name}.yaml", f"name: {name}\nkey: [[page], [user], []]\ntime: ts\n"
                          f"window: {{every: 1d}}\naggregates:{AGGREGATES}"
                          f"replay: {{archive: {{path: {path}{options}}}}}\n{extra}"
                          f"commit_every: 10ms\nstate: {{rocksdb: {{path: state/{name}}}}}\n")

    def undisturbed(self, ending):
        file = self.pipeline(ending)
        start = time.monotonic()
        summary = self.replay(file, "--threads", 2)
        seconds = time.monotonic() - start
        self.assertEqual(summary["records"], len(self.goldens[ending].counting))
        self.assertNotIn("at_least_once", summary)
        self.assertEqual(self.status(file)["handoff"], {"kafka": self.goldens[ending].ends()})
        return self.succeed("dump", file).out, seconds

    def versions(self, file):
        return self.succeed("versions", file, "--format", "json").rows()

    def check_same(self, file, expected):
        self.replay(file)
        rows = self.versions(file)
        self.assertTrue(rows[-1]["serving"], rows)
        self.assertEqual({row["status"] for row in rows}, {"complete"}, rows)
        self.assertEqual(self.succeed("dump", file).out, expected)
        golden = self.goldens[".json"]
        self.assertEqual(self.status(file)["handoff"], {"kafka": golden.ends()})
        self.assertEqual(self.status(file)["records"], len(golden.counting))

    def test_threads_and_formats_change_nothing(self):
        expected, _ = self.undisturbed(".json")
        for ending in self.goldens:
            for threads in (1, 4):
                file = self.pipeline(ending)
                self.replay(file, "--threads", threads)
                self.assertEqual(self.succeed("dump", file).out, expected, f"{ending} {threads}")

    def test_a_replay_killed_at_any_moment_ends_as_if_it_had_not_been(self):
        for ending in self.goldens:
            expected, seconds = self.undisturbed(ending)
            killed = 0
            while killed < KILLS:
                file = self.pipeline(ending)
                self.assertLess(next(self.runs), 40 * KILLS, "it ends before it can be killed")
                for _ in range(3):
                    child = self.start("replay", file, "--threads", self.random.choice("124"))
                    time.sleep(self.random.uniform(0, seconds))
                    child.kill()
                    killed += child.wait() == -signal.SIGKILL
                    child.communicate()
                with self.subTest(ending):
                    self.check_same(file, expected)

    def test_a_range_killed_at_any_moment_ends_as_if_it_had_not_been(self):
        ranges = ["--from", "0:1234,1:0,2:5000", "--to", "0:30000,1:17,2:31111"]
        expected_file = self.pipeline(".json.gz")
        self.replay(expected_file, *ranges)
        expected = self.succeed("dump", expected_file).out
        handoff = self.status(expected_file)["handoff"]
        self.assertEqual(handoff, {"kafka": {"0": "30000", "1": "17", "2": "31111"}})
        for _ in range(KILLS):
            file = self.pipeline(".json.gz")
            child = self.start("replay", file, *ranges, "--threads", 2)
            time.sleep(self.random.uniform(0, 0.4))
            self.kill(child)
            self.replay(file, *ranges)
            self.assertEqual(self.succeed("dump", file).out, expected)
            self.assertEqual(self.status(file)["handoff"], handoff)

    def test_ids_of_a_replay_killed_at_any_moment_count_once(self):
        expected, seconds = self.undisturbed(".json.gz")
        golden = self.goldens[".json.gz"]
        self.assertGreater(len(golden.written), 1.3 * len(golden.counting))
        for _ in range(KILLS):
            file = self.pipeline(".json.gz", ", offsets: sparse", "id: id\n")
            for _ in range(2):
                child = self.start("replay", file, "--threads", self.random.choice("124"))
                time.sleep(self.random.uniform(0, 2 * seconds))
                self.kill(child)
            summary = self.replay(file)
            self.assertNotIn("at_least_once", summary)
            self.assertEqual(summary["records"], len(golden.counting))
            self.assertEqual(self.succeed("dump", file).out, expected)

    @contextlib.contextmanager
    def no_switching(self, file):
        """Holds the lock under which versions are made, dropped and switched."""
        with open(self.directory / "state" / file.stem / "lock", "a") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            yield

    def test_killed_between_complete_and_swap_the_same_command_swaps(self):
        expected, _ = self.undisturbed(".json.gz")
        file = self.pipeline(".json.gz")
        state = self.directory / "state" / file.stem
        child = self.start("replay", file)
        self.wait_until("there is a version", lambda: (state / "v1").exists())
        with self.no_switching(file):
            time.sleep(0.05)  # whoever had the lock gave it back before we took it
            self.wait_until("the version is complete",
                            lambda: self.versions(file)[0]["status"] == "complete")
            self.assertFalse(self.versions(file)[0]["serving"])
            self.assertNotEqual(self.murmur("dump", file).code, 0)
            child.kill()
            self.assertEqual(child.wait(), -signal.SIGKILL)
        self.check_same(file, expected)
        self.assertEqual(len(self.versions(file)), 1)

    def test_killed_near_its_end_the_same_command_swaps(self):
        expected, seconds = self.undisturbed(".json.gz")
        between = 0
        for _ in range(60 if LONG else 12):
            file = self.pipeline(".json.gz")
            child = self.start("replay", file, "--threads", 2)
            current = self.directory / "state" / file.stem / "current"
            self.wait_until("it began", (current.parent / "v1").exists)
            time.sleep(self.random.uniform(0.6, 1.0) * seconds)
            self.kill(child)
            rows = self.versions(file)
            between += rows[0]["status"] == "complete" and not rows[0]["serving"]
            if not rows[0]["serving"]:
                self.check_same(file, expected)
            self.assertEqual(len(self.versions(file)), 1)
            self.assertEqual(self.succeed("dump", file).out, expected)
        print(f"{between} kills fell between complete and swap")

    def killed(self, file):
        """A replay that was killed when it had begun, and before its end."""
        child = self.start("replay", file, "--threads", 1)
        begun = self.directory / "state" / file.stem / "v1"
        self.wait_until("it has a plan", lambda: begun.exists() and
                        any(row["splits_total"] > 0 for row in self.versions(file)))
        child.kill()
        self.assertEqual(child.wait(), -signal.SIGKILL)
        self.assertEqual(self.versions(file)[0]["status"], "building")

    def test_objects_that_arrive_before_it_goes_on_are_told_and_not_counted(self):
        objects = self.goldens[".json.gz"].objects
        last = "topics/page_views/partition=1/page_views+1+0000035000"
        late = [name for name in objects if "+1+" in name and name > last]
        early = {name: body for name, body in objects.items() if name not in late}
        store_objects(writers.Golden(early, []), self.directory / "alone")
        alone = self.pipeline(".json.gz", path="alone")
        self.replay(alone)
        store_objects(writers.Golden(early, []), self.directory / "growing")
        file = self.pipeline(".json.gz", path="growing")
        self.killed(file)
        store_objects(writers.Golden({name: objects[name] for name in late}, []),
                      self.directory / "growing")
        said = "\n".join(self.replay(file)["notes"])
        self.assertRegex(said, f"{len(late)} objects? appeared since the scan began")
        self.assertEqual(self.succeed("dump", file).out, self.succeed("dump", alone).out)
        self.assertEqual(self.status(file)["handoff"], self.status(alone)["handoff"])

    def test_an_object_that_changed_before_it_goes_on_is_named(self):
        objects = self.goldens[".json.gz"].objects
        store_objects(writers.Golden(objects, []), self.directory / "changing")
        file = self.pipeline(".json.gz", path="changing")
        self.killed(file)
        name = self.random.choice(list(objects))
        (self.directory / "changing" / name).write_bytes(writers.pack(b'{"page": "/x"}\n'))
        err = self.fail_with(1, "replay", file).err
        self.assertIn(name, err)
        self.assertNotEqual(self.murmur("dump", file).code, 0)

    def test_another_reading_of_the_archive_does_not_go_on_with_the_old_one(self):
        # Sparse objects count whole, dense ones by offset: halves of both are neither.
        golden = self.goldens[".json.gz"]
        file = self.pipeline(".json.gz")
        self.killed(file)
        file.write_text(file.read_text().replace("}}\ncommit", ", offsets: sparse}}\ncommit"))
        summary = self.replay(file)
        self.assertEqual(summary["records"], len(golden.written))
        self.assertIn("at_least_once", summary)


if __name__ == "__main__":
    main()
