"""Tables of PostgreSQL and MariaDB by a real Debezium: the program follows what the connector
writes of rows that change all the time, while both are killed.

What is right is told by the databases: the same aggregates by a query of their own.
"""

import datetime
import decimal
import functools
import itertools
import json
import time
import unittest
import uuid

import confluent_kafka

from connect_server import ConnectServer, mariadb_connector, postgres_connector, with_schemas
from database_servers import MariaDbServer, PostgresServer
from kafka_server import KafkaServer
from program import LONG, SLOWNESS, ProgramTest, main

ROWS = 20_000 if LONG else 400
CHANGES = 12_000 if LONG else 600
KILLS = 6 if LONG else 1
SNAPSHOT_ROWS = 60_000  # takes the connector seconds
CONNECTOR_SECONDS_MAX = 120 * SLOWNESS
TRANSACTION_CHANGES_MAX = 20
FIRST_DAY = datetime.datetime(2026, 3, 1)
COUNTRIES = ["DE", "PL", "日本", "C'I", None, "", " ", 'a"b\\c', "\U0001F600", "null"]
STATUS = ["new", "paid", "cancelled", "sent", None]
# So long that PostgreSQL stores it apart from the row, and omits it from the log of other changes.
LONG_NOTE = 6000
COLUMNS = ["id", "country", "status", "price", "quantity", "created", "note", "unused"]


@functools.cache
def shared_broker():
    return unittest.enterModuleContext(KafkaServer())


@functools.cache
def shared_postgres():
    return unittest.enterModuleContext(PostgresServer())


@functools.cache
def shared_mariadb():
    return unittest.enterModuleContext(MariaDbServer())


class Orders:
    """A table, and who changes its rows. Of one thread."""

    def __init__(self, connection, name, random, types):
        self.connection, self.name, self.random = connection, name, random
        self.ids, self.next = [], 1
        self.execute(f"""create table {name} (id bigint primary key, country varchar(20),
            status varchar(20), price numeric(12,2), quantity int, created {types['time']},
            note {types['text']}, unused int)""")
        self.execute(f"create table {name}_marks (mark varchar(40) primary key)")
        self.connection.commit()

    def execute(self, statement, values=None):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else None

    def row(self, number):
        source = self.random
        note = source.choice([None, "x", 'zażółć 日本語 \U0001F600 "q" \\ \n\t'])
        if source.random() < 0.3:
            note = "".join(source.choices("abcdefghijklmnop", k=LONG_NOTE))
        return [number, source.choice(COUNTRIES), source.choice(STATUS),
                None if source.random() < 0.03 else
                decimal.Decimal(source.randrange(-10**6, 10**7)).scaleb(-2),
                source.randrange(-5, 100),
                FIRST_DAY + datetime.timedelta(microseconds=source.randrange(3 * 86400 * 10**6)),
                note, source.randrange(1000)]

    def insert(self, count):
        for _ in range(count):
            self.put(self.next)
            self.ids.append(self.next)
            self.next += 1
        self.connection.commit()

    def put(self, number):
        self.execute(f"insert into {self.name} values ({', '.join(['%s'] * len(COLUMNS))})",
                     self.row(number))

    def set(self, number, **values):
        sets = ", ".join(f"{column} = %s" for column in values)
        self.execute(f"update {self.name} set {sets} where id = %s", [*values.values(), number])

    def change(self, count):
        """In transactions, of which some are rolled back."""
        while count > 0:
            before = list(self.ids), self.next
            size = min(count, self.random.randint(1, TRANSACTION_CHANGES_MAX))
            for _ in range(size):
                self.change_one()
            count -= size
            if self.random.random() < 0.1:
                self.connection.rollback()
                self.ids, self.next = before
            else:
                self.connection.commit()

    def change_one(self):
        source = self.random
        at = source.randrange(len(self.ids))
        number, what = self.ids[at], source.random()
        if what < 0.2:
            self.put(self.next)
            self.ids.append(self.next)
            self.next += 1
        elif what < 0.65:  # the note stays
            column = source.choice(["country", "status", "price", "quantity", "unused"])
            self.set(number, **{column: self.row(number)[COLUMNS.index(column)]})
        elif what < 0.75:
            self.set(number, **dict(zip(COLUMNS[1:], self.row(number)[1:])))
        elif what < 0.8:  # the row becomes another one
            self.set(number, id=self.next, note="moved")
            self.ids[at] = self.next
            self.next += 1
        elif what < 0.85:
            self.execute(f"delete from {self.name} where id = %s", [number])
            self.put(number)
        elif len(self.ids) > 1:
            self.execute(f"delete from {self.name} where id = %s", [number])
            self.ids[at] = self.ids[-1]
            self.ids.pop()

    def mark(self):
        """A text that the connector writes once it has written all changes so far."""
        text = str(uuid.uuid4())
        self.execute(f"insert into {self.name}_marks values (%s)", [text])
        self.connection.commit()
        return text

    def answer(self, day):
        """By country and day, as the definition counts. day: SQL of the text of a row's day."""
        # By bytes: collations join texts that differ.
        country = "encode(convert_to(country, 'UTF8'), 'hex')" if "to_char" in day \
            else "lower(hex(country))"
        rows = self.execute(f"""select {country}, {day}, count(*), sum(price),
                sum(price * quantity), min(price), max(price), count(distinct note),
                sum(char_length(note)), sum(quantity)
            from {self.name} where status <> 'cancelled' group by 1, 2""")
        self.connection.commit()
        return {(country if country is None else bytes.fromhex(country).decode(), day):
                [number(value) for value in values] for country, day, *values in rows}


