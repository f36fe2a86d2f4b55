"""Tables of other kinds: partitioned ones, and those whose rows have no names."""

import time

from postgres_case import ByCuts, PostgresCase, Writers
from program import LONG, main

ROWS = 300_000 if LONG else 20_000
KILLS = 10 if LONG else 3
FRESH = "murmur bootstrap FILE --fresh"


class PartitionedTest(PostgresCase):
    """Rows lie by days; their key has the day."""

    COLUMNS = ("id bigint, grp text not null, amount integer not null, kind text not null, "
               "price numeric(10,2) not null, at timestamptz not null, note text, "
               "primary key (id, at)) partition by range (at")

    def make(self, server):
        self.connection = super().make(server)
        for day in (1, 2, 3):
            self.add_day(day)
        return self.connection

    def name_of_day(self, day):
        return f"{self.table[:50]}_{day}"

    def add_day(self, day, create="partition of {parent} for values from ('{begin}') to ('{end}')"):
        name = self.name_of_day(day)
        create = create.format(parent=self.table, begin=f"2026-03-{day:02} 00:00+00",
                               end=f"2026-03-{day + 1:02} 00:00+00")
        self.run_sql(f"create table {name} {create}; "
                     f"alter table {name} replica identity {self.IDENTITY}")

    def insert_at_day(self, day, first, count):
        self.run_sql(f"insert into {self.table} select n, 'g' || n % 7, n % 1000, 'x', n, "
                     f"'2026-03-{day:02} 12:00+00' from generate_series({first}, "
                     f"{first + count - 1}) as n")

    def wait_for_answers(self, child, file):
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())

    def test_rows_that_move_between_partitions(self):
        self.fill(3000)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.run_sql(f"update {self.table} set at = '2026-03-01 12:00+00' where id % 3 = 0")
        self.run_sql(f"update {self.table} set at = '2026-03-03 12:00+00', amount = amount + 1 "
                     "where id % 3 = 1")
        self.run_sql(f"delete from {self.table} where id % 7 = 0")
        self.catch_up(file)
        self.check(file)
        self.run_sql(f"truncate {self.table}")
        self.fill_more(0, 500)
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")

    def test_a_bootstrap_while_rows_change(self):
        self.fill(ROWS)
        file = self.pipeline()
        with Writers(self.postgres, self.table, self.seed, ROWS, key="id, at"):
            self.run_through(file, KILLS, 0, None)
        self.catch_up(file)
        self.check(file)

    def test_new_partitions(self):
        """While it runs, and while it does not; made as such, or attached while they are empty."""
        self.fill(300)
        file = self.pipeline()
        child = self.follow(file)
        self.add_day(4)
        self.insert_at_day(4, 1000, 100)
        self.wait_for_answers(child, file)
        self.run_sql(f"update {self.table} set amount = 900 where id % 2 = 0")
        self.wait_for_answers(child, file)
        self.end(child)
        self.add_day(5)
        self.insert_at_day(5, 2000, 100)
        self.add_day(6, "(like {parent} including all)")
        self.run_sql(f"alter table {self.table} attach partition {self.name_of_day(6)} for values "
                     "from ('2026-03-06 00:00+00') to ('2026-03-07 00:00+00')")
        self.catch_up(file)
        self.insert_at_day(6, 3000, 100)
        self.catch_up(file)
        self.check(file)

    def test_a_partition_that_brings_rows(self):
        self.fill(300)
        for running in (False, True):
            with self.subTest(running=running):
                day = 4 + running
                file = self.pipeline(name=f"p{running}")
                self.succeed("bootstrap", file, "--quiet")
                dumped = self.dumped(file)
                child = self.follow(file) if running else None
                self.add_day(day, "(like {parent} including all)")
                self.run_sql(f"insert into {self.name_of_day(day)} values "
                             f"({day}, 'a', 500, 'x', 1, '2026-03-{day:02} 12:00+00')")
                self.run_sql(f"alter table {self.table} attach partition {self.name_of_day(day)} "
                             f"for values from ('2026-03-{day:02} 00:00+00') to "
                             f"('2026-03-{day + 1:02} 00:00+00')")
                err = (self.wait_for_end(child, 1) if running else
                       self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err)
                self.assertIn("attached", err)
                self.assertIn(FRESH, err)
                self.assertEqual(self.dumped(file), dumped)

    def test_a_partition_that_takes_rows_away(self):
        self.fill(300)
        for number, (statement, running) in enumerate((
                ("alter table {0} detach partition {1}", False),
                ("alter table {0} detach partition {1}", True),
                ("drop table {1}", False),
                ("truncate {1}", True))):
            with self.subTest(statement, running=running):
                file = self.pipeline(name=f"p{number}")
                self.succeed("bootstrap", file, "--quiet")
                child = self.follow(file) if running else None
                day = 10 + number
                self.add_day(day)
                self.insert_at_day(day, 1000 * day + 500, 10)
                if running:
                    self.wait_for_answers(child, file)
                else:
                    self.catch_up(file)
                self.run_sql(statement.format(self.table, self.name_of_day(day)))
                err = (self.wait_for_end(child, 1) if running else
                       self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err)
                self.assertIn("partition", err)
                self.assertIn(FRESH, err)
                self.run_sql(f"drop table if exists {self.name_of_day(day)}")


