"""Tables as the changes that Debezium's connector writes to a topic."""

import itertools
import json
import signal
import time

import confluent_kafka

from kafka_case import KILLS, PAGES, KafkaCase, totals
from kafka_server import Sender
from program import main

ROWS = 300


class Table:
    """Rows in PostgreSQL, and the (key, value) messages that Debezium's connector writes about them
    to Kafka. A transaction locks the rows that it changes until it ends; the changes are written
    then."""

    def __init__(self, random, schema=False):
        self.random, self.schema = random, schema
        self.rows, self.open = {}, []
        self.lsn = itertools.count(1000, 8)
        self.last_commit = None

    def transactions(self, count):
        """The messages of that many transactions; some are open at once, some stay open."""
        messages = []
        while count:
            if len(self.open) < 4 and self.random.random() < 0.5:
                self.open.append({})
            elif self.open and self.random.random() < 0.7:
                self.change(self.random.choice(self.open))
            elif self.open:
                messages += self.commit()
                count -= 1
        return messages

    def change(self, transaction):
        number = self.random.randrange(ROWS)
        if any(number in other for other in self.open if other is not transaction):
            return
        changes = transaction.setdefault(number, [])
        row = changes[-1][1] if changes else self.rows.get(number)
        gone = row is not None and self.random.random() < 0.3
        changes.append((next(self.lsn), None if gone else self.row(number)))

    def row(self, number):
        return {"id": number, "page": f"/{self.random.randrange(PAGES)}",
                "x": self.random.getrandbits(40), "nobody": {"reads": ["this", None]}}

    def commit(self):
        transaction = self.open.pop(self.random.randrange(len(self.open)))
        changes = sorted((lsn, number, row) for number, some in transaction.items()
                         for lsn, row in some)
        messages = []
        for lsn, number, row in changes:
            op = "d" if row is None else "u" if number in self.rows else "c"
            messages.append(self.message(op, number, row, lsn))
            if row is None:
                messages.append((messages[-1][0], None))
                self.rows.pop(number, None)
            else:
                self.rows[number] = row
        self.last_commit = next(self.lsn)
        return messages

    def snapshot(self, kind):
        """A snapshot of what is committed. Open transactions are not seen, though they may have
        changed rows before. An incremental snapshot is in the transaction that requests it."""
        lsn = next(self.lsn)
        if kind != "incremental":
            self.last_commit = None
        messages = [self.message("r", number, row, lsn, kind) for number, row in self.rows.items()]
        if kind == "incremental":
            self.last_commit = next(self.lsn)
        return messages

    def message(self, op, number, row, lsn, snapshot="false"):
        commit = None if self.last_commit is None else str(self.last_commit)
        source = {"version": "2.7.0.Final", "connector": "postgresql", "name": "shop",
                  "ts_ms": self.random.randrange(10**12), "snapshot": snapshot, "db": "shop",
                  "sequence": json.dumps([commit, str(lsn)]), "schema": "public",
                  "table": "views", "txId": 5, "lsn": lsn, "xmin": None}
        envelope = {"before": None, "after": row, "source": source, "op": op,
                    "ts_ms": 1_700_000_000_000, "transaction": None}
        return tuple(map(self.text, ({"id": number}, envelope)))

    def text(self, payload):
        if self.schema:
            payload = {"schema": {"type": "struct", "fields": []}, "payload": payload}
        # Not always the same text for the same key.
        return json.dumps(payload, separators=self.random.choice([(",", ":"), (", ", ": ")]))


