"""A stand-in for S3 that holds any key, as AWS does and servers over a file system can't: "//" in
it, a '/' at its end, `a` beside `a/b`. It lists and reads; it checks no signatures.

    with S3StandIn({"logs": {"events//a.jsonl": b'{"n": 1}\n'}}) as server:
        subprocess.run([program, …, server.endpoint], env=server.environment())
"""

import dataclasses
import email.utils
import hashlib
import http.server
import os
import threading
import urllib.parse
import xml.sax.saxutils

MODIFIED_SECONDS = 1_700_000_000


@dataclasses.dataclass
class Stored:
    body: bytes
    storage_class: str = "STANDARD"
    archived: bool = False  # must be restored before it can be read


@dataclasses.dataclass
class Elsewhere:
    """A bucket of another region."""
    region: str


class S3StandIn:
    def __init__(self, buckets, page_keys=1000):
        self.buckets = {name: bucket if isinstance(bucket, Elsewhere) else
                        {key: body if isinstance(body, Stored) else Stored(body)
                         for key, body in bucket.items()} for name, bucket in buckets.items()}
        self.page_keys = page_keys  # of a listing's answer, at most
        self.forbidden = set()      # buckets that may not be listed
        self.requests = []          # (method, path, range, status)

    def __enter__(self):
        handler = type("Handler", (Handler,), {"store": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def environment(self):
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith("AWS_")}
        return inherited | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
                            "AWS_CONFIG_FILE": os.devnull,
                            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                            "AWS_EC2_METADATA_DISABLED": "true"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(url.path)[1:].partition("/")
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        objects = self.store.buckets.get(bucket)
        if objects is None:
            self.refuse(404, "NoSuchBucket", "The specified bucket does not exist")
        elif isinstance(objects, Elsewhere):
            self.refuse(301, "PermanentRedirect", "Send requests to another endpoint.",
                        {"x-amz-bucket-region": objects.region})
        elif not key and bucket in self.store.forbidden:
            self.refuse(403, "AccessDenied", "Access Denied")
        elif not key:
            self.list(bucket, objects, query)
        elif key not in objects:
            self.refuse(404, "NoSuchKey", "The specified key does not exist.")
        else:
            self.read(objects[key])

    def read(self, stored):
        headers = {"ETag": tag(stored), "Content-Type": "binary/octet-stream",
                   "Last-Modified": email.utils.formatdate(MODIFIED_SECONDS, usegmt=True)}
        if stored.archived:
            self.refuse(403, "InvalidObjectState",
                        "The operation is not valid for the object's storage class")
            return
        body, wanted = stored.body, self.headers.get("Range")
        if wanted is None:
            self.answer(200, body, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        first, last = int(first), min(int(last or len(body)), len(body) - 1)
        if first >= len(body):
            self.refuse(416, "InvalidRange", "The requested range is not satisfiable")
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        self.answer(206, body[first:last + 1], headers)

    # Source: docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    def list(self, bucket, objects, query):
        prefix = query.get("prefix", "").encode()
        after = query.get("continuation-token", "").encode()
        most = min(int(query.get("max-keys", 1000)), self.store.page_keys)
        keys = sorted(key.encode() for key in objects if key.encode().startswith(prefix))
        keys = [key for key in keys if not after or key > after]
        page = [key.decode() for key in keys[:most]]
        escape = xml.sax.saxutils.escape
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2023-11-14T22:13:20.000Z"
            f"</LastModified><ETag>{escape(tag(objects[key]))}</ETag>"
            f"<Size>{len(objects[key].body)}</Size>"
            f"<StorageClass>{objects[key].storage_class}</StorageClass></Contents>" for key in page)
        more = len(keys) > most
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self.answer(200, (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns='
                          f'"http://s3.amazonaws.com/doc/2006-03-01/"><Name>{bucket}</Name>'
                          f"<Prefix>{escape(prefix.decode())}</Prefix><KeyCount>{len(page)}"
                          f"</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}"
                          f"</IsTruncated>{token}{rows}</ListBucketResult>").encode(),
                    {"Content-Type": "application/xml"})

    def refuse(self, status, code, message, headers=None):
        body = (f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>'
                f"{message}</Message></Error>").encode()
        self.answer(status, body, {"Content-Type": "application/xml", **(headers or {})})

    def answer(self, status, body, headers):
        self.store.requests.append((self.command, self.path, self.headers.get("Range", ""), status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def tag(stored):
    return f'"{hashlib.md5(stored.body).hexdigest()}"'
