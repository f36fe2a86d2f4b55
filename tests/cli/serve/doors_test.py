"""The same questions through every door of a server, with `dump` as the oracle."""

import csv
import datetime
import decimal
import io
import json
import socket
import subprocess

import grpc
import jsonschema
import pyarrow
import pyarrow.parquet
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from program import PROGRAM, main
from serve_case import ServeCase, generated

PAGES = 40
DAYS = 12
EVENTS = 3000


class DoorsTest(ServeCase):
    def setUp(self):
        super().setUp()
        first = datetime.date(2026, 3, 1)
        self.days = [str(first + datetime.timedelta(day)) for day in range(DAYS)]
        pages = ["/", "a,b", 'say "hi"', "5", "é/ü?&=#", *(f"/page{i}" for i in range(PAGES))]
        self.events = [{"page": self.random.choice(pages), "code": self.random.randrange(5),
                        "user": self.random.randrange(400),
                        "amount": self.random.randrange(-10**6, 10**6) / 100,
                        "ts": f"{self.random.choice(self.days)}T10:00:00Z"}
                       for _ in range(EVENTS)]
        self.write_events("events.jsonl", self.events)
        self.file = self.define(
            key="[[page], [code, page], []]",
            aggregates="n: count\nmoney: sum(amount, decimal=2)\nusers: distinct(user)\n"
                       "least: min(amount)\nnone: max(nosuch)\nq: quantiles(user, [0.5])\n"
                       "t: topk(user, 2)")
        self.succeed("bootstrap", self.file, "--quiet")
        self.rows = self.succeed("dump", self.file).rows()
        self.doors, self.child = self.serve(self.file)

    # --- the oracle ---

    @staticmethod
    def key_text(row):
        return ",".join(json.dumps(part) for part in row["key"].values())

    def windows_of(self, row):
        return [other for other in self.rows if other["key"] == row["key"]]

    def values_of(self, row):
        return {name: value for name, value in row.items() if name not in ("key", "window")}

    def some_rows(self, count=25):
        return self.random.sample(self.rows, count)

    # --- answers of messages in the form of `dump` ---

    def plain(self, value):
        kind = value.WhichOneof("kind")
        if kind is None:
            return None
        if kind == "list":
            return [self.plain(item) for item in value.list.items]
        if kind == "record":
            return dict(zip(value.record.names, map(self.plain, value.record.values)))
        if kind == "json":
            return json.loads(value.json)
        return getattr(value, kind)

    def row_of(self, message, parts, aggregates):
        key = {name: getattr(part, part.WhichOneof("kind"))
               for name, part in zip(parts, message.key)}
        window = message.window.start if message.HasField("window") else None
        return {"key": key, "window": window,
                **dict(zip(aggregates, map(self.plain, message.values)))}

    def rows_of(self, answer, messages, parts):
        return [self.row_of(message, parts, answer.basis.aggregates) for message in messages]

    def through_connect(self, method, request, response, binary):
        body = request.SerializeToString() if binary else json_format.MessageToJson(request)
        kind = "application/proto" if binary else "application/json"
        answer = self.doors.post(method, body, Content_Type=kind)
        self.assertEqual((answer.code, answer.headers["Content-Type"]), (200, kind), answer.body)
        if binary:
            return response.FromString(answer.body)
        return json_format.Parse(answer.body, response())

    def every_door(self, method, request):
        """The one answer that all give."""
        name = "Windows" if method == "Trailing" else method
        response = getattr(generated()[0], name + "Response")
        with self.doors.stub() as stub:
            answer = getattr(stub, method)(request)
        for binary in (False, True):
            self.assertEqual(self.through_connect(method, request, response, binary), answer)
        return answer

    # --- the tests ---

    def test_windows_are_those_of_a_dump(self):
        pb = generated()[0]
        for row in self.some_rows():
            key = self.key_text(row)
            expected = self.windows_of(row)
            answer = self.every_door("Windows", pb.WindowsRequest(
                pipeline="pipeline", key=pb.Key(text=key)))
            self.assertEqual(self.rows_of(answer, answer.rows, row["key"]), expected)
            self.assertEqual(self.doors.get("/v1/pipeline", key=key).json()["rows"], expected)

    def test_typed_keys_and_ranges(self):
        pb = generated()[0]
        for row in self.some_rows():
            day = row["window"][:10]
            parts = [pb.KeyPart(integer=part) if isinstance(part, int) else pb.KeyPart(text=part)
                     for part in row["key"].values()]
            answer = self.every_door("Get", pb.GetRequest(
                pipeline="pipeline", key=pb.Key(parts=parts),
                range={"last": "1d", "as_of": f"{day}T12:00:00Z"}))
            found = self.rows_of(answer, [answer.row], row["key"])[0]
            self.assertEqual(self.values_of(found), self.values_of(row))
            self.assertIsNone(found["window"])

    def test_many_keys_at_once_and_those_that_have_nothing(self):
        pb = generated()[0]
        rows = self.some_rows()
        texts = [self.key_text(row) for row in rows]
        totals = [self.succeed("query", self.file, text, "--total", "--format", "json").rows()[0]
                  for text in texts]
        keys = [pb.Key(text=text) for text in texts] + [pb.Key(text="nosuch")]
        answer = self.every_door("GetMany", pb.GetManyRequest(pipeline="pipeline", keys=keys))
        self.assertEqual(len(answer.found[-1].rows), 0)
        for row, total, found in zip(rows, totals, answer.found):
            one = self.rows_of(answer, found.rows, row["key"])[0]
            self.assertEqual(self.values_of(one),
                             {k: v for k, v in self.values_of(total).items() if k != "_exact"})
        got = self.doors.get("/v1/pipeline", key=[texts[0], "nosuch"], total="true").json()
        self.assertEqual(got["missing"], ["nosuch"])
        self.assertEqual(got["rows"][0]["n"], totals[0]["n"])

    def test_a_batch_is_of_one_state_and_each_question_has_its_own_error(self):
        pb = generated()[0]
        question = pb.BatchRequest.Question
        answer = self.every_door("Batch", pb.BatchRequest(questions=[
            question(pipeline="pipeline", key=pb.Key(text="/"), aggregates=["n", "money"]),
            question(pipeline="nosuch", key=pb.Key(text="/")),
            question(pipeline="pipeline", key=pb.Key(text="a,b,c")),
            question(pipeline="pipeline", key=pb.Key(text="nosuch"))]))
        events = [event for event in self.events if event["page"] == "/"]
        money = sum(decimal.Decimal(str(event["amount"])) for event in events)
        self.assertEqual(
            self.rows_of(answer.answers[0], answer.answers[0].rows, ["page"]),
            [{"key": {"page": "/"}, "window": None, "n": len(events), "money": f"{money:.2f}"}])
        self.assertEqual([one.error.code for one in answer.answers],
                         ["", "not_found", "invalid_argument", ""])
        self.assertEqual(len(answer.answers[3].rows), 0)

    def test_trailing_windows(self):
        pb = generated()[0]
        users = {day: {event["user"] for event in self.events if event["ts"][:10] == day}
                 for day in self.days}
        counts = {day: sum(event["ts"][:10] == day for event in self.events) for day in self.days}
        answer = self.every_door("Trailing", pb.TrailingRequest(
            pipeline="pipeline", key=pb.Key(text=""), length="5d"))
        rows = self.rows_of(answer, answer.rows, [])
        self.assertEqual([row["window"][:10] for row in rows], self.days)
        for last, row in enumerate(rows):
            days = self.days[max(0, last - 4):last + 1]
            self.assertEqual(row["n"], sum(counts[day] for day in days))
            truth = len(set().union(*(users[day] for day in days)))
            self.assertLess(abs(row["users"] - truth), 0.1 * truth)
        self.assertEqual(self.doors.get("/v1/pipeline", key="", trailing="5d").json()["rows"], rows)

    def test_the_greatest_keys(self):
        pb = generated()[0]
        counts, money = {}, {}
        for event in self.events:
            page = event["page"]
            counts[page] = counts.get(page, 0) + 1
            money[page] = money.get(page, 0) + decimal.Decimal(str(event["amount"]))
        for aggregate, truth in (("n", counts), ("money", None)):
            answer = self.every_door("Top", pb.TopRequest(
                pipeline="pipeline", rollup=["page"], aggregate="n", limit=7))
            self.assertTrue(answer.complete)
            self.assertEqual(answer.keys_compared, len(counts))
            found = [(row["key"]["page"], row["n"])
                     for row in self.rows_of(answer, answer.rows, ["page"])]
            self.assertEqual(found, sorted(counts.items(),
                                           key=lambda one: (-one[1], one[0].encode()))[:7])
        got = self.doors.get("/v1/pipeline/top", rollup="page", aggregate="n", limit=7).json()
        self.assertEqual([(row["key"]["page"], row["n"]) for row in got["rows"]], found)

    def test_keys_page_by_page(self):
        pb = generated()[0]
        pages = sorted({event["page"] for event in self.events}, key=str.encode)
        for limit in (1, 7, 1000):
            found, cursor = [], ""
            while True:
                answer = self.every_door("Keys", pb.KeysRequest(
                    pipeline="pipeline", rollup=["page"], limit=limit, cursor=cursor))
                found += [row.key[0].text for row in answer.rows]
                cursor = answer.next_cursor
                if not cursor:
                    break
            self.assertEqual(found, pages)
        found, more = [], {}
        while True:
            got = self.doors.get("/v1/pipeline/keys", rollup="code,page", prefix="3", limit=9,
                                 **more).json()
            found += [key["page"] for key in got["keys"]]
            if "next_cursor" not in got:
                break
            more = {"cursor": got["next_cursor"]}
        self.assertEqual(found, sorted({event["page"] for event in self.events
                                        if event["code"] == 3}, key=str.encode))

    def test_everything_as_a_file(self):
        pb = generated()[0]
        formats = {"jsonl": pb.BulkRequest.FORMAT_JSON_LINES, "csv": pb.BulkRequest.FORMAT_CSV,
                   "parquet": pb.BulkRequest.FORMAT_PARQUET,
                   "arrow": pb.BulkRequest.FORMAT_ARROW_STREAM}
        files = {}
        with self.doors.stub() as stub:
            for name, number in formats.items():
                pieces = stub.Bulk(pb.BulkRequest(pipeline="pipeline", format=number))
                files[name] = b"".join(piece.data for piece in pieces)
                self.assertEqual(self.doors.get("/v1/pipeline/bulk", format=name).body,
                                 files[name])
        self.assertEqual([json.loads(line) for line in files["jsonl"].splitlines()], self.rows)
        counts = [row["n"] for row in self.rows]
        self.assertEqual([int(row["n"]) for row in csv.DictReader(io.StringIO(
            files["csv"].decode()))], counts)
        table = pyarrow.parquet.read_table(io.BytesIO(files["parquet"]))
        self.assertEqual(table.column("n").to_pylist(), counts)
        stream = pyarrow.ipc.open_stream(files["arrow"]).read_all()
        self.assertEqual(stream.to_pydict(), table.to_pydict())
        self.assertEqual(self.succeed("dump", self.file, "--format", "csv").out.encode(),
                         files["csv"].replace(b"\r\n", b"\n"))

    def test_what_there_is(self):
        pb = generated()[0]
        listed = self.every_door("List", pb.ListRequest()).pipelines
        self.assertEqual([(one.name, one.version) for one in listed], [("pipeline", 1)])
        described = self.every_door("Describe", pb.DescribeRequest(pipeline="pipeline"))
        self.assertEqual([list(rollup.parts) for rollup in described.rollups],
                         [["page"], ["code", "page"], []])
        self.assertEqual([one.name for one in described.aggregate_types],
                         ["n", "money", "users", "least", "none", "q", "t"])
        status = self.every_door("Status", pb.StatusRequest(pipeline="pipeline"))
        self.assertEqual(json.loads(status.json), self.status(self.file))
        self.assertEqual(self.doors.get("/v1/pipeline/status").json(), self.status(self.file))

    def test_nothing_new_is_told_without_the_answer(self):
        first = self.doors.get("/v1/pipeline", key="/")
        tag = first.headers["ETag"]
        again = self.doors.get("/v1/pipeline", key="/", headers={"If-None-Match": tag})
        self.assertEqual((again.code, again.body, again.headers["ETag"]), (304, b"", tag))
        other = self.doors.get("/v1/pipeline", key="/", headers={"If-None-Match": '"0-0"'})
        self.assertEqual((other.code, other.body), (200, first.body))

    def test_answers_are_those_of_the_openapi_document(self):
        document = self.doors.get("/openapi.json").json()

        def check(path, answer):
            answers = document["paths"][path]["get"]["responses"]
            told = answers.get(str(answer.code)) or document["components"]["responses"]["Error"]
            schema = told["content"]["application/json"]["schema"]
            jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
        one = "/v1/{pipeline}"
        check("/v1", self.doors.get("/v1"))
        check(one, self.doors.get("/v1/pipeline"))
        check(one, self.doors.get("/v1/pipeline", key="/", window="3d"))
        check(one, self.doors.get("/v1/pipeline", key=["/", "nosuch"]))
        check(one, self.doors.get("/v1/pipeline", key="nosuch"))
        check(one, self.doors.get("/v1/nosuch"))
        check(one + "/keys", self.doors.get("/v1/pipeline/keys"))
        check(one + "/top", self.doors.get("/v1/pipeline/top", aggregate="n"))
        check(one + "/top", self.doors.get("/v1/pipeline/top"))
        check(one + "/status", self.doors.get("/v1/pipeline/status"))
        check(one + "/bulk", self.doors.get("/v1/pipeline/bulk", format="nosuch"))

    def test_what_is_wrong_is_told(self):
        def told(answer, code, name, *parts):
            self.assertEqual((answer.code, answer.json()["code"]), (code, name), answer.body)
            for part in parts:
                self.assertIn(part, answer.json()["message"])
        good = {"pipeline": "pipeline", "key": {"text": "/"}}
        told(self.doors.post("Get", {"pipeline": "nosuch"}), 404, "not_found", "pipeline")
        told(self.doors.post("Get", "{"), 400, "invalid_argument", "JSON")
        told(self.doors.post("Get", {"keey": 1}), 400, "invalid_argument", "keey")
        told(self.doors.post("Get", b"\xff\xff", Content_Type="application/proto"), 400,
             "invalid_argument", "murmur.v1.GetRequest")
        told(self.doors.post("Get", good | {"range": {"last": "soon"}}), 400, "invalid_argument",
             "range.last", "7d")
        told(self.doors.post("Get", good | {"aggregates": ["x"]}), 400, "invalid_argument",
             "money")
        told(self.doors.post("Get", good, Content_Type="text/plain"), 415, "unimplemented")
        told(self.doors.post("Get", good, Content_Encoding="gzip"), 501, "unimplemented", "gzip")
        told(self.doors.post("Get", good, Connect_Timeout_Ms="0"), 504, "deadline_exceeded")
        told(self.doors.post("Get", good, Connect_Timeout_Ms="soon"), 400, "invalid_argument")
        told(self.doors.post("Nosuch", good), 404, "unimplemented")
        told(self.doors.ask("GET", "/murmur.v1.Query/Get"), 405, "unimplemented", "POST")
        told(self.doors.ask("POST", "/v1"), 405, "unimplemented", "GET")
        told(self.doors.get("/v2"), 404, "not_found", "/v1")
        told(self.doors.get("/v1/pipeline", key="/", windo="7d"), 400, "invalid_argument",
             "'windo'", "window")
        told(self.doors.get("/v1/pipeline", key="a,b,c"), 400, "invalid_argument", "3 values")
        told(self.doors.get("/v1/pipeline/top", aggregate="t"), 400, "invalid_argument", "number")
        told(self.doors.get("/v1/pipeline/keys", cursor="x,y,z"), 400, "invalid_argument")
        told(self.doors.post("Get", "x" * (5 << 20)), 413, "resource_exhausted", "bytes")
        keys = [{"text": "/"}] * 10_001
        told(self.doors.post("GetMany", {"pipeline": "pipeline", "keys": keys}), 429,
             "resource_exhausted", "10,000")
        pb = generated()[0]
        with self.doors.stub() as stub:
            for request, code in ((pb.GetRequest(pipeline="nosuch"), grpc.StatusCode.NOT_FOUND),
                                  (pb.GetRequest(pipeline="pipeline", key=pb.Key(text="a,b,c")),
                                   grpc.StatusCode.INVALID_ARGUMENT)):
                with self.assertRaises(grpc.RpcError) as raised:
                    stub.Get(request)
                self.assertEqual(raised.exception.code(), code)

    def test_grpc_tells_its_health_and_its_schema(self):
        with grpc.insecure_channel(self.doors.grpc) as channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            self.assertEqual(health.status, health_pb2.HealthCheckResponse.SERVING)
            asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            listed = next(iter(stub.ServerReflectionInfo(iter(asked))))
            self.assertIn("murmur.v1.Query",
                          [one.name for one in listed.list_services_response.service])

    def test_prometheus_reads_the_metrics(self):
        self.doors.post("Get", {"pipeline": "pipeline", "key": {"text": "/"}})
        self.doors.post("Get", {"pipeline": "nosuch"})
        pb = generated()[0]
        with self.doors.stub() as stub:
            stub.List(pb.ListRequest())
        answer = self.doors.get("/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        samples = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            self.assertNotEqual(family.documentation, "", family.name)
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                self.assertNotIn((sample.name, labels), samples)
                samples[sample.name, labels] = sample.value

        def value(name, **labels):
            return samples.get((name, tuple(sorted(labels.items()))))
        self.assertEqual(value("murmur_up", pipeline="pipeline"), 1)
        self.assertEqual(value("murmur_records_total", pipeline="pipeline"), EVENTS)
        get = {"door": "connect", "method": "Get"}
        self.assertEqual(value("murmur_calls_total", **get, code="ok"), 1)
        self.assertEqual(value("murmur_calls_total", **get, code="not_found"), 1)
        self.assertEqual(value("murmur_call_seconds_count", **get), 2)
        self.assertEqual(value("murmur_call_seconds_bucket", **get, le="+Inf"), 2)
        self.assertEqual(value("murmur_call_seconds_count", door="grpc", method="List"), 1)

    def test_malformed_requests_leave_others_served(self):
        host, port = self.doors.http.split(":")
        idle = []
        for number in range(300):
            connection = socket.create_connection((host, int(port)), timeout=60)
            pieces = [b"POST /murmur.v1.Query/Get HTTP/1.1\r\n", b"Host: x\r\n", b"\0\r\n",
                      b"Content-Length: 99\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n",
                      b"Content-Length: -1\r\n\r\n", b"\r\n\r\n", b"{" * 100,
                      b"GET /v1/pipeline?key=%zz HTTP/1.1\r\n\r\n", b"X: " + b"y" * 20_000,
                      self.random.randbytes(50)]
            try:
                connection.sendall(b"".join(self.random.sample(pieces, self.random.randrange(1, 6))))
            except OSError:
                pass  # it has been refused already
            if number % 3 == 0:
                idle.append(connection)  # half a request, and nothing more
            else:
                connection.close()
        self.assertEqual(self.doors.get("/v1/pipeline", key="/").code, 200)
        for connection in idle:
            connection.close()
        self.assertEqual(self.end_quietly(), "")

    def end_quietly(self):
        self.child.terminate()
        _, err = self.child.communicate(timeout=60)
        self.assertEqual(self.child.returncode, 0, err)
        return err

    def test_curl_reads_what_the_documentation_says(self):
        out = subprocess.run(["curl", "-sS", "--fail", f"http://{self.doors.http}/v1/pipeline",
                              "--get", "--data-urlencode", "key=a,b", "-d", "window=3d"],
                             capture_output=True, text=True, check=False)
        self.assertNotEqual(out.returncode, 0, "two parts: no such key")
        out = subprocess.run(["curl", "-sS", "--fail", f"http://{self.doors.http}/v1/pipeline",
                              "--get", "--data-urlencode", 'key="a,b"'],
                             capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(out.stdout)["rows"][0]["key"], {"page": "a,b"})


class ListeningTest(ServeCase):
    def test_where_it_may_listen(self):
        file = self.define()
        for address in ("0.0.0.0:0", "[::]:0"):
            err = self.fail_with(2, "serve", file, "--listen", address).err
            self.assertIn("--insecure", err)
        self.assertIn("HOST:PORT", self.fail_with(2, "serve", file, "--listen", "nowhere").err)
        self.assertIn("--listen", self.fail_with(2, "serve", file).err)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for door in ("--listen", "--grpc"):
                err = self.fail_with(1, "serve", file, door, str(port)).err
                self.assertIn(f"127.0.0.1:{port}", err)

    def test_a_state_may_come_later(self):
        self.write_events("events.jsonl", [{"page": "a", "ts": "2026-03-01T00:00:00Z"}])
        file = self.define()
        doors, child = self.serve(file)
        answer = doors.get("/v1/pipeline", key="a")
        self.assertEqual((answer.code, answer.json()["code"]), (503, "unavailable"))
        self.assertIn("unavailable", doors.get("/v1").json()["pipelines"][0])
        self.succeed("bootstrap", file, "--quiet")
        self.wait_until("it answers", lambda: doors.get("/v1/pipeline", key="a").code == 200)

    def test_a_new_version_shows(self):
        self.write_events("events.jsonl", [{"page": "a", "ts": "2026-03-01T00:00:00Z"}])
        file = self.define()
        self.succeed("bootstrap", file, "--quiet")
        doors, _ = self.serve(file)
        self.assertEqual(doors.get("/v1/pipeline", key="a").json()["rows"][0]["views"], 1)
        self.write_events("events.jsonl", [{"page": "a", "ts": "2026-03-01T00:00:00Z"}] * 3)
        self.succeed("bootstrap", file, "--fresh", "--quiet")
        self.wait_until("it shows", lambda: doors.get(
            "/v1/pipeline", key="a").json()["rows"][0]["views"] == 3, seconds=5)


if __name__ == "__main__":
    main()
