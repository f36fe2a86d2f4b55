"""The server itself: what it tells beside changes of rows, who is let in, and what it must allow."""

import contextlib
import os
import shutil
import time

from certificates import certify
from database_servers import UNPRIVILEGED, PostgresServer
from postgres_case import ByCuts, PostgresCase
from program import main


class ServerTest(PostgresCase):
    """What the server tells beside changes of rows."""

    def test_what_no_change_tells(self):
        """Of the catalog, while it runs and no row is written."""
        statements = (("alter table {0} alter column amount type bigint", "another type"),
                      ("alter publication {1} drop table {0}", "ADD TABLE"),
                      ("alter table {0} rename to {0}_", "renamed"))
        children = []
        for number in range(len(statements)):
            table = f"catalog_{number}"
            self.run_sql(f"create table {table} (like {self.table} including all)")
            children.append(self.follow(self.pipeline(name=table, source={"table": table})))
        for number, (statement, _) in enumerate(statements):
            publication = self.ask("select pubname from pg_publication_tables where tablename = "
                                   f"'catalog_{number}'")
            self.run_sql(statement.format(f"catalog_{number}", publication))
        for child, (_, says) in zip(children, statements):
            self.assertIn(says, self.wait_for_end(child, 1))
        self.run_sql("drop table catalog_0, catalog_1, catalog_2_")

    def test_a_transaction_that_is_waited_for(self):
        self.fill(10)
        self.run_sql("create table other_table (a int)")
        file = self.pipeline()
        with contextlib.closing(self.postgres.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute("set application_name = 'slow_one'; insert into other_table values (1)")
            child = self.start("bootstrap", file)
            time.sleep(5)
            connection.commit()
        self.assertIn("slow_one", self.wait_for_end(child, 0))
        self.check(file)
        self.run_sql("drop table other_table")

    def test_status_tells_how_much_log_is_kept(self):
        self.fill(10)
        file = self.pipeline()
        child = self.follow(file)
        self.wait_while_it_runs(child, "it tells", lambda: self.status(file)["live"].get("log", {})
                                .get("kept_bytes", 0) > 0)
        self.end(child)


class SlotTest(PostgresCase):
    """What the definition names besides a table."""

    SLOT = "given_slot"

    def slots(self):
        return self.ask("select coalesce(string_agg(slot_name, ' ' order by slot_name), '') "
                        "from pg_replication_slots").split()

    def publications(self):
        return self.ask("select coalesce(string_agg(pubname, ' ' order by pubname), '') "
                        "from pg_publication").split()

    def make_slot(self, plugin="pgoutput", **options):
        self.run_sql("select pg_create_logical_replication_slot(%s, %s, "
                     + ", ".join([f"{name} => {value}" for name, value in options.items()]
                                 or ["false"]) + ")", self.SLOT, plugin)

    def test_a_slot_that_is_taken_over(self):
        """By one version at a time; its earlier changes are passed over."""
        self.make_slot()
        self.fill(1000)
        file = self.pipeline(source={"slot": self.SLOT})
        for kill_at in range(0, 60, 20):
            child = self.start("bootstrap", file, "--quiet")
            time.sleep(kill_at / 1000)
            self.kill(child)
        self.fill_more(1000, 100)
        child = self.follow(file)
        self.assertEqual(self.slots(), [self.SLOT])
        self.assertEqual(self.publications(), ["murmur_" + self.SLOT])
        self.run_sql(f"update {self.table} set amount = amount + 1 where id % 3 = 0")
        self.wait_while_it_runs(child, "it has counted",
                                lambda: self.dumped(file) == self.expected())
        self.end(child)
        self.fill_more(1100, 100)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        own = [slot for slot in self.slots() if slot != self.SLOT]
        self.assertEqual(len(own), 1)
        self.catch_up(file)
        self.check(file)
        first = min(int(row["version"]) for row in
                    self.succeed("versions", file, "--format", "json").rows())
        self.succeed("drop", file, str(first))
        self.assertEqual(self.slots(), sorted([self.SLOT, *own]))
        self.assertEqual(self.publications(), own)
        self.succeed("bootstrap", file, "--fresh", "--quiet")  # takes it again
        self.assertEqual(self.slots(), sorted([self.SLOT, *own]))
        self.fill_more(1200, 100)
        self.catch_up(file)
        self.check(file)

    def test_slots_that_cannot_be_taken_over(self):
        self.fill(10)

        def refused(name, slot=self.SLOT, code=1):
            return self.fail_with(code, "bootstrap", self.pipeline(
                name=name, source={"slot": slot}), "--quiet").err

        self.assertIn(f"pg_create_logical_replication_slot('{self.SLOT}'", refused("none"))
        self.assertIn("begin with murmur_", refused("own", "murmur_1", code=2))
        self.run_sql("select pg_create_physical_replication_slot(%s)", self.SLOT)
        self.assertIn("pgoutput", refused("physical"))
        self.run_sql("select pg_drop_replication_slot(%s)", self.SLOT)
        self.make_slot(twophase="true")
        self.assertIn("two_phase", refused("twophase"))

    def test_columns_that_may_be_read(self):
        self.fill(100)
        few = ["grp", "kind", "price", "at", "amount"]
        file = self.pipeline(source={"columns": few})
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.assertIn("'amount'", self.fail_with(1, "bootstrap", self.pipeline(
            name="fewer", source={"columns": few[:-1]}), "--quiet").err)


class SlotByCutsTest(ByCuts, SlotTest):
    """The same by cuts."""


class AccessTest(PostgresCase):
    """A server of its own, which lets a reader in by TLS and with a password alone."""

    SECRET = "gehe1m"

    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(PostgresServer(max_replication_slots=1))
        data = cls.postgres.directory / "data"
        cls.authority, _ = certify(data)
        (cls.postgres.directory / "other").mkdir()
        cls.other, _ = certify(cls.postgres.directory / "other")
        for name in ("server.key", "server.pem"):
            (data / name).chmod(0o600)
            if os.getuid() == 0:
                shutil.chown(data / name, *UNPRIVILEGED)
        access = data / "pg_hba.conf"
        access.write_text("hostssl all reader 127.0.0.1/32 scram-sha-256\n"
                          "host all reader 127.0.0.1/32 reject\n" + access.read_text())
        with contextlib.closing(cls.postgres.connect()) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in ("alter system set ssl_cert_file = 'server.pem'",
                              "alter system set ssl_key_file = 'server.key'",
                              "alter system set ssl = on", "select pg_reload_conf()",
                              f"create role reader login replication password '{cls.SECRET}'",
                              "grant create on database postgres to reader"):
                cursor.execute(statement)

    def setUp(self):
        super().setUp()
        self.fill(10)
        self.run_sql(f"alter table {self.table} owner to reader")

    def pipeline_of_reader(self, name, password=SECRET, **options):
        options = "&".join(f"{key}={value}" for key, value in options.items())
        return self.pipeline(name=name, source={
            "uri": f"postgres://reader:{password}@127.0.0.1:{self.postgres.port}/postgres?{options}"})

    def refused(self, *arguments, **options):
        began = time.monotonic()
        err = self.fail_with(1, "bootstrap", self.pipeline_of_reader(*arguments, **options),
                             "--quiet").err
        self.assertLess(time.monotonic() - began, 10, "it tried again what can't work later")
        self.assertNotIn(self.SECRET, err)
        return err

    def test_tls_and_a_password(self):
        good = {"sslmode": "verify-full", "sslrootcert": self.authority}
        file = self.pipeline_of_reader("good", **good)
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)
        self.assertIn("certificate", self.refused("authority", **good | {"sslrootcert": self.other}))
        self.assertIn("certificate", self.refused("host", **good | {"host": "localhost"}))
        self.assertIn("pg_hba.conf", self.refused("plain", sslmode="disable"))
        err = self.refused("wrong", "not" + self.SECRET, **good)
        self.assertIn("password authentication failed", err)
        self.assertIn("no password", self.refused("none", "", **good))

    def test_a_server_without_room_for_a_slot(self):
        self.run_sql("select pg_create_physical_replication_slot('taken')")
        self.assertIn("max_replication_slots", self.fail_with(
            1, "bootstrap", self.pipeline(), "--quiet").err)

    def test_a_server_that_does_not_log_enough(self):
        with PostgresServer(wal_level="replica") as server:
            self.make(server).close()
            self.assertIn("wal_level = logical", self.fail_with(
                1, "bootstrap", self.pipeline(server=server), "--quiet").err)


if __name__ == "__main__":
    main()
