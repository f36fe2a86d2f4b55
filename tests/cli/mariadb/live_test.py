"""A table that is scanned and followed, by a ledger and by cuts."""

import contextlib
import time

from database_servers import MariaDbServer
from maria_case import (DATABASE, KILLS, ROWS, WRITES_PER_SECOND, ByCuts, MariaCase, Writers)
from program import LONG, main
from table_case import SqlTests

RESTARTS = 3 if LONG else 1


class LiveTest(SqlTests, MariaCase):
    TRUNCATED_ROWS = ROWS // 4

    def test_every_kind_of_change(self):
        self.fill(2000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.run_sql(f"delete from {self.table} where id % 5 = 0",
                     f"update {self.table} set grp = 'moved' where id % 5 = 1",
                     f"update {self.table} set amount = 1 where id % 5 = 2",
                     f"update {self.table} set id = id + 100000 where id % 5 = 3",
                     f"update {self.table} set note = concat(note, '!') where id % 5 = 4")
        self.fill_more(2000, 100)
        self.run_sql(f"replace into {self.table} select id, 'replaced', amount, kind, price, at, note "
                     f"from {self.table} where id % 7 = 0")
        self.catch_up(file)
        self.check(file)
        self.run_sql(f"delete from {self.table}")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), {})

    def test_a_statement_that_changes_several_tables(self):
        self.fill(300)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.run_sql("create or replace table other (id bigint primary key, n int)",
                     f"insert into other select id, 5 from {self.table}",
                     f"update {self.table} t join other o using (id) set t.amount = t.amount + 1, "
                     "o.n = o.n + 1",
                     f"delete t, o from {self.table} t join other o using (id) where id % 3 = 0")
        self.catch_up(file)
        self.check(file)
        self.run_sql("drop table other")

    def test_a_compressed_log(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.run_sql("set global log_bin_compress = on")
        self.addCleanup(self.run_sql, "set global log_bin_compress = off")
        self.connection = self.mariadb.connect(DATABASE)
        self.connection.autocommit(True)
        self.fill_more(100, 500)
        self.run_sql(f"update {self.table} set amount = amount + 100")
        self.catch_up(file)
        self.check(file)

    def test_a_log_without_checksums(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        self.run_sql("set global binlog_checksum = none")
        self.addCleanup(self.run_sql, "set global binlog_checksum = crc32")
        self.fill_more(100, 100)
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.fill_more(200, 100)
        self.catch_up(file)
        self.check(file)

    def test_the_log_goes_on_in_other_files(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        for number in range(1, 5):
            self.fill_more(100 * number, 100)
            self.run_sql("flush binary logs")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.run_sql("flush binary logs")
        self.catch_up(file)
        self.check(file)

    def test_a_log_that_was_purged(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.fill_more(100, 10)
        self.run_sql("flush binary logs")
        last = self.ask("show master status")

        def purged():  # not while a reader, whose end the server has not seen, is at it
            self.run_sql(f"purge binary logs to '{last}'")
            return self.ask("show binary logs") == last
        self.wait_until("the log is purged", purged)
        outcome = self.fail_with(1, "run", file, "--until-caught-up", "--quiet")
        self.assertIn("purged", outcome.err)
        self.assertIn("--fresh", outcome.err)

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
        self.run_sql(f"truncate table {self.table}",
                     f"insert into {self.table} values (-1, 'a', 500, 'x', 1, now(), '')")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.check(file)

    def test_what_changes_the_table_as_a_whole_is_the_end(self):
        """While it runs, and while it does not."""
        for number, change in enumerate((
                "alter table {} modify amount bigint not null",
                "alter table {} modify price decimal(12,4) not null",
                "alter table {} drop column kind",
                "alter table {} rename column grp to grp2",
                "alter table {} drop primary key, add primary key (id, amount)",
                "rename table {0} to {0}_old",
                "drop table {}",
                "create or replace table {} (id bigint primary key)")):
            for running in (False, True):
                with self.subTest(change, running=running):
                    self.run_sql(f"drop table if exists {self.table}, {self.table}_old")
                    self.make(self.mariadb).close()
                    self.fill(100)
                    file = self.pipeline(name=f"p{number}{running}")
                    self.succeed("bootstrap", file, "--quiet")
                    dumped = self.dumped(file)
                    if running:
                        child = self.follow(file)
                        self.run_sql(change.format(self.table))
                        err = self.wait_for_end(child, 1)
                    else:
                        self.run_sql(change.format(self.table))
                        err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
                    if "no such table" not in err:
                        self.assertIn("--fresh", err)
                    self.assertEqual(self.dumped(file), dumped)
        self.run_sql(f"drop table if exists {self.table}_old")

    def test_other_columns_may_change(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        self.run_sql(f"alter table {self.table} add column unread int default 5 after id",
                     f"update {self.table} set grp = 'moved' where id % 2 = 0",
                     f"alter table {self.table} drop column unread")
        self.fill_more(100, 100)
        self.run_sql(f"alter table {self.table} modify note varchar(15000)",
                     f"update {self.table} set amount = amount + 1",
                     f"alter table {self.table} add index (note(10))")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)

    def test_statements_in_the_log_are_the_end(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        self.run_sql("create or replace table other (n int)", "set binlog_format = 'statement'",
                     "insert into other values (1)", "set binlog_format = 'row'")
        self.fill_more(100, 10)
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.run_sql("set binlog_format = 'statement'",
                     f"update {self.table} set amount = amount + 1",
                     "set binlog_format = 'row'", "drop table other")
        self.assertIn("binlog_format", self.wait_for_end(child, 1))

    def test_parts_of_rows_in_the_log_are_the_end(self):
        self.fill(100)
        file = self.pipeline()
        child = self.follow(file)
        self.run_sql("set binlog_row_image = 'minimal'",
                     f"update {self.table} set amount = amount + 1 where id = 5",
                     "set binlog_row_image = 'full'")
        self.assertIn("binlog_row_image", self.wait_for_end(child, 1))

    def test_a_scan_waits_for_what_is_prepared(self):
        self.fill(1000)
        self.run_sql("xa start 'before'", f"update {self.table} set amount = 900, grp = 'late' "
                     "where id < 20", "xa end 'before'", "xa prepare 'before'")
        file = self.pipeline()
        child = self.start("run", file, "--threads", "2")
        time.sleep(4)
        with contextlib.closing(self.mariadb.connect(DATABASE)) as other:
            other.cursor().execute(f"delete from {self.table} where id = 500")
            other.commit()
        self.run_sql("xa commit 'before'")
        self.wait_while_it_runs(child, "it has counted", lambda: self.murmur("dump", file).code == 0 and
                                self.dumped(file) == self.expected())
        err = self.end(child)
        self.assertIn("prepared", err)
        self.check(file)

    def test_verify(self):
        """Beside a run that follows, and without one."""
        self.verify_beside_writers(Writers(self.mariadb, self.table, self.seed))

    def test_keys_of_several_columns(self):
        self.run_sql(f"drop table {self.table}",
                     f"create table {self.table} (a varchar(10), b int unsigned, c binary(3), "
                     "grp varchar(20), amount int, kind char(1), price decimal(10,2), at datetime, "
                     "primary key (a, b, c))",
                     f"insert into {self.table} select concat('k', seq % 7), seq % 50, "
                     "unhex(lpad(hex(seq), 6, '0')), concat('g', seq % 9), 200 + seq % 100, 'a', "
                     f"seq / 100, '2026-03-01' + interval seq second from seq_0_to_{ROWS // 3}")
        file = self.pipeline(method="ledger")
        child = self.start("run", file, "--quiet", "--threads", "2")
        time.sleep(0.3)
        self.run_sql(f"update {self.table} set a = 'moved' where b = 7",
                     f"update {self.table} set a = 'K1' where a = 'k1' and b = 8")
        self.kill(child)
        self.catch_up(file)
        self.assertEqual(self.dumped(file), self.expected())
        self.succeed("verify", file, "--quiet")


class CutLiveTest(ByCuts, LiveTest):
    pass


class OtherLogTest(MariaCase):
    def test_a_log_that_was_begun_anew(self):
        """A file that has the name of the one that was read, and is shorter or longer."""
        with MariaDbServer() as server:
            self.connection = self.make(server)
            self.fill(100)
            file = self.pipeline(server=server)
            self.succeed("bootstrap", file, "--quiet")
            self.fill_more(100, 10)
            self.catch_up(file)
            time.sleep(1.1)  # nothing tells files apart that were begun in one second
            self.run_sql("reset master")
            for first, count in ((110, 10), (1000, 5000)):
                self.fill_more(first, count)
                err = self.wait_for_end(self.start("run", file, "--quiet"), 1)
                self.assertIn("--fresh", err)
            self.assertIn("RESET MASTER", err)

    def test_another_server_answers(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        with MariaDbServer(**{"server-id": 2}) as server:
            self.make(server).close()
            self.pipeline(server=server)
            err = self.wait_for_end(self.start("run", file, "--quiet"), 1)
            self.assertIn("another server", err)


class RefusalTest(MariaCase):
    def refused(self, name, says, **changes):
        err = self.fail_with(1, "bootstrap", self.pipeline(name=name, **changes), "--quiet").err
        self.assertIn(says, err)
        return err

    def test_who_may_not(self):
        self.fill(10)
        err = self.refused("nosuch", "nosuch", source={"uri": self.uri(user="nosuch:secret")})
        self.assertNotIn("secret", err)
        self.run_sql("create or replace user reader@'%' identified by 'p@:/w'",
                     f"grant select on {DATABASE}.* to reader@'%'")
        err = self.refused("wrong", "Access denied", source={"uri": self.uri(user="reader:p%40")})
        self.assertNotIn("p@", err)
        uri = self.uri(user="reader:p%40%3A%2Fw")
        self.refused("reader", "BINLOG MONITOR", source={"uri": uri})
        self.run_sql("grant binlog monitor, replication slave on *.* to reader@'%'")
        file = self.pipeline(name="may", source={"uri": uri})
        self.succeed("bootstrap", file, "--quiet")
        self.catch_up(file)
        self.assertEqual(self.dumped(file), self.expected())
        self.run_sql("drop user reader@'%'")

    def test_tables_that_cannot_be_followed(self):
        for create, why in (
                ("create table {} (a int)", "no primary key"),
                ("create view {} as select 1 as a", "view"),
                ("create table {} (a int primary key) engine = aria", "ENGINE = InnoDB"),
                ("create table {} (a int primary key) with system versioning", "system-versioned"),
                ("create sequence {}", "no table"),
                ("create table {} (a float primary key)", "primary key"),
                ("create table {} (a enum('x') primary key)", "primary key")):
            with self.subTest(why):
                name = f"{self.table}_x"
                self.run_sql(create.format(name))
                self.refused("p" + "".join(c for c in create if c.isalpha())[-20:].lower(), why,
                             source={"table": name})
                kind = create.split()[1]
                self.run_sql(f"drop {kind} {name}")
        self.refused("nowhere", "no such table", source={"table": "nowhere"})

    def test_columns_that_cannot_be_read(self):
        for column, why in (("point", "point"), ("int as (amount * 2) virtual", "generated"),
                            ("multipolygon", "multipolygon")):
            with self.subTest(why):
                self.run_sql(f"alter table {self.table} add column c {column}")
                self.refused(f"p{why.lower()}", why, aggregates="{t: count_by(c)}")
                # Unless nothing needs them.
                file = self.pipeline(name=f"without{why.lower()}")
                self.succeed("bootstrap", file, "--quiet")
                self.fill_more(0, 10)
                self.catch_up(file)
                self.assertEqual(self.dumped(file), self.expected())
                self.run_sql(f"delete from {self.table}", f"alter table {self.table} drop column c")

    def test_servers_without_what_is_needed(self):
        self.connection.close()
        for settings, why in (({"binlog-format": "MIXED"}, "binlog_format"),
                              ({"binlog-row-image": "MINIMAL"}, "binlog_row_image"),
                              ({"binlog-row-metadata": "NO_LOG"}, "binlog_row_metadata"),
                              ({"skip-log-bin": "1"}, "log_bin"),
                              ({"binlog-ignore-db": DATABASE}, "binlog_ignore_db"),
                              ({"version": "8.0.36"}, "only MariaDB is supported")):
            with self.subTest(why), MariaDbServer(**settings) as server:
                self.make(server).close()
                self.refused(f"p{why.replace('_', '')[:10].replace(' ', '').lower()}", why,
                             server=server)

    def test_a_foreign_key_that_changes_rows(self):
        """By a ledger a note says so; cuts are refused."""
        self.run_sql("create or replace table parent (id bigint primary key)",
                     f"alter table {self.table} add column parent bigint, add foreign key (parent) "
                     "references parent (id) on delete cascade")
        self.addCleanup(self.run_sql, "drop table parent")
        self.addCleanup(self.run_sql, f"drop table {self.table}")
        self.refused("cut", "foreign key", method="cut")
        self.assertIn("foreign key", self.succeed("bootstrap", self.pipeline()).err)


class StormTest(MariaCase):
    """Writers never stop, while the scan runs and live follows, through kills and restarts."""

    def test_kills_and_restarts_under_load(self):
        server = self.enterContext(MariaDbServer(**{"max-binlog-size": "1M"}))
        self.connection = self.make(server)
        self.fill(ROWS)
        file = self.pipeline(server=server)

        def restart():
            server.stop()
            server.start()
        with Writers(server, self.table, self.seed, 2 * WRITES_PER_SECOND, 4) as writers:
            self.run_through(file, KILLS, RESTARTS, restart)
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.connection = server.connect(DATABASE)
        self.connection.autocommit(True)
        self.catch_up(file)
        self.check(file)


class CutStormTest(ByCuts, StormTest):
    pass


if __name__ == "__main__":
    main()
