"""What the tests of PostgreSQL have in common: a real server with a table of its own for each test,
and who changes its rows.

What is right is told by the server: the same aggregates by GROUP BY.
"""

import collections
import contextlib
import functools
import random
import threading
import unittest

import psycopg2

import table_case
from database_servers import PostgresServer
from program import LONG
from table_case import DAYS, GROUPS, LEAST, TableCase, TableWriters

DAYS = 3
GROUPS = 1_000 if LONG else 40
LEAST = 100  # amounts up to this don't match
FIRST_DAY = "timestamptz '2026-03-01 00:00:00+00'"
# Longer than what is stored in a row: the log of a change leaves it out unless it changes.
LONG_NOTE = "repeat(md5(random()::text), 100)"
LOCK_WAIT = "500ms"  # longer ones are for what a prepared transaction holds


@functools.cache
def shared_server(newest):
    return unittest.enterModuleContext(PostgresServer(
        newest=newest, max_replication_slots=50, max_wal_senders=50, max_prepared_transactions=20))


class Writers(TableWriters):
    """Transactions of many kinds: of each, some parts or the whole is rolled back, and some are
    prepared, and ended later. Now and then columns change that no definition names.

    rows: numbers of rows up to this are inserted, changed, deleted and moved away."""

    AT_ONCE = 10
    COLUMN_CHANGES = 0.005  # of the transactions

    def __init__(self, server, table, seed, rows, per_second=1_000, threads=2, key="id"):
        """key: the columns that no two rows have alike; None: there are none."""
        super().__init__(seed, per_second, threads)
        self.on_conflict = "" if key is None else (
            f"on conflict ({key}) do update set grp = excluded.grp, amount = excluded.amount, "
            "kind = excluded.kind, price = excluded.price, at = excluded.at, note = excluded.note")
        self.server, self.table, self.rows = server, table, rows
        self.ends = collections.Counter()  # of transactions
        self.mine = threading.local()      # a connection

    def write_some(self, source):
        connection = getattr(self.mine, "connection", None)
        try:
            if connection is None:
                connection = self.mine.connection = self.server.connect()
                connection.autocommit = True
                run(connection, f"set lock_timeout = '{LOCK_WAIT}'")
            return self.do_something(source, connection)
        except psycopg2.Error as error:  # it is being restarted, or another was in the way
            self.ends[type(error).__name__] += 1
            if connection is not None and not connection.closed:
                with contextlib.suppress(psycopg2.Error):
                    run(connection, "rollback")
            if connection is not None and connection.closed:
                self.mine.connection = None
            return 0

    def write(self, seed):
        super().write(seed)
        if getattr(self.mine, "connection", None) is not None:
            self.mine.connection.close()

    def close(self):
        with contextlib.closing(self.server.connect()) as connection:
            connection.autocommit = True
            self.end_prepared(random.Random(self.seed), connection)

    # --- what they do ---

    def do_something(self, source, connection):
        chance = source.random()
        if chance < self.COLUMN_CHANGES:
            self.end_prepared(source, connection)  # their locks are in the way
            run(connection, self.column_change(source))
            self.ends["columns changed"] += 1
            return 0
        if chance < 0.1:
            self.end_prepared(source, connection)
        [end] = source.choices(("commit", "rollback", "prepare transaction"), (7, 2, 1))
        name = f" '{self.table}-{source.getrandbits(60)}'" if end == "prepare transaction" else ""
        run(connection, "; ".join(["begin", *self.changes(source), end + name]))
        self.ends[end] += 1
        return self.AT_ONCE

    def end_prepared(self, source, connection):
        with connection.cursor() as cursor:
            cursor.execute("select gid from pg_prepared_xacts where starts_with(gid, %s)",
                           (f"{self.table}-",))
            names = [name for name, in cursor.fetchall()]
        for name in names:
            end = source.choice(("commit prepared", "rollback prepared"))
            with contextlib.suppress(psycopg2.errors.UndefinedObject):  # another writer was first
                run(connection, f"{end} '{name}'")
                self.ends[end] += 1

    def changes(self, source):
        statements = []
        for _ in range(self.AT_ONCE):
            one, other = self.change(source), self.change(source)
            statements += source.choices((
                [one],
                ["savepoint a", one, "rollback to a", other],
                ["savepoint a", one, "release a"],
                ["savepoint a", one, "savepoint b", other, "rollback to b", "release a"],
                [one, f"insert into {self.table}_beside values ({source.randrange(100)}, 1) "
                      "on conflict (id) do update set n = excluded.n + 1"],
            ), (16, 1, 1, 1, 1))[0]
        return statements

    def change(self, source):
        number = source.randrange(self.rows + self.rows // 10)
        group, kind = f"'g{source.randrange(GROUPS)}'", f"'{source.choice('abc')}'"
        amount, price = source.randrange(1000), source.randrange(10_000) / 100
        at = f"{FIRST_DAY} + {source.randrange(DAYS * 86400)} * interval '1 s'"
        note = LONG_NOTE if source.random() < 0.1 else f"'{kind[1] * amount}'"
        moved = number + 10 * self.rows
        update = f"update {self.table} set"
        return source.choice((
            f"insert into {self.table} values ({number}, {group}, {amount}, {kind}, {price}, {at}, "
            f"{note}) {self.on_conflict}",
            f"{update} grp = {group} where id = {number}",
            f"{update} amount = amount + {amount - 500} where id = {number}",
            f"{update} amount = {amount} where id between {number} and {number + 3}",
            f"{update} at = {at}, kind = {kind} where id = {number}",
            f"{update} note = {note} where id = {number}",
            f"delete from {self.table} where id = {number}",
            f"{update} id = {moved} where id = {number} and not exists "
            f"(select from {self.table} where id = {moved})",
            f"{update} id = {number} where id = {moved} and not exists "
            f"(select from {self.table} where id = {number})"))

    def column_change(self, source):
        spare = f"spare{source.randrange(3)}"
        alter = f"alter table {self.table}"
        return source.choice((
            f"{alter} add column if not exists {spare} int default {source.randrange(100)}",
            f"{alter} drop column if exists {spare}",
            # Writes all rows anew.
            f"{alter} add column if not exists {spare} int; "
            f"{alter} alter column {spare} type {source.choice(('int', 'bigint', 'text'))} using 7",
            f"vacuum full {self.table}",
            f"create index if not exists {self.table}_kinds on {self.table} (kind)",
            f"drop index if exists {self.table}_kinds"))


def run(connection, statements):
    with connection.cursor() as cursor:
        cursor.execute(statements)


class PostgresCase(TableCase):
    """A table of its own for each test."""

    KIND = "postgres"
    IDENTITY = "default"
    NEWEST = False  # of the servers
    COLUMNS = ("id bigint primary key, grp text not null, amount integer not null, "
               "kind text not null, price numeric(10,2) not null, at timestamptz not null, note text")

    @classmethod
    def setUpClass(cls):
        cls.postgres = shared_server(cls.NEWEST)

    def setUp(self):
        super().setUp()
        self.table = f"{type(self).__name__}_{self._testMethodName.removeprefix('test_')}"[
            :60].lower()
        self.connection = self.make(self.postgres)

    def make(self, server):
        connection = server.connect()
        connection.autocommit = True
        self.addCleanup(self.clear, server)
        with connection.cursor() as cursor:
            cursor.execute(f"create table {self.table} ({self.COLUMNS})")
            cursor.execute(f"alter table {self.table} alter column note set storage external")
            cursor.execute(f"create table {self.table}_beside (id int primary key, n int)")
            cursor.execute(f"alter table {self.table} replica identity {self.IDENTITY}")
        return connection

    def clear(self, server):
        if server.process is None:
            return
        with contextlib.closing(server.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select pg_terminate_backend(active_pid) from pg_replication_slots "
                               "where active")
                self.wait_until("no slot is read", lambda: self.ask(
                    "select count(*) from pg_replication_slots where active", connection) == 0)
                cursor.execute(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots")
                cursor.execute(f"drop table if exists {self.table}, {self.table}_beside")
                cursor.execute("select pubname from pg_publication")
                for name, in cursor.fetchall():
                    cursor.execute(f'drop publication "{name}"')

    def run_sql(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)

    def ask(self, question, connection=None):
        with (connection or self.connection).cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]

    def fill(self, count):
        self.fill_more(0, count)
        self.run_sql(f"analyze {self.table}")

    def fill_more(self, first, count):
        self.run_sql(
            f"insert into {self.table} select n, 'g' || floor(random() * {GROUPS})::int, "
            "floor(random() * 1000)::int, chr(97 + floor(random() * 3)::int), "
            "(random() * 100)::numeric(10,2), "
            f"{FIRST_DAY} + floor(random() * {DAYS} * 86400) * interval '1 s', "
            f"case when random() < 0.05 then {LONG_NOTE} else 'short' end "
            f"from generate_series({first}, {first + count - 1}) as n")

    def uri(self, server=None):
        return (server or self.postgres).uri

    def pipeline(self, *, server=None, name="pipeline", role="source", source={}, **changes):
        source = {"uri": self.uri(server), "table": self.table} | source
        return self.write_pipeline(name, role, source, self.definition() | changes)

    def expected(self):
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select grp, to_char(date_trunc('day', at at time zone 'UTC'), "
                "'YYYY-MM-DD\"T00:00:00Z\"'), kind, count(*), sum(amount), sum(price) "
                f"from {self.table} where amount > {LEAST} group by 1, 2, 3")
            return self.answers(cursor.fetchall())


class ByCuts(table_case.ByCuts):
    IDENTITY = "full"


class OnNewest:
    """The same with the newest server."""

    NEWEST = True
