"""A table whose server fails, or hands over: its replica, which has the same transactions in a log
of its own, answers in its place."""

import contextlib
import time

from database_servers import MariaDbServer
from maria_case import DATABASE, ROWS, ByCuts, MariaCase
from program import LONG, main
from xa_test import SETTINGS, XaWriters

SERVER = {"log-slave-updates": "1", "innodb-lock-wait-timeout": 1, "gtid-strict-mode": "1",
          "transaction-isolation": "READ-COMMITTED"}


class FailoverCase(MariaCase):
    """A pair of servers of its own for each test."""

    def setUp(self):
        super().setUp()
        self.first = self.enterContext(MariaDbServer(**SERVER | {"server-id": 11}))
        self.second = self.enterContext(MariaDbServer(**SERVER | {
            "server-id": 12, "slave-parallel-threads": 4}))
        self.replicate(self.first, self.second)
        self.connection.close()
        self.connection = self.make(self.first)
        self.run_sql(*SETTINGS)

    def clear(self, server):
        """The pair goes as a whole."""
        if server is self.mariadb:
            super().clear(server)

    @staticmethod
    def on(server, *statements):
        """The first value of the last one."""
        with contextlib.closing(server.connect()) as connection:
            connection.autocommit(True)
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                row = cursor.fetchone()
                return row and row[0]

    def replicate(self, source, replica, begin="slave_pos"):
        self.on(replica, f"change master to master_host = '127.0.0.1', master_port = {source.port}, "
                f"master_user = 'root', master_connect_retry = 1, master_use_gtid = {begin}",
                "start slave")

    def await_replica(self, source, replica):
        """Until it has all of the other one's transactions."""
        gtids = self.on(source, "select @@global.gtid_binlog_pos")
        self.assertEqual(self.on(replica, f"select master_gtid_wait('{gtids}', 60)"), 0)

    def promote(self, server):
        self.on(server, "stop slave", "reset slave all")
        self.connection = server.connect(DATABASE)
        self.connection.autocommit(True)
        self.run_sql(*SETTINGS)

    def fail_over(self, source, replica):
        """To a replica that has got everything."""
        self.await_replica(source, replica)
        source.crash()
        self.promote(replica)

    def caught_up(self, file):
        self.catch_up(file)
        self.check(file)

    def prepare(self, server, name, *statements):
        with contextlib.closing(server.connect(DATABASE)) as connection:
            number = connection.thread_id()
            with connection.cursor() as cursor:
                for statement in (*SETTINGS, f"xa start {name}", *statements, f"xa end {name}",
                                  f"xa prepare {name}"):
                    cursor.execute(statement)
        self.wait_until("the server has seen that it is gone", lambda: self.on(
            server, f"select count(*) from information_schema.processlist where id = {number}") == 0)


