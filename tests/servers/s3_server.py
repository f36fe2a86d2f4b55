"""A real S3 server for tests: versitygw, which checks signatures, on a free loopback port.

    with S3Server() as server:
        server.put("logs", "2026/a.jsonl", b'{"n": 1}\n')
        subprocess.run([program, …, server.endpoint], env=server.environment())

It starts in a tenth of a second, and is killed when the block ends, or with the thread that started
it. Everything it stores lies in a temporary directory, which goes with it.
"""

import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import itertools
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.parse

from waiting import wait_until_ready

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur"
PROGRAM = os.environ.get("MURMUR_VERSITYGW") or CACHE / "bin/versitygw"
REGION = "us-east-1"
START_ATTEMPTS_MAX = 5
REQUEST_SECONDS_MAX = 60
PUT_THREADS = 4


class S3Error(Exception):
    pass


class S3Client:
    """Signed requests (AWS Signature Version 4, path style), each on a connection of its own."""

    def __init__(self, endpoint, access_key, secret_key, seconds_max=REQUEST_SECONDS_MAX):
        self.seconds_max = seconds_max
        self.address = urllib.parse.urlsplit(endpoint).netloc
        self.access_key, self.secret_key = access_key, secret_key

    def request(self, method, bucket="", key="", query=None, body=b""):
        """The status, the headers and the body of the answer, whatever it is."""
        path = urllib.parse.quote(f"/{bucket}/{key}" if bucket else "/", safe="/-_.~")
        pairs = sorted((query or {}).items())
        query_string = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~")
        headers = self.signed_headers(method, path, query_string, body)
        connection = http.client.HTTPConnection(self.address, timeout=self.seconds_max)
        try:
            url = f"{path}?{query_string}" if query_string else path
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def expect(self, status, method, *arguments, **options):
        got, _, body = self.request(method, *arguments, **options)
        if got != status:
            raise S3Error(f"{method} {arguments}: {got}, not {status}: {body[:1000]!r}")
        return body

    # Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    def signed_headers(self, method, path, query_string, body):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self.address, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
                   "x-amz-date": now}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join([method, path, query_string, lines, names,
                               headers["x-amz-content-sha256"]])
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                    f"SignedHeaders={names}, Signature={signature}")
        return headers


class S3Server:
    """Used by one thread, but for `put` and `delete` in a bucket that `put` has made.

    Objects are plain files in `directory`/objects/BUCKET/KEY, metadata their extended attributes;
    where the file system has none, or if so wished, metadata are files too, which takes thrice the
    time.
    """

    def __init__(self, program=PROGRAM, metadata_in_files=False):
        self.program, self.metadata_in_files = str(program), metadata_in_files
        self.access_key, self.secret_key = "murmur-test", secrets.token_hex(16)
        self.process = self.endpoint = self.directory = None
        self.buckets = set()

    def __enter__(self):
        if not os.access(self.program, os.X_OK):
            raise S3Error(f"no program {self.program}: `./dev test` installs it")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="murmur-s3-"))
        try:
            for _ in range(START_ATTEMPTS_MAX):
                if self.try_to_start():
                    return self
            raise S3Error(f"found no free port in {START_ATTEMPTS_MAX} attempts")
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Kills the server: there is nothing to save, and an orderly end takes a second."""
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.directory:
            shutil.rmtree(self.directory)
        self.process = self.directory = None

    # --- use ---

    def client(self, endpoint=None, access_key=None, secret_key=None):
        return S3Client(endpoint or self.endpoint, access_key or self.access_key,
                        secret_key or self.secret_key)

    def put(self, bucket, key, body):
        """Stores an object, and makes its bucket if there is none yet."""
        client = self.client()
        if bucket not in self.buckets:
            client.expect(200, "PUT", bucket)
            self.buckets.add(bucket)
        client.expect(200, "PUT", bucket, key, body=body)

    def put_all(self, bucket, objects):
        """Stores a dictionary of bodies by key, several at a time."""
        names = iter(objects.items())
        for key, body in itertools.islice(names, 1):  # makes the bucket
            self.put(bucket, key, body)
        with concurrent.futures.ThreadPoolExecutor(PUT_THREADS) as pool:
            for _ in pool.map(lambda item: self.put(bucket, *item), names):
                pass

    def delete(self, bucket, key):
        self.client().expect(204, "DELETE", bucket, key)

    def environment(self, **changes):
        """The environment for a child: ours, with this server's keys and no other AWS settings."""
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith("AWS_")}
        return inherited | {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # Without this an SDK asks 169.254.169.254, and waits for it.
            "AWS_EC2_METADATA_DISABLED": "true",
        } | changes

    # --- starting ---

    def try_to_start(self):
        """False if somebody else took the port that had been free."""
        address = f"127.0.0.1:{free_port()}"
        self.endpoint = f"http://{address}"
        log = self.directory / "log"
        for name in ("objects", "metadata"):
            (self.directory / name).mkdir(exist_ok=True)
        command = [self.program, "--port", address, "--region", REGION, "--keep-alive", "--quiet",
                   "posix"]
        if self.metadata_in_files or not has_attributes(self.directory):
            command += ["--sidecar", self.directory / "metadata"]
        command.append(self.directory / "objects")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, cwd=self.directory,
                env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": self.access_key,
                     "ROOT_SECRET_KEY": self.secret_key})
        try:
            wait_until_ready(f"{self.program} on {address}", self.process, log, self.answers,
                             S3Error, look_seconds=0.01)
        except S3Error as failure:
            if "address already in use" not in str(failure):
                raise
            return False
        return True

    def answers(self):
        """Whether a server with our secret, which no other server has, answers."""
        try:
            client = S3Client(self.endpoint, self.access_key, self.secret_key, seconds_max=1)
            return client.request("GET")[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def has_attributes(directory):
    try:
        os.setxattr(directory, "user.murmur", b"")
    except OSError:
        return False
    return True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
