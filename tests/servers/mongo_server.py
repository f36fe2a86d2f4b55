"""A real MongoDB server for tests: a replica set of one node, on a free loopback port; or of some.

    with MongoServer() as mongo:
        orders = mongo.collection("shop", "orders", pre_images=True)
        orders.insert_one({"_id": 1, "total": 250})
        subprocess.run([program, …, mongo.uri])

    with MongoReplicaSet() as mongo:
        mongo.primary().kill()

It starts in a second, and is killed when the block ends, or with the thread that started it.
Everything it stores lies in a temporary directory, which goes with it.
"""

import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from urllib.parse import quote

import pymongo

from certificates import certify
from java_server import reserve_port
from suspend import suspend
from waiting import START_SECONDS_MAX, wait_until, wait_until_ready

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur"
PROGRAM = os.environ.get("MURMUR_MONGOD") or CACHE / "mongod/mongod"
REPLICA_SET = "rs0"
STOP_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 60
CLOSE_SECONDS_MAX = 0.01
OPLOG_NOTE_BYTES = 1 << 18
ADMIN = ("admin", "the admin's password")

# Options of a MongoServer whose oplog loses changes soon: see `roll_oplog`.
FORGETFUL = {"oplog_mb": 1, "checkpoint_seconds": 1, "snapshot_seconds": 1}


class MongoError(Exception):
    pass


def connect(uri, **options):
    return pymongo.MongoClient(uri, **{
        "serverSelectionTimeoutMS": REQUEST_SECONDS_MAX * 1000,
        "socketTimeoutMS": REQUEST_SECONDS_MAX * 1000} | options)


def create_collection(client, database, name, pre_images):
    options = {"changeStreamPreAndPostImages": {"enabled": True}} if pre_images else {}
    return client[database].create_collection(name, **options)