class FailoverTest(FailoverCase):
    def test_it_goes_on_with_the_replica_and_back(self):
        """Each time with what nobody has read yet, small transactions and a large one."""
        self.fill(2000)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        self.caught_up(file)
        here, there = self.first, self.second
        for number in range(3):
            self.fill_more(5000 * (number + 1), 10)
            self.run_sql(f"delete from {self.table} where id % 10 = {number}")
            if number > 0:  # of which a part is counted
                self.fill_more(100_000 * number, 2 * ROWS)
                child = self.start("run", file, "--quiet")
                time.sleep(self.random.uniform(0.2, 0.8))
                self.kill(child)
            self.run_sql(f"update {self.table} set amount = amount + 7 where id % 3 = 0")
            self.fail_over(here, there)
            file = self.pipeline(server=there)
            if number == 0:  # the other one's log has what was not read, and nothing else yet
                self.caught_up(file)
            self.run_sql(f"update {self.table} set grp = 'moved' where id % 7 = {number}")
            child = self.start("run", file, "--quiet")
            time.sleep(self.random.uniform(0.1, 0.4))
            self.kill(child)
            self.caught_up(file)
            self.run_sql("flush binary logs", f"delete from {self.table} where id % 11 = {number}")
            self.caught_up(file)
            self.succeed("verify", file, "--quiet")
            here.start()
            self.replicate(there, here, "current_pos")
            here, there = there, here

    def test_xa_transactions_that_are_prepared_meanwhile(self):
        self.fill(1000)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        change = f"update {self.table} set amount = amount + 300, grp = 'xa' where id between "
        self.prepare(self.first, "'read'", change + "0 and 9")
        self.prepare(self.first, "'back'", change + "10 and 19")
        self.prepare(self.first, "'commits before'", change + "20 and 29")
        self.fill_more(2000, 10)
        self.caught_up(file)
        self.run_sql("flush binary logs", "xa commit 'commits before'")
        self.prepare(self.first, "'unread'", change + "30 and 39")
        self.fail_over(self.first, self.second)
        file = self.pipeline(server=self.second)
        for statement in (f"delete from {self.table} where id = 2000", "xa rollback 'back'",
                          "flush binary logs", "xa commit 'unread'", "xa commit 'read'"):
            self.run_sql(statement)
            self.caught_up(file)
        # The names are used again.
        self.prepare(self.second, "'read'", change + "40 and 49")
        self.caught_up(file)
        self.run_sql("xa commit 'read'")
        self.caught_up(file)

    def test_domains_in_another_order(self):
        """The replica has a transaction of one domain before one of another that was written, and
        read, earlier."""
        self.fill(100)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        self.await_replica(self.first, self.second)
        with contextlib.closing(self.second.connect(DATABASE)) as blocker:
            cursor = blocker.cursor()
            cursor.execute("set innodb_lock_wait_timeout = 50")
            cursor.execute(f"select * from {self.table} where id = 1 for update")
            self.on(self.second, "set global slave_transaction_retries = 1000")
            self.run_sql("set gtid_domain_id = 1",
                         f"update {self.table} set amount = 500, grp = 'first' where id = 1")
            self.caught_up(file)
            self.run_sql("set gtid_domain_id = 2",
                         f"update {self.table} set amount = 600, grp = 'second' where id = 2")
            self.wait_until("the second is there", lambda: self.on(
                self.second, f"select grp from {DATABASE}.{self.table} where id = 2") == "second")
            self.assertNotEqual(self.on(
                self.second, f"select grp from {DATABASE}.{self.table} where id = 1"), "first")
            blocker.rollback()
        self.fail_over(self.first, self.second)
        file = self.pipeline(server=self.second)
        self.caught_up(file)
        self.run_sql("set gtid_domain_id = 1", f"delete from {self.table} where id < 10")
        self.caught_up(file)

    def test_a_run_goes_on_when_the_address_is_the_others(self):
        self.fill(1000)
        file = self.pipeline(server=self.first)
        child = self.follow(file)
        self.prepare(self.first, "'open'", f"update {self.table} set amount = 999 where id < 10")
        self.fill_more(1000, 100)
        self.await_replica(self.first, self.second)
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.first.crash()
        self.promote(self.second)
        self.fill_more(2000, 100)
        self.second.stop()
        self.second.port, self.first.port = self.first.port, self.second.port
        self.second.start()
        self.promote(self.second)
        self.fill_more(3000, 100)
        self.run_sql("xa commit 'open'")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.caught_up(file)

    def test_writers_and_xa_through_failovers(self):
        """They write to the one, and then to the other; runs are killed meanwhile."""
        self.fill(ROWS // 3)
        here, there = self.first, self.second
        file = self.pipeline(server=here)
        self.succeed("run", file, "--until-caught-up", "--quiet")
        for number in range(6 if LONG else 2):
            with XaWriters(here, self.table, self.seed + number, 400, 3):
                for _ in range(4):
                    child = self.start("run", file, "--quiet", "--threads", "2")
                    time.sleep(self.random.uniform(0.1, 1.2))
                    self.kill(child)
                time.sleep(self.random.uniform(0, 1))
            # XaWriters has ended all that it left prepared.
            self.prepare(here, f"'held{number}'", f"insert into {self.table} (id, grp, amount, kind, "
                         f"price) values ({-1 - number}, 'held', 777, 'a', 1)")
            self.fail_over(here, there)
            self.run_sql(f"xa commit 'held{number}'")
            file = self.pipeline(server=there)
            child = self.start("run", file, "--quiet", "--threads", "2")
            time.sleep(self.random.uniform(0, 0.5))
            self.kill(child)
            self.caught_up(file)
            here.start()
            self.replicate(there, here, "current_pos")
            here, there = there, here
        self.succeed("verify", file, "--quiet")


class CutFailoverTest(ByCuts, FailoverTest):
    pass


class RefusedTest(FailoverCase):
    def refused(self, file):
        before = self.dumped(file)
        err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
        self.assertIn("--fresh", err)
        self.assertEqual(self.dumped(file), before)
        return err

    def test_a_replica_that_did_not_get_what_was_read(self):
        """It is behind, and then has others in place of it."""
        self.fill(100)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        self.await_replica(self.first, self.second)
        self.on(self.second, "stop slave")
        self.fill_more(100, 10)
        self.caught_up(file)
        self.first.crash()
        self.promote(self.second)
        file = self.pipeline(server=self.second)
        self.assertIn("is behind", self.refused(file))
        self.fill_more(500, 10)
        self.assertIn("other transactions", self.refused(file))
        for _ in range(3):
            self.fill_more(600, 10)
            self.run_sql(f"delete from {self.table} where id >= 600")
        self.assertIn("other transactions", self.refused(file))
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.caught_up(file)

    def test_a_part_of_a_transaction_that_the_replica_did_not_get(self):
        self.fill(100)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        self.await_replica(self.first, self.second)
        self.on(self.second, "stop slave")
        for attempt in range(30):  # until a run is killed in time
            self.fill_more((attempt + 1) * 10_000_000, 4 * ROWS)
            child = self.start("run", file, "--quiet")
            time.sleep(self.random.uniform(0.1, 0.6))
            self.kill(child)
            if ";part=" in str(self.status(file)):
                break
        self.assertIn(";part=", str(self.status(file)))
        self.first.crash()
        self.promote(self.second)
        self.refused(self.pipeline(server=self.second))

    def test_a_replica_that_purged_what_was_not_read(self):
        self.fill(100)
        file = self.pipeline(server=self.first)
        self.succeed("bootstrap", file, "--quiet")
        self.caught_up(file)
        self.fill_more(100, 10)
        self.fail_over(self.first, self.second)
        self.run_sql("flush binary logs")
        self.fill_more(200, 10)
        self.run_sql("flush binary logs")
        last = self.ask("show master status")

        def purged():
            self.run_sql(f"purge binary logs to '{last}'")
            return self.ask("show binary logs") == last
        self.wait_until("the log is purged", purged)
        err = self.refused(self.pipeline(server=self.second))
        self.assertIn("purged", err)
        self.assertIn(last, err)

    def begin_bootstrap(self, method):
        """The name of one that was killed before its end."""
        for attempt in range(20):
            name = f"{method}{attempt}"
            file = self.pipeline(server=self.first, name=name, method=method)
            child = self.start("bootstrap", file, "--quiet", "--threads", "1")
            self.wait_until("it has begun", (self.directory / "state" / name / "v1").exists)
            time.sleep(self.random.uniform(0, 0.1))
            self.kill(child)
            status = self.status_if_any(file)
            if status.get("status") == "building" and status["source"]:
                return name
        raise AssertionError("each was complete, or had not begun")

    def test_before_all_rows_were_read(self):
        """By either method."""
        self.fill(4 * ROWS)
        begun = {method: self.begin_bootstrap(method) for method in ("ledger", "cut")}
        self.fail_over(self.first, self.second)
        for method, name in begun.items():
            file = self.pipeline(server=self.second, name=name, method=method)
            for _ in range(2):
                err = self.fail_with(1, "bootstrap", file, "--quiet").err
                self.assertIn("server_id 12 answers", err)
                self.assertIn("--fresh", err)
            self.succeed("bootstrap", file, "--fresh", "--quiet")
            self.caught_up(file)


if __name__ == "__main__":
    main()
