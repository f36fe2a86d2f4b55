"""A table that is scanned and followed, by a ledger and by cuts."""

import contextlib
import threading
import time

from database_servers import PostgresServer
from postgres_case import LONG_NOTE, ByCuts, OnNewest, PostgresCase, Writers, run
from program import SLOWNESS, main
from table_case import LEAST, SqlTests


class ChangeTest(PostgresCase):
    def test_every_kind_of_change(self):
        self.fill(2000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.run_sql(f"delete from {self.table} where id % 5 = 0")
        self.run_sql(f"update {self.table} set grp = 'moved' where id % 5 = 1")
        self.run_sql(f"update {self.table} set amount = 1 where id % 5 = 2")
        self.run_sql(f"update {self.table} set id = id + 100000 where id % 5 = 3")
        self.run_sql(f"update {self.table} set note = note || '!' where id % 5 = 4")
        self.fill_more(2000, 100)
        self.catch_up(file)
        self.check(file)
        self.run_sql(f"delete from {self.table}")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})


class CutChangeTest(ByCuts, ChangeTest):
    pass


class NewestChangeTest(OnNewest, ChangeTest):
    pass


class NewestCutChangeTest(OnNewest, CutChangeTest):
    pass


class LiveTest(SqlTests, PostgresCase):
    def test_a_table_that_is_truncated(self):
        self.fill(3000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.run_sql(f"truncate {self.table}")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})
        child = self.follow(file)
        self.fill_more(0, 2000)
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.run_sql(f"truncate {self.table}; insert into {self.table} (id, grp, amount, kind, price, at) "
                     "values (-1, 'a', 500, 'x', 1, now())")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.check(file)

    def test_a_transaction_that_truncates(self):
        """With rows before and after that, another table, and one that is rolled back."""
        self.fill(300)
        self.run_sql(f"create table if not exists other (id int primary key references {self.table})")
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        with contextlib.closing(self.postgres.connect()) as connection:
            cursor = connection.cursor()
            for ends in (connection.rollback, connection.commit):
                cursor.execute(f"update {self.table} set amount = amount + 1")
                cursor.execute(f"truncate {self.table} cascade")
                cursor.execute(f"insert into {self.table} select n, 'after', 600, 'x', n, now() "
                               "from generate_series(1, 10) as n")
                cursor.execute(f"update {self.table} set amount = 700 where id < 3")
                ends()
                self.catch_up(file)
                self.check(file)
        self.run_sql("drop table other")

    def test_columns_that_change_are_the_end(self):
        """Of those that the definition names; while it runs, and while it does not."""
        self.run_sql(f"alter table {self.table} add column unread int")
        for number, (change, says) in enumerate((
                ("alter column amount type bigint", "the type of column 'amount'"),
                ("alter column price type numeric(12,4)", "the type of column 'price'"),
                ("drop column kind", "column 'kind'"),
                ("rename column grp to grp2", "column 'grp'"))):
            for running in (False, True):
                with self.subTest(change, running=running):
                    self.run_sql(f"drop table {self.table}, {self.table}_beside")
                    self.make(self.postgres).close()
                    self.fill(100)
                    file = self.pipeline(name=f"p{number}{running}")
                    self.succeed("bootstrap", file, "--quiet")
                    dumped = self.dumped(file)
                    if running:
                        child = self.follow(file)
                        self.run_sql(f"alter table {self.table} {change}")
                        self.run_sql(f"update {self.table} set note = 'after'")
                        err = self.wait_for_end(child, 1)
                        # Told by a change, or by the table, if it was opened after the change.
                        self.assertTrue(says in err or "is not as it was" in err, err)
                    else:
                        self.run_sql(f"alter table {self.table} {change}")
                        err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
                    self.assertIn("--fresh", err)
                    self.assertEqual(self.dumped(file), dumped)

    def test_other_columns_may_change(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        self.run_sql(f"alter table {self.table} add column unread int default 5")
        self.run_sql(f"update {self.table} set grp = 'moved' where id % 2 = 0")
        self.run_sql(f"alter table {self.table} drop column unread")
        self.fill_more(100, 100)
        self.run_sql(f"alter table {self.table} alter column note type varchar(20000)")
        self.run_sql(f"update {self.table} set amount = amount + 1")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)

    def test_a_scanned_table_is_written_anew(self):
        """A retyped column makes the server write all rows anew; who reads them by an older
        snapshot sees none."""
        rows = 300_000
        self.fill(rows)
        self.run_sql(f"alter table {self.table} add column spare int")
        file = self.pipeline()
        child = self.start("bootstrap", file, "--quiet", "--threads", "1")
        self.wait_while_it_runs(child, "it reads", lambda: self.ask(
            "select count(*) from pg_stat_activity where query like 'COPY%'") > 0)
        self.run_sql(f"alter table {self.table} alter column spare type bigint")
        self.wait_for_end(child, 0)
        self.check(file)

    def test_a_transaction_that_was_prepared(self):
        """It counts when it is committed, not before."""
        self.fill(1000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        for end in ("commit", "rollback"):
            with self.subTest(end):
                self.run_sql(f"begin; update {self.table} set amount = amount + 1; "
                             f"delete from {self.table} where id % 7 = 3; "
                             f"prepare transaction '{self.table}'")
                self.catch_up(file)
                self.check(file)
                self.run_sql(f"{end} prepared '{self.table}'")
                self.catch_up(file)
                self.check(file)

    def test_long_values_that_stay(self):
        """An update does not repeat them: here they are what is counted."""
        self.fill(200)
        self.run_sql(f"update {self.table} set note = {LONG_NOTE} || id where id % 2 = 0")
        key = "[{last: 'right(note, 2)'}]"
        file = self.pipeline(key=key, time=None, window=None, aggregates="{n: count, t: sum(amount)}",
                             where=None)
        with_scan = self.start("run", file, "--quiet")
        self.run_sql(f"update {self.table} set amount = amount + 1")
        self.run_sql(f"update {self.table} set id = id + 1000 where id % 4 = 0")
        self.run_sql(f"update {self.table} set amount = amount + 1 where id % 3 = 0")

        def expected():
            with self.connection.cursor() as cursor:
                cursor.execute(f"select right(note, 2), count(*), sum(amount) from {self.table} "
                               "group by 1")
                return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}

        def dumped():
            outcome = self.murmur("dump", file)
            return {row["key"]["last"]: (row["n"], row["t"]) for row in outcome.rows()}
        self.wait_until("it has counted", lambda: dumped() == expected())
        self.end(with_scan)

    def look_up_behind_a_lock(self, server):
        """A run that follows, and waits for a lock before it can look up a row that was changed; and
        who holds the lock."""
        self.fill(10)
        self.run_sql(f"update {self.table} set note = {LONG_NOTE}, amount = {LEAST + 1}")
        file = self.pipeline(server=server,
                             aggregates="{total: sum(amount), notes: sum(length(note))}")
        child = self.follow(file)
        writer, locker = server.connect(), server.connect()
        self.addCleanup(writer.close)
        self.addCleanup(locker.close)
        run(writer, f"update {self.table} set amount = amount + 1 where id = 5")
        locking = threading.Thread(target=run, args=(
            locker, f"lock table {self.table} in access exclusive mode"))
        locking.start()
        waiting = "select count(*) from pg_locks where not granted"
        self.wait_until("the locker waits for the writer", lambda: self.ask(waiting) == 1)
        writer.commit()
        locking.join()
        if self.IDENTITY == "default":
            self.wait_until("the row is being looked up", lambda: self.ask(waiting) == 1)
        return file, child, locker

    def is_counted(self, file):
        total = sum(row["total"] for row in self.succeed("dump", file).rows())
        return total == self.ask(f"select sum(amount) from {self.table}")

    def test_a_stop_while_a_row_is_looked_up(self):
        """The change is not lost."""
        file, child, locker = self.look_up_behind_a_lock(self.postgres)
        self.end(child)
        locker.rollback()
        self.catch_up(file)
        self.assertTrue(self.is_counted(file))

    def test_a_crash_of_the_server_while_a_row_is_looked_up(self):
        server = self.enterContext(PostgresServer())
        self.connection = self.make(server)
        file, child, _ = self.look_up_behind_a_lock(server)
        server.crash()
        time.sleep(1)
        server.start()
        self.connection = server.connect()
        self.connection.autocommit = True
        self.wait_while_it_runs(child, "it has counted", lambda: self.is_counted(file))
        self.end(child)

    def test_a_slot_that_is_gone(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.run_sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
        self.fill_more(100, 10)
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("slot", outcome.err)
        self.assertIn("--fresh", outcome.err)

    def test_a_kill_while_its_slot_is_made(self):
        """Making it waits for a transaction, and goes on in the server after the kill."""
        self.fill(100)
        file = self.pipeline()
        other = self.postgres.connect()
        self.addCleanup(other.close)
        run(other, f"update {self.table} set amount = amount + 1")
        child = self.start("bootstrap", file, "--quiet")
        self.wait_while_it_runs(child, "its slot is being made", lambda: self.ask(
            "select count(*) from pg_replication_slots") == 1)
        self.kill(child)
        child = self.start("bootstrap", file, "--quiet")
        time.sleep(1)
        other.commit()
        self.wait_for_end(child, 0)
        self.check(file)

    def test_a_server_stops_at_once_under_load(self):
        """At its end it waits for those who follow its log, up to a minute."""
        server = self.enterContext(PostgresServer(max_replication_slots=50, max_wal_senders=50,
                                                  max_prepared_transactions=50))
        self.connection = self.make(server)
        self.fill(1000)
        file = self.pipeline(server=server)
        child = self.follow(file)
        with Writers(server, self.table, self.seed, 1000):
            time.sleep(1)
            began = time.monotonic()
            server.stop()
            seconds = time.monotonic() - began
            server.start()
        self.connection = server.connect()
        self.connection.autocommit = True
        self.assertLess(seconds, 10 * SLOWNESS)
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)

    def test_a_dropped_version_lets_go_of_its_slot(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        slots = "select count(*) from pg_replication_slots"
        self.assertEqual(self.ask(slots), 1)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.assertEqual(self.ask(slots), 2)
        self.succeed("drop", file, "1")
        self.assertEqual(self.ask(slots), 1)
        self.assertEqual(self.ask("select count(*) from pg_publication_tables where tablename = "
                                  f"'{self.table}'"), 1)
        self.fill_more(100, 100)
        self.catch_up(file)
        self.check(file)

    def test_verify(self):
        """Beside a run that follows, and without one; it leaves no slot behind."""
        self.verify_beside_writers(Writers(self.postgres, self.table, self.seed, 2000))
        self.assertEqual(self.ask("select count(*) from pg_replication_slots"), 1)

    def test_who_may_not(self):
        """Without a right, an error says which."""
        self.fill(10)
        self.run_sql("drop role if exists nobody_special")
        self.run_sql("create role nobody_special login")
        uri = self.uri().replace("postgres@", "nobody_special@", 1)
        err = self.fail_with(1, "bootstrap", self.pipeline(source={"uri": uri}), "--quiet").err
        self.assertIn("permission", err)
        self.run_sql("drop role nobody_special")
        err = self.fail_with(1, "bootstrap", self.pipeline(
            source={"uri": self.uri().replace("postgres@", "nosuch:secret@", 1)}), "--quiet").err
        self.assertIn("nosuch", err)
        self.assertNotIn("secret", err)

    def test_tables_that_cannot_be_followed(self):
        for create, why in (("create table {} (a int)", "no primary key"),
                            ("create view {} as select 1 as a", "view"),
                            ("create unlogged table {} (a int primary key)", "unlogged"),
                            ("create table {0} (a int primary key) partition by range (a); create "
                             "unlogged table {0}y partition of {0} default", "unlogged")):
            with self.subTest(why):
                name = f"{self.table}_x"[:63]
                self.run_sql(create.format(name))
                err = self.fail_with(1, "bootstrap", self.pipeline(
                    name=why[-6:], source={"table": name}), "--quiet").err
                self.assertIn(why, err)
                self.run_sql(f"drop {'view' if 'view' in create else 'table'} {name}")
        self.run_sql(f"alter table {self.table} replica identity nothing")
        err = self.fail_with(1, "bootstrap", self.pipeline(name="nothing"), "--quiet").err
        self.assertIn("REPLICA IDENTITY DEFAULT", err)
        self.run_sql(f"alter table {self.table} replica identity default")
        err = self.fail_with(1, "bootstrap", self.pipeline(
            name="nowhere", source={"table": "nowhere"}), "--quiet").err
        self.assertIn("no such table", err)

    def test_generated_columns_are_not_streamed(self):
        self.run_sql(f"alter table {self.table} add column twice int generated always as "
                     "(amount * 2) stored")
        err = self.fail_with(1, "bootstrap", self.pipeline(
            aggregates="{t: sum(twice)}"), "--quiet").err
        self.assertIn("generated", err)

    def test_an_idle_table_of_a_busy_server_keeps_no_log(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        confirmed = "select min(confirmed_flush_lsn) from pg_replication_slots"
        before = self.ask("select pg_current_wal_lsn()")
        self.run_sql("create table other as select generate_series(1, 20000) as n")
        self.run_sql("drop table other")
        self.wait_until("the slot has moved on", lambda: self.ask(
            f"select ({confirmed}) > '{before}'::pg_lsn"))
        self.end(child)


class CutLiveTest(ByCuts, LiveTest):
    pass


if __name__ == "__main__":
    main()
