"""The S3 server that tests run against, and the proxy that makes it fail: each does what it says,
and nothing of them stays.
"""

import http.client
import io
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import unittest.mock
import urllib.parse

import pyarrow.fs

import s3_server
from fault_proxy import Fault, FaultProxy, Head, body_blocks
from s3_server import REGION, S3Error, S3Server
from waiting import wait_until

HERE = pathlib.Path(__file__).resolve().parent
WAIT_SECONDS_MAX = 20
BODY = bytes(range(256)) * 1024


def code(body):
    """The code of an error's XML."""
    return re.search(rb"<Code>(\w+)</Code>", body)[1].decode()


def pages(client, bucket):
    """The keys of each page of a listing."""
    query = {"list-type": "2"}
    while True:
        page = client.expect(200, "GET", bucket, query=query).decode()
        yield re.findall("<Key>(.*?)</Key>", page)
        token = re.search("<NextContinuationToken>(.*?)</NextContinuationToken>", page)
        if not token:
            return
        query["continuation-token"] = token[1]


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server())
        cls.server.put("logs", "a", b"of a")

    def test_a_wrong_secret_is_refused(self):
        status, _, body = self.server.client(secret_key="wrong").request("GET", "logs", "a")
        self.assertEqual((status, code(body)), (403, "SignatureDoesNotMatch"))

    def test_a_request_without_signature_is_refused(self):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.server.endpoint).netloc)
        self.addCleanup(connection.close)
        connection.request("GET", "/logs/a")
        self.assertEqual(connection.getresponse().status, 403)

    def test_1250_objects_are_listed_in_two_pages(self):
        keys = [f"many/{number:04d}" for number in range(1250)]
        self.server.put_all("many", {key: b"x" for key in keys})
        got = list(pages(self.server.client(), "many"))
        self.assertEqual([len(page) for page in got], [1000, 250])
        self.assertEqual(sum(got, []), keys)

    def test_keys_are_kept_as_they_are(self):
        for key in ("a+b/dt=2026-03-01/x y%20.gz", "ä/日本", "t+0+0000000100.json", "(~!*'$&,;:@)"):
            self.server.put("odd", key, key.encode())
            self.assertEqual(self.server.client().expect(200, "GET", "odd", key), key.encode())
            self.assertEqual((self.server.directory / "objects/odd" / key).read_bytes(),
                             key.encode())

    def test_a_deleted_object_is_gone(self):
        self.server.put("logs", "b", b"")
        self.server.delete("logs", "b")
        status, _, body = self.server.client().request("GET", "logs", "b")
        self.assertEqual((status, code(body)), (404, "NoSuchKey"))

    def test_an_sdk_in_a_child_finds_its_keys_and_no_others(self):
        script = f"""
            import pyarrow.fs
            files = pyarrow.fs.S3FileSystem(endpoint_override={self.server.endpoint!r})
            print(files.open_input_file("logs/a").read())
            """
        self.enterContext(unittest.mock.patch.dict(os.environ, AWS_SESSION_TOKEN="another's"))
        for changes, expected in (({}, "b'of a'\n"), ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "")):
            done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)],
                                  env=self.server.environment(**changes), capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.stdout, expected, done.stderr)