class MongoServer:
    """Used by one thread, but for its clients. Without `users` there is no user and no password.

    oplog_mb: what the oplog keeps; 1 is possible. It loses old changes only after a checkpoint,
    every checkpoint_seconds, so to lose some soon both must be small: see FORGETFUL.
    snapshot_seconds: how long the past can be read (atClusterTime).
    fail_points: the command configureFailPoint works, with which this server fails as told.
    tls: it listens with TLS only; `ca_file` vouches for its certificate, and `uri` says so.
    users: who has no name and password may nothing; clients are those of ADMIN, who may
    everything, and `uri` has neither: see `add_user` and `uri_of`.
    alone: it is a replica set of its own.
    """

    def __init__(self, *, oplog_mb=256, snapshot_seconds=600, checkpoint_seconds=60,
                 fail_points=False, tls=False, users=False, alone=True, program=PROGRAM):
        self.program, self.tls, self.users, self.alone = str(program), tls, users, alone
        self.options = [
            "--oplogSize", str(oplog_mb), "--syncdelay", str(checkpoint_seconds),
            "--setParameter", f"minSnapshotHistoryWindowInSeconds={snapshot_seconds}"]
        if fail_points:
            self.options += ["--setParameter", "enableTestCommands=1"]
        self.process = self.directory = self.port = self.address = self.uri = self.ca_file = None
        self.cached_admin = None
        self.clients = []

    def __enter__(self):
        if not os.access(self.program, os.X_OK):
            raise MongoError(f"no program {self.program}: `./dev test` installs it")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="murmur-mongo-"))
        try:
            (self.directory / "data").mkdir()
            self.port = reserve_port()
            self.address = "127.0.0.1:%d" % self.port.getsockname()[1]
            self.secure()
            self.uri = self.uri_of()
            self.start()
            if self.users:
                self.add_first_user()
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def secure(self):
        if self.tls:
            self.ca_file, both = certify(self.directory)
            self.options += ["--tlsMode", "requireTLS", "--tlsCAFile", str(self.ca_file),
                             "--tlsCertificateKeyFile", str(both),
                             "--tlsAllowConnectionsWithoutCertificates"]
        if self.users:
            key = self.directory / "replica-set-key"
            key.write_text(secrets.token_hex(64))
            key.chmod(0o600)
            self.options += ["--auth", "--keyFile", str(key)]

    # --- its life ---

    def start(self):
        """Starts it where it has ended, with what it stored; returns when it takes writes, if it
        is alone, else when it answers."""
        with (self.directory / "log").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, cwd=self.directory,
                env={"PATH": os.environ["PATH"]})
        wait_until_ready(f"{self.program} on {self.address}", self.process, self.directory / "log",
                         self.is_ready, MongoError, look_seconds=0.01)

    def stop(self):
        """Ends it in order, which takes a second; what it stores stays, for `start`."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """Ends it as a power cut does, but for the page cache; what it stores stays."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        """Starts it again at the same address, with what it stored; stops it first if it runs."""
        if self.process.poll() is None:
            self.stop()
        self.start()

    def pause(self):
        """It takes connections and requests, and answers none before `resume`. Can be killed."""
        suspend(self.process)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        if self.process:
            self.kill()
        # A client that closes tells the server, and would look for it for its whole timeout.
        with pymongo.timeout(CLOSE_SECONDS_MAX):
            for client in self.clients:
                client.close()
        if self.port:
            self.port.close()
        if self.directory:
            shutil.rmtree(self.directory)
        self.process = self.directory = self.port = self.cached_admin = None
        self.clients = []

    # --- use ---

    def client(self, **options):
        """A new pymongo client, which lives through restarts; closed with the server at the latest.
        options: of pymongo.MongoClient."""
        client = connect(self.uri_of(*ADMIN) if self.users else self.uri, **options)
        self.clients.append(client)
        return client

    def uri_of(self, user="", password=""):
        """For a user of `add_user`; without one, as `uri`."""
        user, password, ca_file = (quote(str(text), safe="")
                                   for text in (user, password, self.ca_file))
        login = f"{user}:{password}@" if user else ""
        options = f"&tls=true&tlsCAFile={ca_file}" if self.tls else ""
        return f"mongodb://{login}{self.address}/?replicaSet={REPLICA_SET}{options}"

    def add_user(self, name, password, *roles):
        """roles: each a name, of all databases, or {"role": …, "db": …}."""
        self.admin().admin.command("createUser", name, pwd=password, roles=list(roles))

    def collection(self, database, name, pre_images=False):
        """Makes an empty collection; with pre_images, change streams can tell what was before."""
        return create_collection(self.admin(), database, name, pre_images)

    def now(self):
        """The cluster time: of the newest change, or later."""
        return self.admin().admin.command("hello")["operationTime"]

    def roll_oplog(self):
        """Writes notes, which change no collection, until the oplog has lost all changes made so
        far. Takes seconds of one that is FORGETFUL."""
        last = self.now()
        oplog = self.admin().local["oplog.rs"]

        def has_lost_it():
            self.write_note()
            return oplog.find_one(sort=[("$natural", 1)], projection={"ts": 1})["ts"] > last
        wait_until(f"the oplog begins behind {last}", has_lost_it, REQUEST_SECONDS_MAX, MongoError)

    def write_note(self):
        """A change of no collection, which no stream of one tells. How far back the past can be
        read moves only as changes come."""
        self.admin().admin.command("appendOplogNote", data={"note": "x" * OPLOG_NOTE_BYTES})

    # --- inside ---

    def add_first_user(self):
        """Who needs none to make it, as long as there is none."""
        with pymongo.MongoClient(self.uri, directConnection=True) as client:
            name, password = ADMIN
            client.admin.command("createUser", name, pwd=password, roles=["root"])

    def admin(self):
        if not self.cached_admin:
            self.cached_admin = self.client(directConnection=True)
        return self.cached_admin

    def command(self):
        return [self.program, "--dbpath", "data", "--port", self.address.split(":")[1],
                "--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", REPLICA_SET,
                "--wiredTigerCacheSizeGB", "0.25",
                # Else its journal takes 300 MB from the start, and it records its own health.
                "--wiredTigerEngineConfigString", "log=(file_max=8MB,prealloc=false)",
                "--setParameter", "diagnosticDataCollectionEnabled=false", *self.options]

    def is_ready(self):
        # The driver would wait for half a second after a refused connection.
        return self.listens() and (not self.alone or self.is_primary())

    def listens(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    def is_primary(self):
        """Whether it takes writes. Makes the replica set of one that is new and alone."""
        # A server that is new belongs to no replica set, so a client must not ask for one.
        tls = {"tls": True, "tlsCAFile": str(self.ca_file)} if self.tls else {}
        with pymongo.MongoClient(f"mongodb://{self.address}/", directConnection=True,
                                 serverSelectionTimeoutMS=1000, **tls) as client:
            try:
                hello = client.admin.command("hello")
                if self.alone and "isreplicaset" in hello:
                    members = [{"_id": 0, "host": self.address}]
                    client.admin.command("replSetInitiate",
                                         {"_id": REPLICA_SET, "members": members})
            except pymongo.errors.PyMongoError:
                return False
        return hello.get("isWritablePrimary", False)


class MongoReplicaSet:
    """Servers of which each has all, and one takes writes: the primary. Used by one thread, but for
    its clients. options: of MongoServer."""

    NODES = 3
    # Else nobody is primary for ten seconds after one was killed.
    SETTINGS = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 300}

    def __init__(self, **options):
        self.nodes = [MongoServer(alone=False, **options) for _ in range(self.NODES)]
        self.stack = contextlib.ExitStack()
        self.uri = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            addresses = [node.address for node in self.nodes]
            self.uri = f"mongodb://{','.join(addresses)}/?replicaSet={REPLICA_SET}"
            members = [{"_id": n, "host": address} for n, address in enumerate(addresses)]
            with pymongo.MongoClient(f"mongodb://{addresses[0]}/", directConnection=True) as first:
                first.admin.command("replSetInitiate", {
                    "_id": REPLICA_SET, "members": members, "settings": self.SETTINGS})
            self.primary()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self.stack.__exit__(*details)

    def primary(self):
        """The one that takes writes; waits until there is one."""
        return wait_until(
            f"a server of {self.uri} is primary",
            lambda: next((node for node in self.nodes
                          if node.process.poll() is None and node.is_primary()), None),
            START_SECONDS_MAX, MongoError, look_seconds=0.05)

    def client(self, **options):
        client = connect(self.uri, **options)
        self.stack.callback(client.close)
        return client

    def collection(self, database, name, pre_images=False):
        return create_collection(self.client(), database, name, pre_images)
