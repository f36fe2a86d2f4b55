"""An HTTP proxy in front of an S3 server that fails as its rules say.

    with S3Server() as server, FaultProxy(server.endpoint, seed=7) as proxy:
        proxy.rule(Fault.SLOW_DOWN, share=0.3)
        cut = proxy.rule(Fault.CUT, keys="/b/", after_bytes=1000, first=2)
        subprocess.run([program, …, proxy.endpoint], env=server.environment())
        assert cut.happened > 0

Requests and answers pass through byte for byte, the Host header too, so signatures made for the
proxy's address hold. It runs in the test's process, a thread a connection; rules may come and go
while requests are under way.
"""

import collections
import contextlib
import dataclasses
import enum
import os
import random
import re
import socket
import sys
import threading
import urllib.parse

BLOCK_BYTES = 64 * 1024
LINE_BYTES_MAX = 64 * 1024
CONNECT_SECONDS_MAX = 10


class Fault(enum.Enum):
    SLOW_DOWN = "503 SlowDown"
    NOT_FOUND = "404 NoSuchKey, though listings still show the key"
    CUT = "the connection ends after some bytes of the body"
    DELAY = "the request waits, then goes on"


ANSWERS = {Fault.SLOW_DOWN: (503, "Slow Down", "SlowDown", "Please reduce your request rate."),
           Fault.NOT_FOUND: (404, "Not Found", "NoSuchKey", "The specified key does not exist.")}
OPERATIONS = {Fault.SLOW_DOWN: ("GET", "HEAD", "LIST"), Fault.NOT_FOUND: ("GET", "HEAD"),
              Fault.CUT: ("GET",), Fault.DELAY: ("GET", "HEAD", "LIST")}


@dataclasses.dataclass
class Request:
    """One that came, in `FaultProxy.requests`."""
    operation: str  # LIST is a GET of a bucket; otherwise the HTTP method
    name: str       # "bucket/key", decoded; "bucket" alone if there is no key
    status: int = 0 # of the answer; 0 while there is none
    fault: Fault | None = None


@dataclasses.dataclass
class Rule:
    fault: Fault
    keys: re.Pattern
    operations: tuple
    skip: int
    first: int | None
    share: float
    after_bytes: int
    seconds: float
    number: int
    happened: int = 0  # how often the fault really happened
    active: bool = True
    seen: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def stop(self):
        self.active = False

    def applies(self, request, seed):
        if not (self.active and request.operation in self.operations
                and self.keys.search(request.name)):
            return False
        nth = self.seen[request.name]
        self.seen[request.name] += 1
        if nth < self.skip or (self.first is not None and nth >= self.skip + self.first):
            return False
        # Drawn from what the request is, not from when it came: threads don't change the choice.
        drawn = random.Random(f"{seed}/{self.number}/{request.operation}/{request.name}/{nth}")
        return drawn.random() < self.share


