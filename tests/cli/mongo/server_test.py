"""Servers that answer nothing, forget changes early, or want to know who asks."""

import os
import signal
import time
import unittest.mock
from urllib.parse import quote

from mongo_case import MongoCase, id_of
from mongo_server import FORGETFUL, MongoServer
from program import SLOWNESS, main


class HangTest(MongoCase):
    """A server that is there, and answers nothing."""

    @classmethod
    def setUpClass(cls):
        cls.mongo = cls.enterClassContext(MongoServer())

    def stopped(self, file, verb):
        """How long the verb takes to end when it is told to while nobody answers it."""
        self.mongo.pause()
        try:
            child = self.start(verb, file, "--quiet")
            time.sleep(1.5 * SLOWNESS)
            self.assertIsNone(child.poll(), "it waits")
            begin = time.monotonic()
            child.send_signal(signal.SIGINT)
            self.wait_for_end(child, 130)
            return time.monotonic() - begin
        finally:
            self.mongo.resume()

    def test_a_first_stop_ends_it_at_once(self):
        self.fill(60_000)
        file = self.pipeline()
        self.assertLess(self.stopped(file, "bootstrap"), 3 * SLOWNESS, "it had not begun")
        child = self.start("bootstrap", file, "--quiet", "--threads", 1)
        self.wait_until("it reads", lambda: self.status_if_any(file).get("splits_total", 0) > 1)
        self.kill(child)
        self.assertEqual(self.status(file)["status"], "building")
        self.assertLess(self.stopped(file, "bootstrap"), 3 * SLOWNESS, "it had read some")
        self.succeed("bootstrap", file, "--quiet")
        self.assertLess(self.stopped(file, "run"), 3 * SLOWNESS, "it follows")
        self.check(file)