class PartitionedCutTest(ByCuts, PartitionedTest):
    def test_a_partition_without_whole_rows_in_the_log(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        self.IDENTITY = "default"
        self.add_day(4)
        err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
        self.assertIn(f"\"{self.name_of_day(4)}\" REPLICA IDENTITY FULL", err)
        self.run_sql(f"alter table {self.name_of_day(4)} replica identity full")
        self.insert_at_day(4, 1000, 100)
        self.catch_up(file)
        self.check(file)


class NamelessTest(ByCuts, PostgresCase):
    """Rows without a primary key, many of them twice."""

    COLUMNS = ("id bigint, grp text not null, amount integer not null, kind text not null, "
               "price numeric(10,2) not null, at timestamptz not null, note text")

    def fill_twice(self, count):
        self.fill_more(0, count)
        self.run_sql(f"insert into {self.table} select * from {self.table} where id % 3 = 0")

    def test_every_kind_of_change(self):
        self.fill_twice(2000)
        file = self.pipeline()
        outcome = self.succeed("bootstrap", file)
        self.assertIn("has no primary key", outcome.err)
        self.check(file)
        self.run_sql(f"delete from {self.table} where id % 5 = 0")
        self.run_sql(f"update {self.table} set grp = 'moved' where id % 5 = 1")
        self.run_sql(f"update {self.table} set amount = 1, note = null where id % 5 = 2")
        self.catch_up(file)
        self.check(file)
        self.run_sql(f"truncate {self.table}")
        self.fill_twice(100)
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")

    def test_a_bootstrap_while_rows_change(self):
        """It begins anew after each kill."""
        self.fill_twice(2 * ROWS)
        file = self.pipeline(memory="64MiB")
        with Writers(self.postgres, self.table, self.seed, ROWS, key=None):
            for _ in range(3):
                child = self.start("bootstrap", file, "--quiet")
                time.sleep(self.random.uniform(0.1, 1))
                self.kill(child)
            self.succeed("bootstrap", file, "--quiet")
            self.succeed("verify", file, "--quiet")
        self.catch_up(file)
        self.check(file)

    def test_what_it_takes(self):
        self.fill_more(0, 10)
        for name, changes in (("taken", {"aggregates": "{m: max(amount)}"}),
                              ("method", {"method": "ledger"})):
            err = self.fail_with(1, "bootstrap", self.pipeline(name=name, **changes), "--quiet").err
            self.assertIn("no primary key", err)
            self.assertIn("ADD PRIMARY KEY", err)
            self.assertIn(name, err)
        err = self.fail_with(1, "run", self.pipeline(name="y", role="live"), "--quiet").err
        self.assertIn("no primary key", err)
        self.run_sql(f"alter table {self.table} replica identity default")
        err = self.fail_with(1, "bootstrap", self.pipeline(name="z"), "--quiet").err
        self.assertIn("REPLICA IDENTITY FULL", err)
        self.run_sql(f"update {self.table} set amount = 1")  # it was not published without one


if __name__ == "__main__":
    main()