class FaultProxy:
    def __init__(self, upstream, seed=None):
        """Forwards to `upstream`, http://host:port. Without a seed it takes MURMUR_SEED or a random
        one, and prints it."""
        parts = urllib.parse.urlsplit(upstream)
        self.upstream = (parts.hostname, parts.port)
        if seed is None:
            seed = int(os.environ.get("MURMUR_SEED", random.SystemRandom().randrange(2**32)))
            print(f"FaultProxy: MURMUR_SEED={seed} repeats its choices", file=sys.stderr)
        self.seed = seed
        self.endpoint = self.listener = None
        self.threads = []
        self.closing = threading.Event()
        self.lock = threading.Lock()  # of what is below, and of the counts in it
        self.requests = []
        self.rules = []
        self.sockets = set()

    def rule(self, fault, *, keys="", operations=None, skip=0, first=None, share=1.0,
             after_bytes=0, seconds=0.0):
        """Adds a rule, from now on, and returns it: `happened` counts, `stop()` ends it.

        keys: a regular expression searched in "bucket/key". skip, first: of the requests for each
        object, the first `skip` are spared, of those after them the first `first` are hit (None:
        all). share: of these, drawn by the seed. after_bytes is for CUT, seconds for DELAY. Earlier
        rules come first; a request that one has answered or cut isn't shown to those after it.
        """
        with self.lock:
            added = Rule(fault, re.compile(keys), tuple(operations or OPERATIONS[fault]), skip,
                         first, share, after_bytes, seconds, number=len(self.rules))
            self.rules.append(added)
        return added

    # --- running ---

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.run(self.accept)
        return self

    def __exit__(self, *_):
        """Ends every connection, and returns when no thread is left."""
        self.closing.set()
        with self.lock:
            for open_socket in [self.listener, *self.sockets]:
                with contextlib.suppress(OSError):  # the other side may have ended it
                    open_socket.shutdown(socket.SHUT_RDWR)
        # The accepting thread comes first: after it no thread is added.
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def run(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, name="fault-proxy", daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while not self.closing.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # shut down
            self.run(self.serve, client)

    @contextlib.contextmanager
    def tracked(self, connection):
        """Within it, __exit__ can end the connection."""
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets.add(connection)
            try:
                if self.closing.is_set():
                    raise ConnectionAbortedError
                yield connection
            finally:
                with self.lock:
                    self.sockets.remove(connection)

    # --- requests ---

    def serve(self, client):
        # Either side may leave at any moment: the other then sees its connection end.
        with contextlib.suppress(ConnectionError, TimeoutError), self.tracked(client):
            with client.makefile("rb") as reader:
                while self.serve_one(client, reader):
                    pass

    def serve_one(self, client, reader):
        """Whether the connection is good for another request."""
        head = Head.read(reader)
        if head is None:
            return False
        request = parse(head)
        with self.lock:
            self.requests.append(request)
            delays, rule = self.choose(request)
        for delay in delays:
            self.closing.wait(delay.seconds)
        if head.wants_continue():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if rule and rule.fault in ANSWERS:
            for _ in body_blocks(reader, head):
                pass
            self.answer(client, request, rule.fault)
            return head.keeps_alive()
        return self.forward(client, reader, head, request, rule)

    def choose(self, request):
        """The delays, and the rule that answers or cuts, if any. REQUIRES: the lock is held."""
        delays = []
        for rule in self.rules:
            if not rule.applies(request, self.seed):
                continue
            if rule.fault is not Fault.CUT:  # a cut happens if the body is long enough
                rule.happened += 1
                request.fault = rule.fault
            if rule.fault is not Fault.DELAY:
                return delays, rule
            delays.append(rule)
        return delays, None

    def answer(self, client, request, fault):
        request.status, reason, code, message = ANSWERS[fault]
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
                f"<Message>{message}</Message><RequestId>0</RequestId></Error>")
        head = (f"HTTP/1.1 {request.status} {reason}\r\nContent-Type: application/xml\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        client.sendall((head if request.operation == "HEAD" else head + body).encode())

    def forward(self, client, reader, head, request, cut):
        server = socket.create_connection(self.upstream, timeout=CONNECT_SECONDS_MAX)
        server.settimeout(None)
        with self.tracked(server), server.makefile("rb") as answers:
            server.sendall(head.bytes)
            for block in body_blocks(reader, head):
                server.sendall(block)
            while (answer := Head.read(answers)) and answer.status() < 200:
                pass  # 100 Continue, which the client has had
            if answer is None:
                return False
            request.status = answer.status()
            client.sendall(answer.bytes)
            if request.operation == "HEAD" or request.status in (204, 304):
                return head.keeps_alive() and answer.keeps_alive()
            left = cut.after_bytes if cut else 0
            for block in body_blocks(answers, answer):
                if cut and len(block) > left:
                    with self.lock:
                        cut.happened += 1
                        request.fault = Fault.CUT
                    client.sendall(block[:left])
                    return False
                left -= len(block)
                client.sendall(block)
            return head.keeps_alive() and answer.keeps_alive()


# --- HTTP/1.1 (RFC 9112), as much of it as S3 needs -----------------------------------------------


class Head:
    """The first line and the headers of a request or an answer, and their bytes as they came."""

    def __init__(self, lines):
        self.bytes = b"".join(lines)
        self.words = lines[0].decode("latin-1").split(" ", 2)
        pairs = (line.decode("latin-1").split(":", 1) for line in lines[1:-1])
        self.headers = {name.lower(): value.strip().lower() for name, value in pairs}

    @staticmethod
    def read(reader):
        """None if the connection ended before it."""
        lines = [reader.readline(LINE_BYTES_MAX)]
        if not lines[0]:
            return None
        while lines[-1] != b"\r\n":
            lines.append(whole_line(reader))
        return Head(lines)

    def is_answer(self):
        return self.words[0].startswith("HTTP/")

    def status(self):
        return int(self.words[1])

    def is_chunked(self):
        return self.headers.get("transfer-encoding") == "chunked"

    def body_bytes(self):
        """None: until the connection ends."""
        if "content-length" in self.headers:
            return int(self.headers["content-length"])
        return None if self.is_answer() else 0

    def keeps_alive(self):
        return self.headers.get("connection") != "close" and (
            self.is_chunked() or self.body_bytes() is not None)

    def wants_continue(self):
        return self.headers.get("expect") == "100-continue"


def parse(head):
    method, target, _ = head.words
    bucket, _, key = target.split("?")[0][1:].partition("/")
    name = urllib.parse.unquote(f"{bucket}/{key}" if key else bucket)
    return Request("LIST" if method == "GET" and not key else method, name)


def body_blocks(reader, head):
    """The body as it is on the wire, in blocks of limited size."""
    if not head.is_chunked():
        yield from blocks(reader, head.body_bytes())
        return
    size = -1
    while size != 0:
        line = whole_line(reader)
        yield line
        size = int(line.split(b";")[0], 16)
        yield from blocks(reader, size)
        while size == 0 and line != b"\r\n":  # trailers, and the line that ends them
            line = whole_line(reader)
            yield line
        if size:
            yield from blocks(reader, len(b"\r\n"))


def whole_line(reader):
    line = reader.readline(LINE_BYTES_MAX)
    if not line.endswith(b"\r\n"):
        raise ConnectionError(f"the connection ended in a line, or it is too long: {line[:80]}")
    return line


def blocks(reader, size):
    """Exactly `size` bytes, or all there are if it is None."""
    while size is None or size > 0:
        block = reader.read1(BLOCK_BYTES if size is None else min(size, BLOCK_BYTES))
        if not block:
            if size is None:
                return
            raise ConnectionError(f"the connection ended {size} bytes early")
        yield block
        if size is not None:
            size -= len(block)
