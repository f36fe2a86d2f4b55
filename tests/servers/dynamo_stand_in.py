"""A stand-in for DynamoDB that does what DynamoDB Local can't show: it checks signatures, throttles,
gives partial and empty pages, lets iterators expire, forgets changes under the service's names, has
another time than this machine, damages answers, and has shards that split whenever a test says so.

    with DynamoStandIn() as dynamo:
        dynamo.write({"id": {"N": "1"}, "v": {"N": "5"}})
        dynamo.split()
        dynamo.fail("GetRecords", "ExpiredIteratorException", times=3)

One table, `orders`, whose key is the number `id`. Threads: any.
"""

import collections
import contextlib
import datetime
import email.utils
import http.server
import itertools
import json
import random
import re
import threading
import time
import zlib

import botocore.auth
import botocore.awsrequest
import botocore.credentials

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "AKIDSTANDIN", "a-secret+/key"
TABLE = "orders"
STREAM = f"arn:aws:dynamodb:{REGION}:123456789012:table/{TABLE}/stream/2026-03-01T00:00:00.000"
CLOCKS_DIFFER_SECONDS_MAX = 300


class Shard:
    def __init__(self, number, parent=None):
        self.id = f"shardId-{1_700_000_000_000 + number:020}-{number:08x}"
        self.parent = parent
        self.records = []
        self.is_open = True


class Refused(Exception):
    def __init__(self, name, message="", status=400):
        super().__init__(name)
        self.name, self.message, self.status = name, message, status