class LifeTest(unittest.TestCase):
    def test_it_serves_where_there_are_no_extended_attributes(self):
        with S3Server(metadata_in_files=True) as server:
            server.put("logs", "a/b", BODY)
            self.assertEqual(server.client().expect(200, "GET", "logs", "a/b"), BODY)
            self.assertEqual(list(pages(server.client(), "logs")), [["a/b"]])
            self.assertEqual(os.listxattr(server.directory / "objects/logs/a/b"), [])

    def test_nothing_is_left_of_it(self):
        with S3Server() as server:
            pid, directory = server.process.pid, server.directory
            server.put("logs", "a", b"")
            self.assertTrue(is_running(pid))
        self.assertFalse(is_running(pid))
        self.assertFalse(directory.exists())
        with self.assertRaises(ConnectionRefusedError):
            server.client().request("GET")

    def test_it_ends_with_a_test_that_is_killed(self):
        script = ("import s3_server, time\n"
                  "server = s3_server.S3Server().__enter__()\n"
                  "print(server.process.pid, server.directory, flush=True)\n"
                  "time.sleep(1000)\n")
        with subprocess.Popen([sys.executable, "-B", "-c", script], cwd=HERE, text=True,
                              stdout=subprocess.PIPE) as child:
            pid, directory = child.stdout.readline().split()
            child.send_signal(signal.SIGKILL)
        wait_until("it ends", lambda: not is_running(pid), WAIT_SECONDS_MAX)
        shutil.rmtree(directory)

    def test_a_start_that_fails_shows_the_log(self):
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory) / "program"
            program.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
            program.chmod(0o755)
            with self.assertRaisesRegex(S3Error, "(?s)ended with 3.*the disk is on fire"):
                S3Server(program).__enter__()

    def test_a_port_that_another_took_meanwhile_is_no_failure(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            ports = [other.getsockname()[1], s3_server.free_port()]
            with unittest.mock.patch.object(s3_server, "free_port", side_effect=ports):
                with S3Server() as server:
                    self.assertTrue(server.endpoint.endswith(f":{ports[1]}"))

    def test_a_missing_program_says_how_to_get_it(self):
        with self.assertRaisesRegex(S3Error, "/nowhere: .*dev test"):
            S3Server("/nowhere").__enter__()


class ProxyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server())
        cls.keys = [f"part-{number:03d}" for number in range(100)]
        cls.server.put_all("logs", {key: BODY for key in cls.keys})

    def setUp(self):
        died = self.enterContext(unittest.mock.patch.object(threading, "excepthook"))
        self.addCleanup(died.assert_not_called)
        self.proxy = self.start(seed=1)

    def start(self, **options):
        return self.enterContext(FaultProxy(self.server.endpoint, **options))

    def get(self, key="part-000", method="GET", proxy=None):
        client = self.server.client((proxy or self.proxy).endpoint)
        return client.request(method, "logs", key)

    def status(self, *arguments, **options):
        return self.get(*arguments, **options)[0]

    def test_without_rules_nothing_changes(self):
        status, headers, body = self.get()
        direct = self.server.client().request("GET", "logs", "part-000")
        self.assertEqual((status, body), (direct[0], direct[2]))
        self.assertEqual(headers["ETag"], direct[1]["ETag"])
        status, headers, body = self.get(method="HEAD")
        self.assertEqual((status, headers["Content-Length"], body), (200, str(len(BODY)), b""))

    def test_signatures_are_checked_through_it(self):
        client = self.server.client(self.proxy.endpoint, secret_key="wrong")
        self.assertEqual(client.request("GET", "logs", "part-000")[0], 403)

    def test_an_sdk_reads_writes_and_lists_through_it(self):
        files = pyarrow.fs.S3FileSystem(
            access_key=self.server.access_key, secret_key=self.server.secret_key, region=REGION,
            endpoint_override=self.proxy.endpoint)
        with files.open_output_stream("logs/big") as out:
            out.write(BODY * 100)  # several parts, in chunks
        self.assertEqual(files.open_input_file("logs/big").read(), BODY * 100)
        with files.open_input_file("logs/big") as file:
            self.assertEqual(file.read_at(256, 5120), BODY[:256])
        files.delete_file("logs/big")
        names = [info.base_name for info in files.get_file_info(pyarrow.fs.FileSelector("logs"))]
        self.assertEqual(sorted(names), self.keys)

    def test_a_connection_serves_many_requests(self):
        client = self.server.client(self.proxy.endpoint)
        connection = http.client.HTTPConnection(client.address)
        self.addCleanup(connection.close)
        connection.connect()
        opened = connection.sock
        self.proxy.rule(Fault.SLOW_DOWN, keys="part-001")
        for method, key, expected in (("GET", "part-000", 200), ("HEAD", "part-000", 200),
                                      ("GET", "part-001", 503), ("HEAD", "part-001", 503),
                                      ("GET", "part-002", 200)):
            path = f"/logs/{key}"
            connection.request(method, path, headers=client.signed_headers(method, path, "", b""))
            answer = connection.getresponse()
            self.assertEqual(answer.status, expected)
            self.assertEqual(answer.read() == BODY, (method, expected) == ("GET", 200))
            self.assertIs(connection.sock, opened)

    def test_an_error_that_answers_head_has_no_body(self):
        self.proxy.rule(Fault.SLOW_DOWN)
        address = self.server.client(self.proxy.endpoint).address
        with socket.create_connection(address.split(":")) as connection:
            connection.settimeout(WAIT_SECONDS_MAX)
            connection.sendall(b"HEAD /logs/a HTTP/1.1\r\nConnection: close\r\n\r\n")
            answer = connection.makefile("rb").read()
        self.assertRegex(answer, rb"(?s)^HTTP/1.1 503 .*\r\nContent-Length: [1-9].*\r\n\r\n$")
        self.assertEqual(answer.count(b"\r\n\r\n"), 1)

    def test_a_client_that_asks_whether_to_send_its_body_is_told_to(self):
        client = self.server.client(self.proxy.endpoint)
        headers = client.signed_headers("PUT", "/logs/asked", "", b"body")
        with socket.create_connection(client.address.split(":")) as connection:
            connection.settimeout(WAIT_SECONDS_MAX)
            lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
            lines += ["Expect: 100-continue\r\n", "Content-Length: 4\r\n\r\n"]
            connection.sendall("".join(["PUT /logs/asked HTTP/1.1\r\n", *lines]).encode())
            self.assertEqual(connection.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"body")
            self.assertRegex(connection.recv(1000), b"^HTTP/1.1 200 ")
        self.assertEqual(self.get("asked")[2], b"body")
        self.server.delete("logs", "asked")

    def test_a_body_in_chunks_is_read_to_its_end_and_no_further(self):
        head = Head([b"PUT /a/b HTTP/1.1\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n"])
        body = b"3;x=y\r\na\r\n\r\n0a\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
        reader = io.BufferedReader(io.BytesIO(body + b"GET "))
        self.assertEqual(b"".join(body_blocks(reader, head)), body)
        self.assertEqual(reader.read(), b"GET ")
        for length in range(len(body)):
            with self.assertRaises(ConnectionError):
                list(body_blocks(io.BufferedReader(io.BytesIO(body[:length])), head))

    def test_slow_down_for_the_first_requests_of_each_object(self):
        rule = self.proxy.rule(Fault.SLOW_DOWN, first=2)
        for key in ("part-000", "part-001"):
            status, _, body = self.get(key)
            self.assertEqual((status, code(body)), (503, "SlowDown"))
            self.assertEqual(self.get(key, "HEAD")[::2], (503, b""))
            self.assertEqual(self.status(key), 200)
        self.assertEqual(rule.happened, 4)

    def test_slow_down_for_a_share_is_the_same_for_a_seed(self):
        def refused(seed):
            proxy = self.start(seed=seed)
            rule = proxy.rule(Fault.SLOW_DOWN, share=0.3)
            keys = [key for key in self.keys if self.status(key, proxy=proxy) == 503]
            self.assertEqual(rule.happened, len(keys))
            return keys
        once = refused(seed=1)
        self.assertIn(len(once), range(15, 46))
        self.assertEqual(refused(seed=1), once)
        self.assertNotEqual(refused(seed=2), once)

    def test_slow_down_for_listings(self):
        self.proxy.rule(Fault.SLOW_DOWN, operations=["LIST"], first=1)
        self.assertEqual(self.status(), 200)
        self.assertEqual(self.status(key=""), 503)
        self.assertEqual(self.status(key=""), 200)

    def test_a_body_is_cut_where_the_rule_says(self):
        for after in (0, 1, 70_000, len(BODY) - 1):
            rule = self.proxy.rule(Fault.CUT, keys="part-000$", after_bytes=after, first=2)
            for _ in range(2):
                with self.assertRaises(http.client.IncompleteRead) as caught:
                    self.get()
                self.assertEqual(caught.exception.partial, BODY[:after])
            self.assertEqual(self.get()[2], BODY)
            self.assertEqual(self.get("part-001")[2], BODY)
            self.assertEqual(rule.happened, 2)

    def test_a_body_that_is_no_longer_than_the_limit_is_not_cut(self):
        rule = self.proxy.rule(Fault.CUT, after_bytes=len(BODY))
        self.assertEqual(self.get()[2], BODY)
        self.assertEqual(rule.happened, 0)

    def test_an_object_vanishes_and_is_still_listed(self):
        self.assertEqual(self.status(), 200)
        rule = self.proxy.rule(Fault.NOT_FOUND, keys="/part-000$")
        status, _, body = self.get()
        self.assertEqual((status, code(body)), (404, "NoSuchKey"))
        self.assertEqual(self.status(method="HEAD"), 404)
        self.assertEqual(self.status("part-001"), 200)
        self.assertEqual(list(pages(self.server.client(self.proxy.endpoint), "logs")), [self.keys])
        rule.stop()
        self.assertEqual(self.status(), 200)

    def test_an_object_vanishes_after_its_first_reads(self):
        self.proxy.rule(Fault.NOT_FOUND, skip=2)
        self.assertEqual([self.status() for _ in range(4)], [200, 200, 404, 404])
        self.assertEqual(self.status("part-001"), 200)

    def test_a_delay_goes_on_to_what_comes_after_it(self):
        self.proxy.rule(Fault.DELAY, seconds=0.2, first=2)
        self.proxy.rule(Fault.SLOW_DOWN, first=1)
        for expected in (503, 200):
            start = time.monotonic()
            self.assertEqual(self.status(), expected)
            self.assertGreaterEqual(time.monotonic() - start, 0.2)

    def test_it_knows_what_came(self):
        self.proxy.rule(Fault.SLOW_DOWN, keys="part-001")
        self.get("part-000", "HEAD")
        self.get("part-001")
        self.get("")
        self.assertEqual(
            [(each.operation, each.name, each.status, each.fault) for each in self.proxy.requests],
            [("HEAD", "logs/part-000", 200, None),
             ("GET", "logs/part-001", 503, Fault.SLOW_DOWN), ("LIST", "logs", 200, None)])

    def test_a_server_that_is_gone_ends_connections(self):
        with S3Server() as server:
            proxy = self.enterContext(FaultProxy(server.endpoint, seed=1))
        with self.assertRaises(ConnectionError):
            server.client(proxy.endpoint).request("GET")

    def test_nothing_is_left_of_it(self):
        before = threading.active_count()
        with FaultProxy(self.server.endpoint, seed=1) as proxy:
            proxy.rule(Fault.DELAY, seconds=1000)
            outcome = []
            waiting = threading.Thread(target=lambda: outcome.append(self.outcome(proxy)))
            waiting.start()
            idle = http.client.HTTPConnection(urllib.parse.urlsplit(proxy.endpoint).netloc)
            idle.connect()
            wait_until("it is asked", lambda: proxy.requests, WAIT_SECONDS_MAX)
            start = time.monotonic()
        self.assertLess(time.monotonic() - start, 5)
        waiting.join()
        idle.close()
        self.assertEqual(outcome, ["ended"])
        self.assertEqual(threading.active_count(), before)
        with self.assertRaises(ConnectionRefusedError):
            self.get(proxy=proxy)

    def outcome(self, proxy):
        try:
            return self.status(proxy=proxy)
        except (ConnectionError, http.client.HTTPException):
            return "ended"

    def test_a_seed_of_its_own_is_printed(self):
        script = "import fault_proxy\nprint(fault_proxy.FaultProxy('http://127.0.0.1:1').seed)"
        environment = {**os.environ}
        environment.pop("MURMUR_SEED", None)
        for changes in ({}, {"MURMUR_SEED": "42"}):
            done = subprocess.run([sys.executable, "-B", "-c", script], cwd=HERE, text=True,
                                  capture_output=True, check=True, env=environment | changes)
            self.assertIn(f"MURMUR_SEED={done.stdout.strip()} ", done.stderr)
        self.assertEqual(done.stdout, "42\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