class UnknownFieldTest(KafkaCase):
    def misspelt(self, **options):
        file = self.pipeline(**options)
        file.write_text(file.read_text().replace(
            "s: sum(x)", "s: sum(x), t: sum(pagee), u: sum(brought_later)"))
        return file

    def test_of_a_topic(self):
        self.make_topic()
        self.produce(50)
        file = self.misspelt()
        self.catch_up(file)
        self.assertEqual(self.unknown_fields(file), {"pagee": "page", "brought_later": None})
        brings_it = {"page": "/a", "n": 1, "x": 1, "brought_later": 1}
        self.kafka.produce(self.topic, [brings_it], partition=1)
        self.catch_up(file)
        self.assertEqual(self.unknown_fields(file), {"pagee": "page"})

    def test_of_the_rows_inside_changes(self):
        for schema in (False, True):
            with self.subTest(schema=schema):
                self.topic = f"unknown.{schema}"
                self.make_topic()
                table = Table(self.random, schema)
                sender = Sender(self.kafka.address, {})
                for key, value in table.transactions(50):
                    sender.produce(self.topic, [value], 0, key)
                file = self.misspelt(live={"format": "debezium"}, name=f"p{schema}")
                self.catch_up(file)
                self.assertEqual(self.unknown_fields(file),
                                 {"pagee": "page", "brought_later": None})

    def test_all_messages_dead_is_told_at_once_and_fails(self):
        self.make_topic()
        self.kafka.produce(self.topic, [b"not JSON"] * 1000, partition=0)
        file = self.pipeline()
        child = self.start("run", file)
        line = child.stderr.readline()
        while "dead letter" not in line:
            self.assertNotEqual(line, "")
            line = child.stderr.readline()
        self.assertIn("dead letter, undecodable: ", line)
        self.assertIn("dead-letters.jsonl in ", line)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.stderr.read().count("dead letter, "), 0)
        child.wait()
        err = self.fail_with(1, "run", file, "--until-caught-up").err
        self.assertIn("no record could be counted: 1000 undecodable", err)


