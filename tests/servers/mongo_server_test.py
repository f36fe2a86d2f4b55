"""The MongoDB server that tests run against: it does what it says, and nothing of it stays."""

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import bson
import pymongo

from mongo_server import FORGETFUL, MongoError, MongoServer
from servers_test import WAIT_SECONDS_MAX, is_running
from waiting import wait_until

HERE = pathlib.Path(__file__).resolve().parent
HISTORY_LOST = 286
SNAPSHOT_TOO_OLD = 239
NO_MATCHING_DOCUMENT = 47
UNAUTHORIZED = 13


def find_at(collection, time, batch=100):
    """All documents as they were. The cursor keeps its snapshot; getMore must not name one."""
    answer = collection.database.command(
        "find", collection.name, sort={"_id": 1}, batchSize=batch,
        readConcern={"level": "snapshot", "atClusterTime": time})["cursor"]
    found = answer["firstBatch"]
    while answer["id"]:
        answer = collection.database.command(
            "getMore", answer["id"], collection=collection.name, batchSize=batch)["cursor"]
        found += answer["nextBatch"]
    return found


def events(collection, **options):
    """The changes so far, as a stream of them tells."""
    with collection.watch(max_await_time_ms=50, **options) as stream:
        return list(iter(stream.try_next, None))


def after(time):
    return bson.Timestamp(time.time, time.inc + 1)


def split(address):
    host, port = address.split(":")
    return host, int(port)


class SecureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mongo = cls.enterClassContext(MongoServer(tls=True, users=True))

    def test_a_user_may_what_it_may(self):
        self.mongo.collection("shop", "orders").insert_one({"_id": 1})
        self.mongo.add_user("reader", "p@ss/word: %", {"role": "read", "db": "shop"})
        with pymongo.MongoClient(self.mongo.uri_of("reader", "p@ss/word: %")) as client:
            self.assertEqual(client.shop.orders.find_one(), {"_id": 1})
            with self.assertRaises(pymongo.errors.OperationFailure) as caught:
                client.local["oplog.rs"].find_one()
            self.assertEqual(caught.exception.code, UNAUTHORIZED)

    def test_nobody_may_nothing(self):
        for uri in self.mongo.uri, self.mongo.uri_of("admin", "guessed"):
            with pymongo.MongoClient(uri) as client:
                with self.assertRaises(pymongo.errors.OperationFailure):
                    client.shop.orders.find_one()

    def test_it_listens_with_tls_only(self):
        plain = self.mongo.uri.partition("&tls")[0]
        unknown = self.mongo.uri.partition("&tlsCAFile")[0]
        for uri in plain, unknown:
            with pymongo.MongoClient(uri, serverSelectionTimeoutMS=300) as client:
                with self.assertRaises(pymongo.errors.ServerSelectionTimeoutError):
                    client.admin.command("hello")

    def test_it_is_the_same_after_a_restart(self):
        self.mongo.collection("kept", "orders").insert_one({"_id": 1})
        self.mongo.restart()
        self.assertEqual(self.mongo.client().kept.orders.count_documents({}), 1)


class UseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mongo = cls.enterClassContext(MongoServer(fail_points=True))

    def test_it_is_primary_with_and_without_a_direct_connection(self):
        for number, options in enumerate(({}, {"directConnection": True})):
            client = self.mongo.client(**options)
            self.assertTrue(client.admin.command("hello")["isWritablePrimary"])
            client["direct"]["writes"].insert_one({"_id": number})
            self.assertEqual(client["direct"]["writes"].count_documents({}), number + 1)
        self.assertEqual(self.mongo.client().admin.command("hello")["hosts"], [self.mongo.address])

    def test_the_past_is_read_at_its_time(self):
        orders = self.mongo.collection("past", "orders")
        orders.insert_many({"_id": n, "total": n} for n in range(100))
        before = self.mongo.now()
        orders.update_one({"_id": 3}, {"$set": {"total": -1}})
        orders.delete_one({"_id": 4})
        orders.insert_one({"_id": 100})
        self.assertEqual(find_at(orders, before, batch=7),
                         [{"_id": n, "total": n} for n in range(100)])
        self.assertEqual(len(find_at(orders, self.mongo.now())), 100)
        self.assertEqual(find_at(orders, self.mongo.now())[3], {"_id": 3, "total": -1})

    def test_a_stream_has_the_changes_and_what_was_before(self):
        orders = self.mongo.collection("changed", "orders", pre_images=True)
        start = after(self.mongo.now())
        orders.insert_one({"_id": 1, "total": 5})
        orders.update_one({"_id": 1}, {"$set": {"total": 6}})
        orders.replace_one({"_id": 1}, {"total": 7})
        orders.delete_one({"_id": 1})
        got = events(orders, start_at_operation_time=start, full_document="whenAvailable",
                     full_document_before_change="whenAvailable")
        totals = [tuple((event.get(image) or {}).get("total")
                        for image in ("fullDocumentBeforeChange", "fullDocument"))
                  for event in got]
        self.assertEqual([event["operationType"] for event in got],
                         ["insert", "update", "replace", "delete"])
        self.assertEqual(totals, [(None, 5), (5, 6), (6, 7), (7, None)])
        rest = events(orders, resume_after=got[1]["_id"])
        self.assertEqual([event["_id"] for event in rest], [event["_id"] for event in got[2:]])

    def test_without_pre_images_a_stream_that_requires_them_fails(self):
        orders = self.mongo.collection("unchanged", "orders")
        start = after(self.mongo.now())
        orders.insert_one({"_id": 1})
        orders.delete_one({"_id": 1})
        with self.assertRaises(pymongo.errors.OperationFailure) as caught:
            events(orders, start_at_operation_time=start, full_document_before_change="required")
        self.assertEqual(caught.exception.code, NO_MATCHING_DOCUMENT)

    def test_the_changes_of_a_transaction_have_one_time(self):
        orders = self.mongo.collection("together", "orders")
        start = after(self.mongo.now())
        client = orders.database.client
        with client.start_session() as session, session.start_transaction():
            orders.insert_many([{"_id": 1}, {"_id": 2}], session=session)
        got = events(orders, start_at_operation_time=start)
        self.assertEqual(len(got), 2)
        self.assertEqual(len({(event["clusterTime"], event["txnNumber"]) for event in got}), 1)

    def test_a_fail_point_fails_a_command(self):
        orders = self.mongo.collection("failing", "orders")
        admin = self.mongo.client().admin
        admin.command("configureFailPoint", "failCommand", mode={"times": 1},
                      data={"failCommands": ["aggregate"], "errorCode": HISTORY_LOST})
        with self.assertRaises(pymongo.errors.OperationFailure) as caught:
            events(orders)
        self.assertEqual(caught.exception.code, HISTORY_LOST)
        self.assertEqual(events(orders), [])

    def test_while_it_is_paused_nothing_is_answered(self):
        orders = self.mongo.collection("paused", "orders")
        done = threading.Event()

        def write():
            orders.insert_one({"_id": 1})
            done.set()

        writer = threading.Thread(target=write)
        self.mongo.pause()
        try:
            writer.start()
            self.assertFalse(done.wait(0.3))
            socket.create_connection(split(self.mongo.address), timeout=5).close()
        finally:
            self.mongo.resume()
        writer.join()
        self.assertEqual(orders.find_one(), {"_id": 1})