class OplogTest(MongoCase):
    """An oplog that forgets changes before live has read them: the run warns before that."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoServer(fail_points=True, **FORGETFUL))
        self.collection = self.make(self.server)

    def hold_up_answers(self):
        """Limits the next reads: of the changes, and of a scan with more than one answer."""
        self.server.admin().admin.command(
            "configureFailPoint", "failCommand", mode="alwaysOn",
            data={"failCommands": ["getMore"], "appName": "murmur", "blockConnection": True,
                  "blockTimeMS": 60_000})

    def pipeline(self, **options):
        patient = self.server.uri + "&socketTimeoutMS=120000"
        return super().pipeline(source={"uri": patient}, **options)

    def warning(self, file, *place):
        status = self.status_if_any(file)
        for name in (*place, "log", "warning"):
            status = status.get(name) or {}
        return status

    def wait_for_warning(self, file, *place):
        def warned():
            self.server.write_note()
            time.sleep(0.05)
            return self.warning(file, *place)
        self.wait_until("it warns", warned)
        self.assertIn("replSetResizeOplog", self.warning(file, *place))

    def check_notes(self, child):
        self.wait_until("it tells", lambda: "WARNING" in self.notes.read_text())
        time.sleep(1)
        self.kill(child)
        self.assertEqual(self.notes.read_text().count("WARNING"), 1)
        self.assertIn("replSetResizeOplog", self.notes.read_text())

    def test_while_a_run_follows(self):
        self.fill(100)
        file = self.pipeline()
        self.succeed("bootstrap", file, "--quiet")
        child = self.start_noting("run", file)
        self.wait_until("it follows", lambda: self.status(file)["mode"] == "live")
        log = self.wait_for_log(file)
        self.assertLess(log["behind_seconds"], 60)
        self.assertNotIn("warning", log)
        self.hold_up_answers()
        self.wait_for_warning(file, "live")
        self.check_notes(child)

    def wait_for_log(self, file):
        self.wait_until("it looks", lambda: "log" in self.status(file).get("live", {}))
        return self.status(file)["live"]["log"]

    def test_while_a_scan_runs(self):
        self.fill(30_000)
        file = self.pipeline()
        self.hold_up_answers()
        child = self.start_noting("bootstrap", file, "--threads", "1")
        self.wait_for_warning(file)
        self.assertIn("bootstrapping", self.succeed("status", file).out)
        self.check_notes(child)


class SecureTest(MongoCase):
    """TLS, and users with passwords, which no output shows."""

    PASSWORD = "geh/eim@: 100%"

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoServer(tls=True, users=True))
        self.collection = self.make(self.server)
        self.server.add_user("reader", self.PASSWORD, {"role": "read", "db": self.database})
        self.server.add_user("watcher", self.PASSWORD, {"role": "read", "db": self.database},
                             {"role": "read", "db": "local"})
        self.server.add_user("stranger", self.PASSWORD, {"role": "read", "db": "elsewhere"})
        self.fill(100)

    def pipeline_of(self, user, password=PASSWORD, options=""):
        return self.pipeline(source={"uri": self.server.uri_of(user, password) + options})

    def murmur(self, *arguments, **more):
        outcome = super().murmur(*arguments, **more)
        for secret in (self.PASSWORD, quote(self.PASSWORD, safe=""), "geh", "eim"):
            self.assertNotIn(secret, outcome.out + outcome.err)
        return outcome

    def test_who_may_read_the_database_follows_it(self):
        file = self.pipeline_of("reader")
        self.assertIn("hidden", self.succeed("check", file).out)
        self.succeed("bootstrap", file)
        self.collection.delete_one({"_id": id_of(5)})
        child = self.start_noting("run", file)
        self.wait_until("it follows", lambda: self.status(file)["mode"] == "live" and
                        self.dumped(file) == self.expected())
        forbidden = "may not read local.oplog.rs"
        self.wait_until("it looks", lambda: forbidden in self.notes.read_text())
        self.assertNotIn("log", self.status(file)["live"])
        time.sleep(4)  # it looks again
        self.end(child)
        self.assertEqual(self.notes.read_text().count(forbidden), 1)
        self.assertNotIn("geh", self.notes.read_text())
        self.succeed("versions", file)
        for path in self.directory.rglob("state/**/*"):
            if path.is_file():
                self.assertNotIn(b"geh", path.read_bytes(), path)

    def test_who_may_read_the_oplog_is_told_how_far_it_reaches(self):
        file = self.pipeline_of("watcher")
        child = self.follow(file)
        self.wait_until("it looks", lambda: self.status(file)["live"].get("log", {})
                        .get("kept_seconds", 0) > 0)
        self.end(child)

    def test_the_uri_may_be_a_reference(self):
        file = self.pipeline(source={"uri": "${MONGO_TEST_URI}"})
        uri = self.server.uri_of("reader", self.PASSWORD)
        self.enterContext(unittest.mock.patch.dict(os.environ, {"MONGO_TEST_URI": uri}))
        self.succeed("bootstrap", file, "--quiet")
        self.assertIn("${MONGO_TEST_URI}", self.succeed("check", file).out)
        self.check(file)

    def test_who_is_refused(self):
        for user, password in (("reader", "wrong"), ("nobody", self.PASSWORD),
                               ("stranger", self.PASSWORD)):
            with self.subTest(user, password=password):
                file = self.pipeline_of(user, password)
                err = self.fail_with(1, "bootstrap", file, "--quiet").err
                self.assertIn(f"needs the role read on the database {self.database}", err)

    def test_the_system_vouches_for_a_certificate(self):
        uri = self.server.uri_of("reader", self.PASSWORD).partition("&tlsCAFile")[0]
        file = self.pipeline(source={"uri": uri})
        trust = {"SSL_CERT_FILE": str(self.server.ca_file)}
        self.enterContext(unittest.mock.patch.dict(os.environ, trust))
        self.succeed("bootstrap", file, "--quiet")
        self.check(file)

    def test_a_certificate_that_nobody_vouches_for(self):
        uri = self.server.uri_of("reader", self.PASSWORD)
        file = self.pipeline(source={"uri": uri.partition("&tlsCAFile")[0] +
                                     "&serverSelectionTimeoutMS=500"})
        err = self.fail_with(1, "bootstrap", file, "--quiet").err
        self.assertIn("TLS", err)
        file = self.pipeline(source={"uri": uri.partition("&tls")[0] +
                                     "&serverSelectionTimeoutMS=500"})
        self.fail_with(1, "bootstrap", file, "--quiet")


if __name__ == "__main__":
    main()
