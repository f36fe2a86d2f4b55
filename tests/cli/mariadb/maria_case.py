"""What the tests of MariaDB have in common: a real server with a table of its own for each test,
and who changes its rows.

What is right is told by the server: the same aggregates by GROUP BY.
"""

import contextlib
import functools
import threading
import unittest

import pymysql

import table_case
from database_servers import MariaDbServer
from program import LONG
from table_case import DAYS, GROUPS, LEAST, TableCase, TableWriters

ROWS = 500_000 if LONG else 30_000
KILLS = 20 if LONG else 4
WRITES_PER_SECOND = 1_000
FIRST_DAY = "timestamp'2026-03-01 00:00:00'"
DATABASE = "shop"


@functools.cache
def shared_server():
    return unittest.enterModuleContext(MariaDbServer())


def row(source, number):
    note = "x" * 3000 if source.random() < 0.1 else "short"
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
                connection = self.mine.connection = self.server.connect(DATABASE)
            with connection.cursor() as cursor:
                connection.begin()
                self.transaction(source, cursor, self.AT_ONCE)
                if source.random() < 0.1:
                    connection.rollback()
                else:
                    connection.commit()
            return self.AT_ONCE
        except (pymysql.err.MySQLError, OSError):  # it is being restarted, or a row was in the way
            try:
                connection.rollback()
            except (AttributeError, pymysql.err.MySQLError, OSError):
                self.mine.connection = None
            return 0

    def write(self, seed):
        super().write(seed)
        if getattr(self.mine, "connection", None) is not None:
            self.mine.connection.close()

    def transaction(self, source, cursor, changes):
        """Some are rolled back in part."""
        for number in sorted(source.randrange(ROWS + ROWS // 10) for _ in range(changes)):
            if source.random() < 0.1:
                cursor.execute("savepoint here")
                self.change(source, cursor, number)
                cursor.execute("rollback to savepoint here")
            self.change(source, cursor, number)

    def change(self, source, cursor, number):
        new = row(source, number)
        values = f"values (%s, %s, %s, %s, %s, {FIRST_DAY} + interval %s second, %s)"
        changes = [
            lambda: cursor.execute(
                f"insert into {self.table} {values} on duplicate key update grp = values(grp), "
                "amount = values(amount), kind = values(kind), at = values(at)", new),
            lambda: cursor.execute(f"replace into {self.table} {values}", new),
            lambda: cursor.execute(
                f"update {self.table} set grp = %s where id = %s", (new[1], number)),
            lambda: cursor.execute(
                f"update {self.table} set amount = amount + %s where id between %s and %s",
                (source.randrange(-200, 200), number, number + 2)),
            lambda: cursor.execute(
                f"update {self.table} set at = {FIRST_DAY} + interval %s second, kind = %s "
                "where id = %s", (new[5], new[3], number)),
            lambda: cursor.execute(
                f"update {self.table} set note = %s where id = %s", (new[6], number)),
            lambda: cursor.execute(f"delete from {self.table} where id = %s", (number,)),
            lambda: cursor.execute(
                f"update ignore {self.table} set id = %s where id = %s",
                (number + 10 * ROWS, number))]
        source.choice(changes)()


class MariaCase(TableCase):
    """A table of its own for each test."""

    KIND = "mariadb"
    METHOD = "ledger"
    COLUMNS = ("id bigint primary key, grp varchar(20) not null, amount int not null, "
               "kind enum('a', 'b', 'c', 'x') not null, price decimal(10,2) not null, "
               "at timestamp not null default '2026-03-01', note text")

    @classmethod
    def setUpClass(cls):
        cls.mariadb = shared_server()

    def setUp(self):
        super().setUp()
        self.table = f"{type(self).__name__}_{self._testMethodName.removeprefix('test_')}"[
            :60].lower()
        self.connection = self.make(self.mariadb)

    def make(self, server):
        with contextlib.closing(server.connect()) as connection:
            connection.cursor().execute(f"create database if not exists {DATABASE}")
        connection = server.connect(DATABASE)
        connection.autocommit(True)
        self.addCleanup(self.clear, server)
        with connection.cursor() as cursor:
            cursor.execute(f"create table {self.table} ({self.COLUMNS})")
        return connection

    def clear(self, server):
        if server.process is None:
            return
        with contextlib.closing(server.connect(DATABASE)) as connection:
            connection.cursor().execute(f"drop table if exists {self.table}")

    def run_sql(self, *statements):
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ask(self, question):
        with self.connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]

    def fill(self, count):
        self.fill_more(0, count)
        self.run_sql(f"analyze table {self.table}")

    def fill_more(self, first, count):
        self.run_sql(
            f"insert into {self.table} (id, grp, amount, kind, price, at, note) select seq, "
            f"concat('g', floor(rand() * {GROUPS})), floor(rand() * 1000), "
            "char(97 + floor(rand() * 3)), rand() * 100, "
            f"{FIRST_DAY} + interval floor(rand() * {DAYS} * 86400) second, "
            "if(rand() < 0.05, repeat(md5(seq), 100), 'short') "
            f"from seq_{first}_to_{first + count - 1}")

    def uri(self, server=None, user="root"):
        return f"mysql://{user}@127.0.0.1:{(server or self.mariadb).port}/{DATABASE}"

    def pipeline(self, *, server=None, name="pipeline", role="source", source={}, **changes):
        source = {"uri": self.uri(server), "table": self.table} | source
        entries = self.definition() | ({"method": self.METHOD} if role == "source" else {}) | changes
        return self.write_pipeline(name, role, source, entries)

    def expected(self):
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select grp, date_format(at, '%Y-%m-%dT00:00:00Z'), kind, count(*), sum(amount), "
                f"sum(price) from {self.table} where amount > {LEAST} group by 1, 2, 3")
            return self.answers(cursor.fetchall())


class ByCuts(table_case.ByCuts):
    METHOD = "cut"