def number(value):
    """Sums of nothing are 0 here, and null there."""
    return None if value is None else decimal.Decimal(str(value)).normalize() + 0


class DebeziumTest(ProgramTest):
    names = itertools.count(1)

    def setUp(self):
        super().setUp()
        self.kafka = shared_broker()
        self.prefix = f"shop{next(self.names)}"
        self.connection = self.connect()
        self.addCleanup(self.connection.close)
        self.orders = Orders(self.connection, self.table(), self.random, self.TYPES)

    def table(self):
        return f"{self.SCHEMA}.{self.prefix}_orders"

    def tables(self):
        return [self.table(), self.table() + "_marks"]

    def topic(self):
        return f"{self.prefix}.{self.table()}"

    def serve(self, **properties):
        """The connector, until the test ends."""
        connector = self.connector(**properties) | with_schemas(True)
        return self.enterContext(ConnectServer(self.kafka, {self.prefix: connector}))

    def define(self, name="orders", topic=None, live="", more=""):
        return self.write(f"{name}.yaml", f"""
name: {name}
key: [country]
null_key: keep
time: created
window: {{every: 1d}}
where: status != 'cancelled'
max_ahead: 10000d
aggregates:
  n: count
  price: sum(price, decimal=2)
  total: sum(price * quantity, decimal=2)
  low: min(price)
  high: max(price)
  notes: distinct_exact(note)
  length: sum(length(note))
  quantity: sum(quantity)
live: {{kafka: {{brokers: '{self.kafka.address}', topic: {topic or self.topic()},
  format: debezium, start: earliest{live}}}}}
state: {{rocksdb: {{path: state/{name}}}}}
{more}""")

    def wait_for_mark(self):
        """Waits until the connector has written all changes so far."""
        mark, topic = self.orders.mark().encode(), self.topic() + "_marks"
        self.wait_until(f"the connector comes to {mark}", lambda:
                        topic in self.kafka.admin().list_topics(timeout=30).topics and any(
                            mark in (body or b"") for *_, body in self.kafka.read_all(topic)),
                        CONNECTOR_SECONDS_MAX, look_seconds=0.2)
        # What it wrote to other topics before may still be under way.
        ends = None
        while ends != (ends := self.kafka.end_offsets(self.topic())):
            time.sleep(1)

    def dump(self, file):
        answer = {}
        for row in self.succeed("dump", file).rows():
            values = [row[name] for name in ("n", "price", "total", "low", "high", "notes",
                                             "length", "quantity")]
            answer[row["key"]["country"], row["window"][:10]] = [number(v) for v in values]
        return answer

    def check(self, file):
        """Checks that the state equals the database's own aggregation."""
        expected = {key: [value if value is not None or name in ("low", "high") else number(0)
                          for name, value in zip(("n", "price", "total", "low", "high", "notes",
                                                  "length", "quantity"), values)]
                    for key, values in self.orders.answer(self.DAY).items()}
        self.assertEqual(self.dump(file), expected)

    def follow_through_kills(self):
        """Snapshot, changes, kills of the connector and of the run that follows, in turn."""
        self.orders.insert(ROWS)
        connect = self.serve()
        file = self.define()
        self.wait_for_mark()  # a snapshot that ends early leaves rows, as Debezium says
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check(file)
        for _ in range(KILLS):
            child = self.start("run", file, "--quiet")
            self.orders.change(CHANGES // KILLS // 2)
            connect.kill()
            self.kill(child)
            self.orders.change(CHANGES // KILLS // 2)
            connect.start()
            self.wait_for_mark()
            summary = self.catch_up(file)
            self.assertEqual(summary["dead_letters"], 0)
            self.assertNotIn("at_least_once", summary)
            self.check(file)
        again = self.define("again")
        self.catch_up(again)
        self.check(again)
        return connect


class PostgresTest(DebeziumTest):
    SCHEMA = "public"
    TYPES = {"time": "timestamptz", "text": "text"}
    DAY = "to_char(created at time zone 'UTC', 'YYYY-MM-DD')"

    def connect(self):
        connection = shared_postgres().connect()
        with connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")
        connection.commit()
        return connection

    def connector(self, **properties):
        return postgres_connector(shared_postgres(), self.prefix, self.tables(), **properties)

    def tearDown(self):
        # A slot without a reader would keep the log for ever.
        with shared_postgres().connect() as connection, connection.cursor() as cursor:
            cursor.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                           " where not active")

    def test_rows_as_they_are_through_kills(self):
        self.follow_through_kills()

    @unittest.skipUnless(LONG, "MURMUR_LONG=1 runs it")
    def test_a_snapshot_that_was_begun_anew_is_told(self):
        """Rows deleted while the connector is down, killed in its first snapshot, still count."""
        self.execute_many(SNAPSHOT_ROWS)
        connect = self.serve(snapshot_fetch_size=500, max_batch_size=500, max_queue_size=1000)
        self.wait_until_topic_has(500)
        connect.kill()
        file = self.define()
        self.catch_up(file)
        self.assertNotIn("at_least_once", self.catch_up(file))
        self.orders.execute(f"delete from {self.table()} where id <= 100")
        self.connection.commit()
        connect.start()
        self.wait_for_mark()
        done = self.succeed("run", file, "--until-caught-up", "--format", "json")
        self.assertIn("second snapshot", json.loads(done.out)["at_least_once"])
        self.assertIn("WARNING", done.err)
        self.assertIn("new topic", done.err)
        self.assertIn("second snapshot", self.catch_up(file)["at_least_once"])

    def execute_many(self, rows):
        self.orders.execute(
            f"insert into {self.table()} select i, 'DE', 'new', i, 1, '2026-03-01', null, 0 "
            f"from generate_series(1, {rows}) i")
        self.connection.commit()

    def wait_until_topic_has(self, count):
        def has():
            if self.topic() not in self.kafka.admin().list_topics(timeout=30).topics:
                return 0
            try:
                return sum(self.kafka.end_offsets(self.topic()).values())
            except confluent_kafka.KafkaException:
                return 0  # its partitions are being made
        self.wait_until(f"the topic has {count} records", lambda: has() >= count,
                        CONNECTOR_SECONDS_MAX)

    @unittest.skipUnless(LONG, "MURMUR_LONG=1 runs it")
    def test_snapshots_beside_changes_are_nothing_new(self):
        """Incremental and blocking, as a signal asks for."""
        self.orders.execute(f"create table public.{self.prefix}_signals"
                            "(id text primary key, type text, data text)")
        self.orders.insert(ROWS)
        signals = f"public.{self.prefix}_signals"
        self.serve(signal_data_collection=signals, table_include_list=",".join(
            [*self.tables(), signals]))
        file = self.define()
        self.wait_for_mark()
        for kind in ("incremental", "blocking"):
            self.orders.change(CHANGES // 4)
            self.orders.execute(
                f"insert into {signals} values (%s, 'execute-snapshot', %s)",
                [kind, json.dumps({"data-collections": [self.table()], "type": kind})])
            self.connection.commit()
            self.orders.change(CHANGES // 4)
            self.wait_for_mark()
            summary = self.catch_up(file)
            self.assertEqual(summary["dead_letters"], 0)
            self.assertNotIn("at_least_once", summary)
            self.check(file)

    @unittest.skipUnless(LONG, "MURMUR_LONG=1 runs it")
    def test_values_left_out_of_every_type_that_has_a_placeholder(self):
        types = {"t": "text", "ts": "text[]", "i": "int[]", "b": "bigint[]", "d": "date[]",
                 "u": "uuid[]", "y": "bytea", "j": "jsonb"}
        values = ["repeat('x', 9000)", "array[repeat('y', 9000)]",
                  "(select array_agg(i) from generate_series(7, 4000) i)",
                  "(select array_agg(i) from generate_series(8, 4000) i)",
                  "(select array_agg(date '2026-03-01' + i) from generate_series(1, 4000) i)",
                  "(select array_agg(gen_random_uuid()) from generate_series(1, 900))",
                  "decode(repeat('ab', 9000), 'hex')",
                  "jsonb_build_object('k', repeat('q', 9000))"]
        table = f"public.{self.prefix}_large"
        self.orders.execute(f"create table {table} (id int primary key, x int, " + ", ".join(
            f"{name} {kind}" for name, kind in types.items()) + ")")
        for name in types:
            self.orders.execute(f"alter table {table} alter column {name} set storage external")
        self.orders.execute(f"insert into {table} values (1, 1, {', '.join(values)})")
        self.connection.commit()
        self.serve(table_include_list=",".join([*self.tables(), table]))
        file = self.write("large.yaml", f"""
name: large
key: [x]
aggregates:
  n: count
  t: sum(length(t))
  ts: set(ts[0])
  i: sum(i[0])
  b: sum(b[3000])
  d: set(d[1])
  u: set(u[0])
  y: sum(length(y))
  j: sum(length(j))
live: {{kafka: {{brokers: '{self.kafka.address}', topic: {self.prefix}.{table}, format: debezium,
  start: earliest}}}}
state: {{rocksdb: {{path: state/large}}}}
""")
        self.wait_for_mark()
        self.catch_up(file)
        [before] = self.succeed("dump", file).rows()
        self.assertEqual([before["i"], before["b"]], [7, 3008])
        self.orders.execute(f"update {table} set x = 2")
        self.wait_for_mark()
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        [after] = self.succeed("dump", file).rows()
        self.assertEqual(after, before | {"key": {"x": 2}})

    def test_topics_that_are_not_of_a_table(self):
        self.orders.insert(20)
        self.serve(provide_transaction_metadata="true", heartbeat_interval_ms=200)
        self.wait_for_mark()
        self.orders.change(20)
        self.wait_for_mark()
        for name, topic, why in (
                ("transactions", f"{self.prefix}.transaction", "transactions begin and end"),
                ("heartbeats", f"__debezium-heartbeat.{self.prefix}", "heartbeats")):
            with self.subTest(name):
                file = self.define(name, topic)
                self.assertRegex(self.fail_with(1, "run", file, "--until-caught-up").err,
                                 f"none of .* messages could be used.*{why}")
        file = self.write("all.yaml", self.define().read_text().replace(
            f"topic: {self.topic()}", f"pattern: '^{self.prefix}[.](transaction|public.*orders)$'"))
        self.assertEqual(self.catch_up(file)["dead_letters"], 0)
        self.check(file)


class MariaDbTest(DebeziumTest):
    SCHEMA = "shop"
    TYPES = {"time": "datetime(6)", "text": "text"}
    DAY = "date_format(created, '%Y-%m-%d')"

    def connect(self):
        with shared_mariadb().connect() as connection, connection.cursor() as cursor:
            cursor.execute("create database if not exists shop")
        return shared_mariadb().connect("shop")

    def connector(self, **properties):
        return mariadb_connector(shared_mariadb(), self.kafka, self.prefix, self.tables(),
                                 **properties)

    def test_rows_as_they_are_through_kills(self):
        self.follow_through_kills()



if __name__ == "__main__":
    main()