class DynamoStandIn:
    """page_items: of a Scan. empty: the share of answers of Scan and GetRecords without anything in
    them. page_records: of GetRecords. ahead_seconds: how much its clock is ahead."""

    def __init__(self, *, page_items=7, page_records=5, empty=0.0, ahead_seconds=0, seed=1):
        self.page_items, self.page_records, self.empty = page_items, page_records, empty
        self.ahead_seconds = ahead_seconds
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.items = {}
        self.numbers = itertools.count(1)
        self.shards = []
        self.failures = collections.defaultdict(list)
        self.damages = 0
        self.iterators = {}
        self.iterator_uses_max = None   # after so many it has expired
        self.trimmed = 0                # records up to this number are gone
        self.asked = collections.Counter()
        self.add_shard()

    def __enter__(self):
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                stand_in.answer(self, body)

            def log_message(self, *_):
                pass

            def handle(self):
                with contextlib.suppress(ConnectionError):  # a program that was killed
                    super().handle()

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(stand_in.now(), usegmt=True)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # --- what tests do ---

    def write(self, item):
        with self.lock:
            key = item["id"]["N"]
            event = "MODIFY" if key in self.items else "INSERT"
            self.items[key] = item
            self.record(event, key, item)

    def delete(self, key):
        with self.lock:
            if self.items.pop(key, None):
                self.record("REMOVE", key, None)

    def split(self, into=2):
        """Every open shard ends, and has so many successors."""
        with self.lock:
            for shard in [shard for shard in self.shards if shard.is_open]:
                shard.is_open = False
                for _ in range(into):
                    self.add_shard(shard.id)

    def fail(self, operation, name, times=1, status=400, message=""):
        """The next answers to it."""
        with self.lock:
            self.failures[operation] += [Refused(name, message, status)] * times

    def damage(self, times):
        with self.lock:
            self.damages += times

    def trim(self):
        """Everything that the stream has so far is gone."""
        with self.lock:
            self.trimmed = next(self.numbers)

    def now(self):
        return time.time() + self.ahead_seconds

    # --- inside ---

    def add_shard(self, parent=None):
        self.shards.append(Shard(len(self.shards), parent))

    def record(self, event, key, item):
        """In one of the open shards, always the same for a key, as long as these are."""
        open_shards = [shard for shard in self.shards if shard.is_open]
        shard = open_shards[zlib.crc32(key.encode()) % len(open_shards)]
        image = {"NewImage": item} if item else {}
        shard.records.append((next(self.numbers), {
            "eventName": event, "dynamodb": image | {
                "ApproximateCreationDateTime": int(self.now()), "Keys": {"id": {"N": key}}}}))

    def answer(self, handler, body):
        try:
            with self.lock:
                self.check_signature(handler, body)
                operation = handler.headers["x-amz-target"].split(".")[1]
                self.asked[operation] += 1
                if self.failures[operation]:
                    raise self.failures[operation].pop(0)
                answer, status = getattr(self, operation)(json.loads(body)), 200
        except Refused as refused:
            status = refused.status
            answer = {"__type": f"com.amazonaws.dynamodb.v20120810#{refused.name}",
                      "message": refused.message}
        data = json.dumps(answer).encode()
        crc = zlib.crc32(data)
        with self.lock:
            if self.damages > 0 and status == 200:
                self.damages -= 1
                data = data[:-2] + b" }"
        handler.send_response(status)
        handler.send_header("content-type", "application/x-amz-json-1.0")
        handler.send_header("x-amz-crc32", str(crc))
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def check_signature(self, handler, body):
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d+)/(\S+)/dynamodb/aws4_request, "
            r"SignedHeaders=(\S+), Signature=([0-9a-f]+)", handler.headers["authorization"])
        if not given or given[1] != ACCESS_KEY:
            raise Refused("UnrecognizedClientException",
                          "The security token included in the request is invalid.")
        date = handler.headers["x-amz-date"]
        headers = {name: handler.headers[name] for name in given[4].split(";")}
        request = botocore.awsrequest.AWSRequest(
            method="POST", url=f"http://{handler.headers['host']}/", data=body, headers=headers)
        request.context["timestamp"] = date
        auth = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(ACCESS_KEY, SECRET_KEY), "dynamodb", REGION)
        signature = auth.signature(
            auth.string_to_sign(request, auth.canonical_request(request)), request)
        if signature != given[5] or given[3] != REGION:
            raise Refused("InvalidSignatureException",
                          "The request signature we calculated does not match the signature you "
                          "provided. Check your AWS Secret Access Key and signing method.")
        made = datetime.datetime.strptime(date + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
        if abs(made - self.now()) > CLOCKS_DIFFER_SECONDS_MAX:
            raise Refused("InvalidSignatureException", f"Signature expired: {date} is now earlier "
                          "than it may be.")

    def DescribeTable(self, request):
        if request["TableName"] != TABLE:
            raise Refused("ResourceNotFoundException", "Requested resource not found")
        return {"Table": {
            "TableName": TABLE, "TableId": "the-table", "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
            "ItemCount": len(self.items), "TableSizeBytes": 100 * len(self.items),
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            "LatestStreamArn": STREAM}}

    def Scan(self, request):
        assert request["ConsistentRead"] is True
        segment, of = request["Segment"], request["TotalSegments"]
        keys = sorted((key for key in self.items if zlib.crc32(key.encode()) % of == segment),
                      key=float)
        if start := request.get("ExclusiveStartKey"):
            keys = [key for key in keys if float(key) > float(start["id"]["N"])]
        page = keys[:self.page_items]
        more = len(keys) > len(page)
        shown = page
        if page and self.random.random() < self.empty:
            shown, more = [], start is not None
            page = []
        answer = {"Items": [self.items[key] for key in shown], "Count": len(shown),
                  "ConsumedCapacity": {"TableName": TABLE, "CapacityUnits": 1.0}}
        if more or (keys and not page):
            last = page[-1] if page else start["id"]["N"] if start else str(float(keys[0]) - 1)
            answer["LastEvaluatedKey"] = {"id": {"N": last}}
        return answer

    def DescribeStream(self, request):
        start = request.get("ExclusiveStartShardId")
        first = next((n + 1 for n, s in enumerate(self.shards) if s.id == start), 0)
        page = self.shards[first:first + 2]  # few, so that listings are cut
        listed = []
        for shard in page:
            numbers = {"StartingSequenceNumber": "1"}
            if not shard.is_open:
                numbers["EndingSequenceNumber"] = "2"
            one = {"ShardId": shard.id, "SequenceNumberRange": numbers}
            listed.append(one | ({"ParentShardId": shard.parent} if shard.parent else {}))
        more = {"LastEvaluatedShardId": page[-1].id} if first + 2 < len(self.shards) else {}
        return {"StreamDescription": {"StreamStatus": "ENABLED", "Shards": listed,
                                      "CreationRequestDateTime": 1.7e9} | more}

    def shard_of(self, name):
        for shard in self.shards:
            if shard.id == name:
                return shard
        raise Refused("ResourceNotFoundException", "no such shard")

    def GetShardIterator(self, request):
        shard = self.shard_of(request["ShardId"])
        after = int(request.get("SequenceNumber", 0))
        if request["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER" and after < self.trimmed:
            raise Refused("TrimmedDataAccessException", "the records are gone")
        return {"ShardIterator": self.new_iterator(shard.id, after)}

    def new_iterator(self, shard, after, uses=0):
        name = f"{shard}|{after}|{len(self.iterators)}"
        self.iterators[name] = (shard, after, uses)
        return name

    def GetRecords(self, request):
        if request["ShardIterator"] not in self.iterators:
            raise Refused("ValidationException", "Invalid ShardIterator")
        name, after, uses = self.iterators[request["ShardIterator"]]
        if self.iterator_uses_max is not None and uses >= self.iterator_uses_max:
            raise Refused("ExpiredIteratorException", "The iterator is too old")
        shard = self.shard_of(name)
        left = [(number, record) for number, record in shard.records
                if number > max(after, self.trimmed)]
        page = left[:self.page_records] if self.random.random() >= self.empty else []
        last = page[-1][0] if page else after
        answer = {"Records": [record | {"dynamodb": record["dynamodb"] | {
            "SequenceNumber": str(number)}} for number, record in page]}
        if shard.is_open or len(page) < len(left):
            answer["NextShardIterator"] = self.new_iterator(name, last, uses + 1)
        return answer
