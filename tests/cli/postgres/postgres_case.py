"""What the tests of PostgreSQL have in common: a real server with a table of its own for each test,
and who changes its rows.

What is right is told by the server: the same aggregates by GROUP BY.
"""

import contextlib
import functools
import threading
import unittest

import psycopg2

import table_case
from database_servers import PostgresServer
from program import LONG
from table_case import TableCase, TableWriters

ROWS = 500_000 if LONG else 30_000
KILLS = 20 if LONG else 4
WRITES_PER_SECOND = 1_000
DAYS = 3
GROUPS = 40
LEAST = 100  # amounts up to this don't match
DEFINITION = {
    "key": "[grp]",
    "time": "at",
    "window": "{every: 1d}",
    "where": f"amount > {LEAST}",
    "aggregates": "{n: count, total: sum(amount), price: 'sum(price, decimal=2)', "
                  "kinds: count_by(kind)}",
}
COLUMNS = ("id bigint primary key, grp text not null, amount integer not null, kind text not null, "
           "price numeric(10,2) not null, at timestamptz not null, note text")
FIRST_DAY = "timestamptz '2026-03-01 00:00:00+00'"


@functools.cache
def shared_server(newest):
    return unittest.enterModuleContext(PostgresServer(
        newest=newest, max_replication_slots=50, max_wal_senders=50, max_prepared_transactions=20))


def row(source, number):
    # Long values lie apart from their row, and the log of a change leaves them out.
    note = "x" * 3000 if source.random() < 0.1 else "short"
    if len(note) > 100:
        note = "".join(source.choice("abcdefghij") for _ in range(3000))
    return (number, f"g{source.randrange(GROUPS)}", source.randrange(1000), source.choice("abc"),
            f"{source.randrange(10_000) / 100:.2f}", source.randrange(DAYS * 86400), note)


class Writers(TableWriters):
    AT_ONCE = 10

    def __init__(self, server, table, seed, per_second=WRITES_PER_SECOND, threads=2):
        super().__init__(seed, per_second, threads)
        self.server, self.table = server, table
        self.mine = threading.local()  # a connection

    def write_some(self, source):
        connection = getattr(self.mine, "connection", None)
        try:
            if connection is None:
                connection = self.mine.connection = self.server.connect()
            with connection, connection.cursor() as cursor:
                self.transaction(source, cursor, self.AT_ONCE)
            return self.AT_ONCE
        except psycopg2.Error:  # it is being restarted, or a row was in the way
            if connection is not None and connection.closed:
                self.mine.connection = None
            elif connection is not None:
                with contextlib.suppress(psycopg2.Error):
                    connection.rollback()
            return 0

    def write(self, seed):
        super().write(seed)
        if getattr(self.mine, "connection", None) is not None:
            self.mine.connection.close()

    def transaction(self, source, cursor, changes):
        """Some are rolled back, in part or whole."""
        for number in sorted(source.randrange(ROWS + ROWS // 10) for _ in range(changes)):
            if source.random() < 0.1:
                cursor.execute("savepoint here")
                self.change(source, cursor, number)
                cursor.execute("rollback to savepoint here")
            self.change(source, cursor, number)
        if source.random() < 0.1:
            raise psycopg2.Error("it is taken back")

    def change(self, source, cursor, number):
        new = row(source, number)
        changes = [
            lambda: cursor.execute(
                f"insert into {self.table} values (%s, %s, %s, %s, %s, {FIRST_DAY} + "
                "%s * interval '1 s', %s) on conflict (id) do update set grp = excluded.grp, "
                "amount = excluded.amount, kind = excluded.kind, price = excluded.price, "
                "at = excluded.at, note = excluded.note", new),
            lambda: cursor.execute(
                f"update {self.table} set grp = %s where id = %s", (new[1], number)),
            lambda: cursor.execute(
                f"update {self.table} set amount = amount + %s where id = %s",
                (source.randrange(-200, 200), number)),
            lambda: cursor.execute(
                f"update {self.table} set at = {FIRST_DAY} + %s * interval '1 s', kind = %s "
                "where id = %s", (new[5], new[3], number)),
            lambda: cursor.execute(
                f"update {self.table} set note = %s where id = %s", (new[6], number)),
            lambda: cursor.execute(f"delete from {self.table} where id = %s", (number,)),
            lambda: cursor.execute(
                f"update {self.table} set id = %s where id = %s and not exists "
                f"(select from {self.table} where id = %s)",
                (number + 10 * ROWS, number, number + 10 * ROWS))]
        source.choice(changes)()


class PostgresCase(TableCase):
    """A table of its own for each test."""

    KIND = "postgres"
    IDENTITY = "default"
    NEWEST = False  # of the servers

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
            cursor.execute(f"create table {self.table} ({COLUMNS})")
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
                cursor.execute(f"drop table if exists {self.table}")

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
            "case when random() < 0.05 then repeat(md5(n::text), 100) else 'short' end "
            f"from generate_series({first}, {first + count - 1}) as n")

    def uri(self, server=None):
        return f"postgres://postgres@127.0.0.1:{(server or self.postgres).port}/postgres"

    def pipeline(self, *, server=None, name="pipeline", role="source", source={}, **changes):
        source = {"uri": self.uri(server), "table": self.table} | source
        return self.write_pipeline(name, role, source, DEFINITION | changes)

    def dumped(self, file):
        return {(row["key"]["grp"], row["window"]):
                (row["n"], row["total"], row["price"],
                 {kind["value"]: kind["count"] for kind in row["kinds"]})
                for row in self.succeed("dump", file).rows()}

    def expected(self):
        answers = {}
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select grp, to_char(date_trunc('day', at at time zone 'UTC'), "
                "'YYYY-MM-DD\"T00:00:00Z\"'), kind, count(*), sum(amount), sum(price) "
                f"from {self.table} where amount > {LEAST} group by 1, 2, 3")
            for group, day, kind, n, total, price in cursor.fetchall():
                before = answers.setdefault((group, day), (0, 0, 0, {}))
                answers[group, day] = (before[0] + n, before[1] + total, before[2] + price,
                                       before[3] | {kind: n})
        return {key: (n, total, f"{price:.2f}", kinds)
                for key, (n, total, price, kinds) in answers.items()}


class ByCuts(table_case.ByCuts):
    IDENTITY = "full"


class OnNewest:
    """The same with the newest server."""

    NEWEST = True
