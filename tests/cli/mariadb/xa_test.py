"""XA transactions, whose changes lie in the log where they are prepared, and count where they are
committed."""

import collections
import contextlib
import itertools
import random
import threading
import time

import pymysql

from database_servers import MariaDbServer
from maria_case import DATABASE, KILLS, ROWS, ByCuts, MariaCase, Writers
from program import LONG, main

RESTARTS = 4 if LONG else 2


# A prepared transaction keeps its locks: those between rows would be in the way.
SETTINGS = ("set innodb_lock_wait_timeout = 5, lock_wait_timeout = 5",
            "set session transaction isolation level read committed")


class XaTest(MariaCase):
    def setUp(self):
        super().setUp()
        self.run_sql(*SETTINGS)

    def prepare(self, name, *statements):
        """By a connection of its own, so that any other may end it."""
        with contextlib.closing(self.mariadb.connect(DATABASE)) as connection:
            number = connection.thread_id()
            with connection.cursor() as cursor:
                for statement in (*SETTINGS, f"xa start {name}", *statements, f"xa end {name}",
                                  f"xa prepare {name}"):
                    cursor.execute(statement)
        self.addCleanup(self.forget, name)
        self.wait_until("the server has seen that it is gone", lambda: self.ask(
            f"select count(*) from information_schema.processlist where id = {number}") == 0)

    def forget(self, name):
        """Else the server would keep the table's lock for ever."""
        with contextlib.suppress(Exception), contextlib.closing(self.mariadb.connect()) as connection:
            connection.autocommit(True)
            connection.cursor().execute(f"xa rollback {name}")

    def caught_up(self, file):
        self.catch_up(file)
        self.check(file)

    def test_they_count_when_they_are_committed(self):
        """In a run that begins anew each time, and in one that goes on."""
        self.fill(1000)
        other = f"{self.table}_other"
        self.run_sql(f"create table {other} (n int)")
        self.addCleanup(self.run_sql, f"drop table {other}")
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        for running in (False, True):
            child = self.follow(file) if running else None

            def step():
                if child is None:
                    return self.caught_up(file)
                return self.wait_while_it_runs(child, "it has counted",
                                               lambda: self.dumped(file) == self.expected())
            self.prepare("'one'", f"update {self.table} set amount = amount + 7 where id < 50",
                         f"insert into {other} values (1)",
                         f"delete from {self.table} where id between 50 and 59")
            step()
            self.fill_more(5000, 10)
            self.prepare("X'00ff27','b''q',7", f"update {self.table} set id = id - 20000 "
                         "where id between 100 and 149")
            self.prepare("'back'", f"delete from {self.table} where id between 200 and 300")
            self.prepare("'other'", f"insert into {other} values (2)")
            self.run_sql("flush binary logs", f"delete from {self.table} where id >= 5000 and "
                         "id < 5010")
            step()
            self.run_sql("xa commit X'00ff27','b''q',7")
            step()
            self.run_sql("xa rollback 'back'", "xa commit 'other'", "xa start 'at once'",
                         f"update {self.table} set grp = 'x' where id = 400", "xa end 'at once'",
                         "xa commit 'at once' one phase")
            step()
            self.run_sql("flush binary logs", "xa commit 'one'")
            step()
            self.prepare("'one'", f"update {self.table} set amount = amount + 5 where id = 600")
            step()
            self.run_sql("xa commit 'one'", f"update {self.table} set id = id + 20000 "
                         "where id < 0")
            self.fill_more(50, 10)
            step()
            if child is not None:
                self.end(child)
        self.assertNotIn("~", self.positions(file))

    def positions(self, file):
        return str(self.status(file))

    def test_one_that_needs_many_batches(self):
        """The run is killed while it counts it."""
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.prepare("'large'", f"insert into {self.table} (id, grp, amount, kind, price, note) "
                     f"select seq, concat('g', seq % 9), seq % 1000, 'a', 1, repeat('x', 100) "
                     f"from seq_1000_to_{1000 + 2 * ROWS}")
        self.caught_up(file)
        self.run_sql("set global log_bin_compress = on", "xa commit 'large'",
                     f"delete from {self.table} where id % 2 = 0")
        self.addCleanup(self.run_sql, "set global log_bin_compress = off")
        for _ in range(4):
            child = self.start("run", file, "--quiet")
            time.sleep(self.random.uniform(0.1, 0.6))
            self.kill(child)
        self.caught_up(file)

    def test_a_compressed_log(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.run_sql("set global log_bin_compress = on, binlog_checksum = none")
        self.addCleanup(self.run_sql,
                        "set global log_bin_compress = off, binlog_checksum = crc32")
        self.prepare("'compressed'", f"update {self.table} set note = repeat('y', 5000), "
                     "amount = amount + 100")
        self.caught_up(file)
        self.run_sql("set global binlog_checksum = crc32", "xa commit 'compressed'")
        self.caught_up(file)

    def test_the_log_of_a_prepared_one_was_purged(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.prepare("'old'", f"update {self.table} set amount = 500 where id = 5")
        self.run_sql("flush binary logs", "flush binary logs")
        self.caught_up(file)
        last = self.ask("show master status")

        def purged():
            self.run_sql(f"purge binary logs to '{last}'")
            return self.ask("show binary logs") == last
        self.wait_until("the log is purged", purged)
        self.run_sql("xa commit 'old'")
        err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
        self.assertIn("purged", err)
        self.assertIn("XA", err)
        self.assertIn("--fresh", err)


    def test_changes_alone_begin_when_those_that_are_prepared_have_ended(self):
        self.fill(10)
        self.prepare("'before'", f"update {self.table} set amount = 500 where id = 1")
        file = self.pipeline(name="changes", role="live")
        child = self.start("run", file)
        time.sleep(4)
        self.run_sql("xa commit 'before'")
        self.wait_until("it follows", lambda: (self.murmur("status", file).code == 0 and
                                               self.status(file).get("live")))
        self.prepare("'after'", f"insert into {self.table} (id, grp, amount, kind, price) "
                     "values (100, 'new', 900, 'a', 1)")
        self.run_sql("xa commit 'after'")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: [n for n, *_ in self.dumped(file).values()] == [1])
        self.assertIn("(XA RECOVER): X'6265666f7265'", self.end(child))

    def test_one_that_a_server_lost_when_it_failed_holds_nothing_back(self):
        """Its changes are in the log, and the server does not know of it any more."""
        with MariaDbServer(**{"innodb-flush-log-at-trx-commit": 0}) as server:
            self.connection = self.make(server)
            self.fill(100)
            file = self.pipeline(server=server)
            self.succeed("bootstrap", file, "--quiet")
            time.sleep(2)  # InnoDB writes its own log once a second
            for number in range(20):
                self.connection = server.connect(DATABASE)
                self.run_sql(f"xa start 'lost{number}'",
                             f"update {self.table} set amount = amount + 1 where id = {number}",
                             f"xa end 'lost{number}'", f"xa prepare 'lost{number}'")
                server.crash()
                server.start()
                self.connection = server.connect(DATABASE)
                self.connection.autocommit(True)
                with self.connection.cursor() as cursor:
                    cursor.execute("xa recover")
                    if not cursor.fetchall():
                        break
                self.run_sql(f"xa rollback 'lost{number}'")
            self.caught_up(file)
            self.fill_more(1000, 10)
            self.caught_up(file)
            last = self.ask("show master status")

            def purged():
                self.run_sql(f"purge binary logs to '{last}'")
                return self.ask("show binary logs") == last
            self.wait_until("the log is purged", purged)
            self.caught_up(file)


class CutXaTest(ByCuts, XaTest):
    pass


class XaWriters(Writers):
    """Most of what they write is XA. They leave some open for seconds, and end them by the
    connection that prepared them or by another one."""

    AT_ONCE = 4
    NAMES = 200  # each is used again and again
    GONE = 1397  # there is no transaction of this name

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lock = threading.Lock()
        # Under it.
        self.free = collections.deque(f"X'{n:04x}','{n % 3}',{n % 7}" for n in range(self.NAMES))
        self.open = []  # due, name, connection or none
        self.idle = []  # connections

    def __enter__(self):
        with contextlib.closing(self.server.connect()) as connection:
            connection.cursor().execute("set global innodb_lock_wait_timeout = 1, "
                                        "tx_isolation = 'READ-COMMITTED'")
        self.ender = threading.Thread(target=self.end_them, args=(random.Random(self.seed),))
        self.ender.start()
        return super().__enter__()

    def end_them(self, source):
        while not self.ended.wait(0.02):
            self.end_due(source, time.monotonic())

    def write_some(self, source):
        if source.random() < 0.3:
            return super().write_some(source)
        with self.lock:
            name = self.free.popleft() if self.free else None
        if name is None:
            return self.AT_ONCE
        connection, prepared = None, None
        try:
            with self.lock:
                connection = self.idle.pop() if self.idle else None
            connection = connection or self.connect()
            with connection.cursor() as cursor:
                cursor.execute(f"xa start {name}")
                for number in sorted(source.randrange(ROWS + ROWS // 10)
                                     for _ in range(self.AT_ONCE)):
                    self.change(source, cursor, number)
                cursor.execute(f"xa end {name}")
                prepared = name
                cursor.execute(f"xa prepare {name}")
            if source.random() < 0.1:
                connection.close()
                connection = None
        except (pymysql.err.MySQLError, OSError):
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()
                connection = None
        if prepared is None:
            with self.lock:
                self.free.append(name)
            return 0
        open_for = source.choice((0, 0, 0, 0.02, 0.2, 1, 3))
        with self.lock:
            self.open.append((time.monotonic() + open_for, name, connection))
        return self.AT_ONCE

    def end_due(self, source, now):
        with self.lock:
            due = [one for one in self.open if one[0] <= now]
            self.open = [one for one in self.open if one[0] > now]
        for _, name, connection in due:
            how = "rollback" if source.random() < 0.2 else "commit"
            if not self.end(f"xa {how} {name}", connection):
                with self.lock:
                    self.open.append((now + 0.5, name, None))
                continue
            with self.lock:
                self.free.append(name)

    def end(self, statement, connection):
        try:
            connection = connection or self.connect()
            connection.cursor().execute(statement)
            with self.lock:
                self.idle.append(connection)
        except pymysql.err.MySQLError as error:
            return error.args[0] == self.GONE and self.is_gone(statement.split()[-1])
        except OSError:
            return False
        return True

    def connect(self):
        connection = self.server.connect(DATABASE)
        connection.autocommit(True)
        connection.cursor().execute("set lock_wait_timeout = 5")
        return connection

    def is_gone(self, name):
        """Not if the server has only not seen the end of the connection that prepared it."""
        with contextlib.suppress(pymysql.err.MySQLError, OSError):
            with contextlib.closing(self.server.connect(DATABASE)) as connection:
                cursor = connection.cursor()
                cursor.execute("xa recover")
                of_name = bytes.fromhex(name[2:6])
                return all(row[3][:2] != of_name for row in cursor.fetchall())
        return False

    def close(self):
        """Ends all that are open."""
        self.ender.join()
        with contextlib.closing(self.server.connect(DATABASE)) as connection:
            connection.autocommit(True)
            for one in [one for _, _, one in self.open] + self.idle:
                if one is not None:
                    with contextlib.suppress(Exception):
                        one.close()
            for _ in range(100):
                cursor = connection.cursor()
                cursor.execute("xa recover format = 'SQL'")
                names = [row[3] for row in cursor.fetchall()]
                if not names:
                    return
                for name in names:
                    with contextlib.suppress(pymysql.err.MySQLError):
                        cursor.execute(f"xa commit {name}")
                time.sleep(0.1)
        raise AssertionError("there are XA transactions left")


class XaStormTest(MariaCase):
    """Writers never stop, while the scan runs and live follows, through kills and restarts."""

    def test_kills_and_restarts_under_load(self):
        server = self.enterContext(MariaDbServer(**{
            "max-binlog-size": "1M", "innodb-lock-wait-timeout": 1,
            "transaction-isolation": "READ-COMMITTED",
            "max-connections": 500}))  # a writer leaves up to 200 transactions open
        self.connection = self.make(server)
        self.fill(ROWS)
        file = self.pipeline(server=server)
        how = itertools.cycle((server.crash, server.stop))

        def restart():
            next(how)()
            server.start()
        with XaWriters(server, self.table, self.seed, 600, 4) as writers:
            self.run_through(file, KILLS, RESTARTS, restart)
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.connection = server.connect(DATABASE)
        self.connection.autocommit(True)
        self.catch_up(file)
        self.check(file)

    def test_scans_beside_xa(self):
        """Scan after scan, each of many reads."""
        self.fill(ROWS)
        with XaWriters(self.mariadb, self.table, self.seed, 1500, 4):
            for number in range(10 if LONG else 3):
                file = self.pipeline(name=f"scan{number}")
                self.succeed("run", file, "--until-caught-up", "--quiet", "--threads", "2")
        for number in range(10 if LONG else 3):
            file = self.directory / f"scan{number}.yaml"
            self.catch_up(file)
            self.check(file)


class CutXaStormTest(ByCuts, XaStormTest):
    pass


if __name__ == "__main__":
    main()