class LifeTest(unittest.TestCase):
    def test_what_it_stores_outlives_it_until_the_block_ends(self):
        with MongoServer() as mongo:
            address, directory, pid = mongo.address, mongo.directory, mongo.process.pid
            orders = mongo.collection("shop", "orders", pre_images=True)
            kept = mongo.client()["shop"]["orders"]
            start = after(mongo.now())
            orders.insert_one({"_id": 0})
            mongo.kill()
            self.assertFalse(is_running(pid))
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(split(address))
            with socket.socket() as other, self.assertRaisesRegex(OSError, "in use"):
                other.bind(split(address))
            for number, begin in ((1, mongo.start), (2, mongo.restart)):
                begin()
                self.assertEqual(mongo.address, address)
                self.assertNotEqual(mongo.process.pid, pid)
                pid = mongo.process.pid
                expected = [{"_id": n} for n in range(number)]
                self.assertEqual(list(kept.find()), expected)
                self.assertEqual(find_at(orders, mongo.now()), expected)
                self.assertEqual([event["documentKey"] for event
                                  in events(kept, start_at_operation_time=start)], expected)
                orders.insert_one({"_id": number})
        self.assertFalse(is_running(pid))
        self.assertFalse(directory.exists())

    def test_an_oplog_that_rolls_loses_changes_and_the_past(self):
        with MongoServer(**FORGETFUL) as mongo:
            oplog = mongo.client().local.command("collStats", "oplog.rs")
            self.assertEqual(oplog["maxSize"], 1 << 20)
            orders = mongo.collection("shop", "orders")
            orders.insert_one({"_id": 1})
            with orders.watch() as stream:
                token = stream.resume_token
            before = mongo.now()
            mongo.roll_oplog()
            for options in ({"resume_after": token}, {"start_at_operation_time": before}):
                with self.assertRaises(pymongo.errors.OperationFailure) as caught:
                    events(orders, **options)
                self.assertEqual(caught.exception.code, HISTORY_LOST)

            def is_too_old():
                mongo.write_note()
                try:
                    find_at(orders, before)
                except pymongo.errors.OperationFailure as error:
                    return error.code == SNAPSHOT_TOO_OLD
                return False

            wait_until("the past is too old", is_too_old, WAIT_SECONDS_MAX)
            self.assertEqual(find_at(orders, mongo.now()), [{"_id": 1}])

    def test_two_have_nothing_in_common(self):
        with MongoServer() as one, MongoServer() as other:
            self.assertNotEqual(one.uri, other.uri)
            one.collection("shop", "orders").insert_one({"_id": 1})
            self.assertNotIn("shop", other.client().list_database_names())
            one.kill()
            other.collection("shop", "orders").insert_one({"_id": 2})
            one.start()
            self.assertEqual(one.client()["shop"]["orders"].find_one(), {"_id": 1})

    def test_a_paused_one_is_removed_too(self):
        with MongoServer() as mongo:
            pid, directory = mongo.process.pid, mongo.directory
            mongo.pause()
        self.assertFalse(is_running(pid))
        self.assertFalse(directory.exists())

    def test_a_program_runs_with_it_and_its_exit_status_is_kept(self):
        script = ("import os, pymongo, sys\n"
                  "client = pymongo.MongoClient(os.environ['MURMUR_TEST_MONGO'])\n"
                  "client['shop']['orders'].insert_one({})\n"
                  "client.close()\n"
                  "sys.exit(7)\n")
        done = subprocess.run([sys.executable, "-B", HERE / "with_mongo.py", sys.executable, "-c",
                               script], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (7, ""))

    def program(self, script):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = directory / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def test_it_ends_with_a_test_that_is_killed(self):
        program = self.program("echo $$ $PWD >$0.started; exec sleep 1000")
        started = program.with_suffix(".started")
        script = ("import mongo_server\n"
                  f"mongo_server.MongoServer(program={str(program)!r}).__enter__()\n")
        with subprocess.Popen([sys.executable, "-B", "-c", script], cwd=HERE) as child:
            wait_until("it runs", lambda: started.exists() and started.read_text(),
                       WAIT_SECONDS_MAX)
            child.send_signal(signal.SIGKILL)
        pid, directory = started.read_text().split()
        wait_until("it ends", lambda: not is_running(pid), WAIT_SECONDS_MAX)
        shutil.rmtree(directory)

    def test_a_start_that_fails_shows_the_log_and_leaves_nothing(self):
        mongo = MongoServer(program=self.program("echo the disk is on fire; exit 3"))
        with self.assertRaisesRegex(MongoError, "(?s)ended with 3.*the disk is on fire"):
            mongo.__enter__()
        self.assertIsNone(mongo.directory)

    def test_a_missing_program_says_how_to_get_it(self):
        with self.assertRaisesRegex(MongoError, "/nowhere: .*dev test"):
            MongoServer(program="/nowhere").__enter__()


if __name__ == "__main__":
    unittest.main(verbosity=2)
