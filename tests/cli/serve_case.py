"""A server under test, and its doors: GET and Connect by HTTP, and a generated client by gRPC."""

import contextlib
import functools
import http.client
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import grpc

from program import ProgramTest

PROTO = pathlib.Path(__file__).parents[2] / "proto"


@functools.cache
def generated():
    """The messages and the stub, made by Python's own protoc from the committed schema."""
    folder = unittest.enterModuleContext(tempfile.TemporaryDirectory())
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}", "murmur/v1/query.proto"], check=True)
    sys.path.insert(0, folder)
    return (importlib.import_module("murmur.v1.query_pb2"),
            importlib.import_module("murmur.v1.query_pb2_grpc"))


class Answer:
    def __init__(self, response):
        self.code, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Doors:
    """The ways to one server."""

    def __init__(self, addresses):
        self.http = addresses["http"]
        self.grpc = addresses["grpc"]

    def get(self, path, headers={}, **parameters):
        text = urllib.parse.urlencode(parameters, doseq=True)
        return self.ask("GET", path + ("?" + text if text else ""), headers=headers)

    def post(self, method, body, **headers):
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.ask("POST", f"/murmur.v1.Query/{method}", data, headers)

    def ask(self, method, target, body=None, headers={}):
        with contextlib.closing(http.client.HTTPConnection(self.http, timeout=60)) as connection:
            connection.request(method, target, body, headers)
            return Answer(connection.getresponse())

    @contextlib.contextmanager
    def stub(self):
        with grpc.insecure_channel(self.grpc) as channel:
            yield generated()[1].QueryStub(channel)


class ServeCase(ProgramTest):
    def serve(self, *files):
        """A server of these states, and the process."""
        child = self.start("serve", *files, "--listen", "0", "--grpc", "0")
        return Doors(self.addresses_of(child)), child

    def addresses_of(self, child):
        """As a server tells them when it starts."""
        addresses = {}
        while len(addresses) < 2:
            line = child.stderr.readline()
            self.assertNotEqual(line, "", "it has ended")
            found = re.match(r"serving (http|grpc)://(\S+)", line)
            if found:
                addresses[found[1]] = found[2]
        return addresses