class DebeziumTest(KafkaCase):
    def setUp(self):
        super().setUp()
        self.table = Table(self.random)

    def changes(self, *, live={}, **options):
        return self.pipeline(live={"format": "debezium", **live}, **options)

    def send(self, messages, topic=None):
        """Sends each message to the partition of its row."""
        sender = Sender(self.kafka.address, {})
        for key, value in messages:
            payload = json.loads(key) if key else {}
            number = payload.get("payload", payload).get("id", 0)
            sender.produce(topic or self.topic, [value], number % self.partitions, key)

    def check_rows(self, file, *tables):
        self.assertEqual(self.counts(file), totals(
            json.dumps(row) for table in tables or [self.table] for row in table.rows.values()))

    def test_rows_come_change_and_go(self):
        for schema in (False, True):
            with self.subTest(schema=schema):
                self.topic = f"rows.{schema}"
                self.table = Table(self.random, schema)
                self.make_topic()
                file = self.changes(name=f"rows_{schema}")
                for _ in range(3):
                    self.send(self.table.transactions(100))
                    self.assertEqual(self.catch_up(file)["dead_letters"], 0)
                    self.check_rows(file)
                self.assertEqual(self.catch_up(file)["records_this_run"], 0)
                self.send([self.table.message("d", number, None, next(self.table.lsn))
                           for number in self.table.rows])
                self.catch_up(file)
                self.assertEqual(self.counts(file), {})

    def test_kills_redelivery_and_partitions_added_end_at_the_rows_as_they_are(self):
        self.make_topic()
        file = self.changes()
        before = self.table.transactions(200)  # of which the topic knows nothing
        messages = self.table.snapshot("first") + self.table.transactions(20)
        self.assertGreater(len(before), 0)
        self.send(messages)
        written = len(messages)
        kills = max(KILLS, 6)
        for k in range(kills):
            child = self.start("run", file, "--quiet")
            for _ in range(3):
                new = self.table.transactions(60)
                if self.random.random() < 0.3:
                    new += self.table.snapshot("incremental")
                if k % 2 == 1:  # the connector was killed, and begins where it had last noted
                    new = messages[-self.random.randrange(300):] + new
                self.send(new)
                messages += new
            if k == kills // 3 or k == 2 * kills // 3:
                self.partitions += 2
                self.kafka.add_partitions(self.topic, self.partitions)
            time.sleep(self.random.uniform(0, 0.5))
            self.kill(child)
        self.assertGreater(len(messages), 5 * written)
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check_rows(file)
        again = self.changes(name="again")  # now partitions are read side by side
        self.catch_up(again, "--threads", 4)
        self.check_rows(again)

    def test_rows_of_several_topics_are_not_mixed_up(self):
        topics = [f"{self.topic}.{k}" for k in range(2)]
        tables = [Table(self.random) for _ in topics]
        for self.topic, table in zip(topics, tables):
            self.make_topic()
            self.send(table.transactions(100))
        file = self.changes(live={"topic": None, "topics": topics})
        self.catch_up(file)
        self.check_rows(file, *tables)

    def test_what_a_row_holds_now_that_nobody_knows_does_not_count(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        row = self.table.row(ROWS)
        number = row["id"]
        broken = {**row, "page": "__debezium_unavailable_value"}  # of a row that is not known
        self.send([self.table.message("u", number, broken, next(self.table.lsn)),
                   (None, self.table.message("u", number, row, 0)[1]), ("{}", "no JSON")])
        self.assertEqual(self.catch_up(file)["dead_letters"], 3)
        self.check_rows(file)
        letters = self.dead_letters()
        self.assertEqual([letter["reason"] for letter in letters],
                         ["undecodable", "missing_key", "undecodable"])
        self.assertIn("REPLICA IDENTITY FULL", letters[0]["detail"])
        self.assertIn("message.key.columns", letters[1]["detail"])
        self.assertEqual(letters[0]["id"], f'{self.topic}:{{"id":{number}}}')
        self.table.rows[number] = row
        self.send([self.table.message("u", number, row, next(self.table.lsn))])
        self.catch_up(file)
        self.check_rows(file)

    def test_a_value_that_is_left_out_is_what_the_row_held(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        for number, row in self.table.rows.items():
            row["x"] += 1
            self.send([self.table.message("u", number, {
                **row, "page": "__debezium_unavailable_value"}, next(self.table.lsn))])
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check_rows(file)
        own = self.changes(name="own", live={"unavailable.value.placeholder": "__gone__"})
        for number, row in self.table.rows.items():
            self.send([self.table.message("u", number, {**row, "x": 5}, next(self.table.lsn)),
                       self.table.message("u", number, {**row, "x": 7, "page": "__gone__"},
                                          next(self.table.lsn))])
            row["x"] = 7
        self.catch_up(own)
        self.check_rows(own)

    def test_dead_letters_of_rows_reach_their_topic(self):
        """Exactly these dead letters, each at its offset, even if several are of one row."""
        self.make_topic(2)
        letters_topic = f"{self.topic}.letters"
        self.kafka.create_topic(letters_topic)
        self.send(self.table.transactions(50))
        file = self.changes(live={"dead_letters": letters_topic}, more=["commit_every: 10ms"])
        expected = set()
        for _ in range(3):
            for number in (0, 1, 1, 0, 1):
                row = {"id": number, "page": f"/{number}", "x": "no number"}
                offset = self.kafka.end_offsets(self.topic)[number % 2]
                self.send([self.table.message("u", number, row, next(self.table.lsn))])
                self.table.rows.pop(number, None)
                expected.add((str(number % 2), str(offset)))
            summary = self.catch_up(file)
            self.assertEqual(summary["dead_letters"], len(expected))
            self.check_rows(file)
        self.catch_up(file)
        published = self.headers_of(letters_topic)
        self.assertEqual(len(published), len(expected))
        self.assertEqual({(one["partition"], one["offset"]) for one in published}, expected)
        self.assertEqual({one["reason"] for one in published}, {"wrong_type"})
        self.assertEqual(len(self.dead_letters()), len(expected))

    def headers_of(self, topic):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.kafka.address, "group.id": "reader"})
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        messages = []
        while len(messages) < self.kafka.end_offsets(topic)[0]:
            messages += consumer.consume(100, 1)
        consumer.close()
        return [{name: value.decode() for name, value in message.headers()}
                for message in messages]

    def test_a_second_snapshot_is_told(self):
        """A connector stopped in its first snapshot begins again: rows may be gone meanwhile."""
        self.make_topic(2)
        file = self.changes()
        before = self.table.transactions(50)  # of which the topic knows nothing
        self.assertGreater(len(before), 0)
        self.send(self.table.snapshot("first"))
        self.assertNotIn("at_least_once", self.catch_up(file))
        self.send(self.table.transactions(5) + self.table.snapshot("incremental"))
        self.assertNotIn("at_least_once", self.catch_up(file))
        self.send(self.table.snapshot("true"))
        done = self.succeed("run", file, "--until-caught-up", "--format", "json")
        self.assertIn("second snapshot", json.loads(done.out)["at_least_once"])
        self.assertRegex(done.err, "WARNING: .*second snapshot.*new topic")
        self.assertIn("second snapshot", self.catch_up(file)["at_least_once"])

    def test_a_topic_that_is_none_of_a_table(self):
        """A run that can use no record ends with an error, whether it follows or not."""
        for name, value, why in (
                ("flat", {"page": "/a", "x": 1, "__op": "c"}, "ExtractNewRecordState"),
                ("beat", {"ts_ms": 1}, "heartbeats"),
                ("ddl", {"source": {}, "ddl": "create table t (i int)", "tableChanges": []},
                 "how schemas change")):
            with self.subTest(name):
                self.topic = f"none.{name}"
                self.make_topic(1)
                self.send([(json.dumps({"id": 1}), json.dumps(value))] * 3)
                file = self.changes(name=name)
                for arguments in (["--until-caught-up"], []):
                    self.assertRegex(self.fail_with(1, "run", file, *arguments).err,
                                     f"none of 3 messages could be used.*{why}")

    def test_a_table_that_is_counted_as_records_gets_a_hint(self):
        self.make_topic(1)
        self.send(self.table.transactions(20))
        file = self.pipeline()
        self.assertIn("`format: debezium`", self.fail_with(1, "run", file, "--until-caught-up").err)

    def test_decimals_without_a_schema(self):
        """Digits that may be a number's bytes are dead letters until they are declared."""
        self.make_topic(1)
        for number, text in ((1, "12.50"), (2, "1234")):
            self.send([self.table.message("c", number, {"page": "/", "price": text},
                                          next(self.table.lsn))])
        more = ["aggregates: {n: count, s: 'sum(price, decimal=2)'}"]
        for name, mode, answer in (("unsaid", None, (1, 12.5)), ("text", "string", (2, 1246.5))):
            file = self.changes(name=name, live={"decimal.handling.mode": mode}, more=more)
            file.write_text(file.read_text().replace("aggregates: {n: count, s: sum(x)}\n", ""))
            self.assertEqual(self.catch_up(file)["dead_letters"], 2 - answer[0])
            [row] = self.succeed("dump", file).rows()
            self.assertEqual((row["n"], float(row["s"])), answer)
        [letter] = self.dead_letters("state/unsaid")
        self.assertIn("decimal.handling.mode", letter["detail"])

    def test_a_table_that_is_truncated_ends_the_run_before_it(self):
        self.make_topic(1)
        file = self.changes()
        self.send(self.table.transactions(100))
        offset = self.kafka.end_offsets(self.topic)[0]
        truncate = json.loads(self.table.message("t", 0, None, next(self.table.lsn))[1])
        self.send([(None, json.dumps(truncate)), *self.table.snapshot("incremental")])
        for _ in range(2):
            self.assertIn(f"offset {offset}: the table was truncated",
                          self.fail_with(1, "run", file).err)
            self.assertEqual(self.positions(file), {0: offset})
            self.check_rows(file)

    def test_a_change_that_is_too_long_ends_the_run_until_it_may_be(self):
        self.make_topic(1)
        file = self.changes(more=["max_record: 4KiB"])
        self.send(self.table.transactions(30))
        self.table.rows[0] = {"id": 0, "page": "/long", "x": 1, "nobody": "x" * 5000}
        self.send([self.table.message("u", 0, self.table.rows[0], next(self.table.lsn))])
        self.assertIn("longer than max_record", self.fail_with(1, "run", file).err)
        file = self.changes(more=["max_record: 40KiB"])
        self.catch_up(file)
        self.check_rows(file)

    def test_a_compacted_topic(self):
        self.make_topic(1, cleanup_policy="compact")
        file = self.changes()
        self.send(self.table.transactions(100))
        self.assertRegex(self.fail_with(1, "run", file).err, "compacted: .*delete.retention.ms")
        file = self.changes(live={"compacted": "allow"})
        self.catch_up(file)
        self.check_rows(file)
        # Only this is left of its delete.
        number = min(self.table.rows)
        self.send([(json.dumps({"id": number}), None)])
        del self.table.rows[number]
        self.catch_up(file)
        self.check_rows(file)

    def test_a_topic_that_has_lost_its_first_changes(self):
        self.make_topic(1)
        self.send(self.table.transactions(50))
        self.kafka.delete_records(self.topic, {0: 10})
        file = self.changes()
        self.assertRegex(self.fail_with(1, "run", file).err,
                         "begins at offset 10: rows that did not change since are missing")
        file = self.changes(live={"start": {0: 10}})
        self.catch_up(file)
        self.assertNotEqual(self.counts(file), {})

    def test_what_does_not_go_with_a_table(self):
        self.make_topic(1)
        jsonl = {"path": "rows.jsonl"}
        for k, (why, options) in enumerate((
                ("bootstrap does not go with a table", {"bootstrap": jsonl}),
                ("replay does not go with a table", {"replay": {"kafka": self.source()}}))):
            file = self.changes(name=f"table{k}", **options)
            self.assertIn(why, self.fail_with(2, "check", file).err)
        file = self.pipeline(replay={"kafka": self.source(format="debezium")}, live=None)
        self.assertIn("'debezium': is for live: only", self.fail_with(2, "check", file).err)


if __name__ == "__main__":
    main()
