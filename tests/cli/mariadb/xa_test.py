"""XA transactions, whose changes lie in the log where they are prepared, and count where they are
committed."""

import contextlib
import time

from maria_case import DATABASE, ROWS, ByCuts, MariaCase
from program import main


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
            with connection.cursor() as cursor:
                for statement in (*SETTINGS, f"xa start {name}", *statements, f"xa end {name}",
                                  f"xa prepare {name}"):
                    cursor.execute(statement)
        self.addCleanup(self.forget, name)

    def forget(self, name):
        """Else the server would keep the table's lock for ever."""
        with contextlib.suppress(Exception), contextlib.closing(self.mariadb.connect()) as connection:
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


class CutXaTest(ByCuts, XaTest):
    pass


if __name__ == "__main__":
    main()
