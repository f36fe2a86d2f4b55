"""What a server must let a reader do, and how much of its log it keeps."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import time

from certificates import certify
from database_servers import UNPRIVILEGED, MariaDbServer
from maria_case import DATABASE, MariaCase
from program import main


class AccessTest(MariaCase):
    """A server of its own, which lets a reader in by TLS and with a password alone."""

    SECRET = "gehe1m"

    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        for name in ("ours", "others"):
            (directory / name).mkdir()
        cls.authority, _ = certify(directory / "ours")
        cls.other, _ = certify(directory / "others")
        for path in (directory, *directory.glob("ours/*"), directory / "ours"):
            path.chmod(0o755)
            if os.getuid() == 0:
                shutil.chown(path, *UNPRIVILEGED)
        cls.mariadb = cls.enterClassContext(MariaDbServer(**{
            "ssl-cert": directory / "ours/server.pem", "ssl-key": directory / "ours/server.key"}))
        with contextlib.closing(cls.mariadb.connect()) as connection:
            connection.autocommit(True)
            for statement in (
                    f"create user reader@'%' identified by '{cls.SECRET}' require ssl",
                    "grant select, binlog monitor, replication slave on *.* to reader@'%'"):
                connection.cursor().execute(statement)

    def pipeline_of_reader(self, name, password=SECRET, host="127.0.0.1", **options):
        options = "&".join(f"ssl-{key}={value}" for key, value in options.items())
        return self.pipeline(name=name, source={
            "uri": f"mysql://reader:{password}@{host}:{self.mariadb.port}/{DATABASE}?{options}"})

    def refused(self, *arguments, code=1, **options):
        began = time.monotonic()
        err = self.fail_with(code, "bootstrap", self.pipeline_of_reader(*arguments, **options),
                             "--quiet").err
        self.assertLess(time.monotonic() - began, 10, "it tried again what can't work later")
        self.assertNotIn(self.SECRET, err)
        return err

    def test_tls_and_a_password(self):
        self.fill(10)
        good = {"mode": "verify_identity", "ca": self.authority}
        file = self.pipeline_of_reader("good", **good)
        self.succeed("bootstrap", file, "--quiet")
        self.fill_more(10, 10)
        self.catch_up(file)
        self.check(file)
        unchecked = self.pipeline_of_reader("unchecked", mode="required")
        self.succeed("bootstrap", unchecked, "--quiet")
        self.check(unchecked)
        self.assertIn("certificate", self.refused("authority", ca=self.other))
        self.assertIn("certificate", self.refused("host", host="localhost", **good))
        self.assertIn("/nosuch.pem", self.refused("file", ca="/nosuch.pem"))
        self.assertIn("Access denied", self.refused("plain", mode="disabled"))
        self.assertIn("Access denied", self.refused("wrong", "not" + self.SECRET, **good))
        self.assertIn("ssl-mode", self.refused("mode", code=2, mode="preferred"))
        self.assertIn("ssl-nosuch", self.refused("option", code=2, nosuch=1))


class ReachTest(MariaCase):
    def purged_to(self, file):
        """The server keeps files, without an error, that it is just sending to somebody."""
        self.run_sql(f"purge binary logs to '{file}'")
        return self.ask("show binary logs") == file

    def test_how_far_the_log_reaches_and_a_warning_before_it_ends(self):
        """A transaction that stays prepared holds the run back."""
        with MariaDbServer(**{"binlog-expire-logs-seconds": 86400}) as server:
            self.connection = self.make(server)
            self.fill(100)
            file = self.pipeline(server=server)
            child = self.follow(file)

            def log():
                return (self.status(file).get("live") or {}).get("log") or {}
            # So that the next file begins in another second, as the log's times are whole ones.
            self.wait_until("it tells", lambda: log().get("kept_seconds", 0) >= 2)
            self.assertNotIn("warning", log())
            with contextlib.closing(server.connect(DATABASE)) as other:
                for statement in ("flush binary logs", "xa start 'open'",
                                  f"update {self.table} set amount = 500 where id = 1",
                                  "xa end 'open'", "xa prepare 'open'"):
                    other.cursor().execute(statement)
                self.run_sql("flush binary logs")
                self.wait_until("it is behind", lambda: (log().get("behind_seconds") or 0) > 3)
                self.assertNotIn("warning", log())
                self.wait_until("the log is purged", lambda: self.purged_to("bin.000002"))
                self.wait_until("it warns", lambda: "warning" in log())
                self.assertIn("binlog_expire_logs_seconds = 172800", log()["warning"])
                other.cursor().execute("xa commit 'open'")
            self.wait_until("it has caught up", lambda: "warning" not in log())
            self.end(child)
            self.check(file)

    def test_what_was_purged_is_told(self):
        with MariaDbServer(**{"binlog-expire-logs-seconds": 3600}) as server:
            self.connection = self.make(server)
            self.fill(100)
            file = self.pipeline(server=server)
            self.succeed("bootstrap", file, "--quiet")
            self.fill_more(100, 10)
            self.run_sql("flush binary logs")
            last = self.ask("show master status")
            self.wait_until("the log is purged", lambda: self.purged_to(last))
            err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
            for part in ("bin.000001", last, "binlog_expire_logs_seconds is 3600", "--fresh"):
                self.assertIn(part, err)

    def test_a_log_that_was_begun_anew_is_not_caught_up_with(self):
        """It ends before the position, as if all had been read."""
        with MariaDbServer() as server:
            self.connection = self.make(server)
            self.fill(1000)
            file = self.pipeline(server=server)
            self.succeed("bootstrap", file, "--quiet")
            self.fill_more(1000, 10)
            self.catch_up(file)
            time.sleep(1.1)  # nothing tells files apart that were begun in one second
            self.run_sql("reset master")
            self.fill_more(2000, 1)
            err = self.fail_with(1, "run", file, "--until-caught-up", "--quiet").err
            self.assertIn("--fresh", err)


if __name__ == "__main__":
    main()
