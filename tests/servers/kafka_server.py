"""Real Kafka for tests (KRaft), on free loopback ports: a broker that is its own controller, or a
cluster of several.

    with KafkaServer() as kafka:
        kafka.create_topic("views", partitions=2)
        kafka.produce("views", [{"page": "/a"}, {"page": "/b"}], partition=1)
        subprocess.run([program, …, kafka.address])
        assert len(kafka.read_all("views")) == 2

It starts in 3 to 20 seconds, and is killed when the block ends, or with the thread that started it.
Everything it stores lies in a temporary directory, which goes with it. Records keep the timestamps
they are given, and stay however old those are.

    with KafkaCluster(brokers=3) as kafka:
        kafka.create_topic("views", min_insync_replicas=2)
        leader = kafka.leader("views")
        kafka.brokers[leader].kill()
        kafka.wait_for_leader("views", other_than=leader)
        kafka.brokers[leader].start()
        kafka.wait_for_in_sync("views")
"""

import base64
import concurrent.futures
import contextlib
import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time

import confluent_kafka
import kafka as kafka_python
from confluent_kafka import ElectionType
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec

import waiting
from certificates import certify
from java_server import CACHE, JavaServer, dotted
from suspend import suspend

LIBS = os.environ.get("MURMUR_KAFKA_LIBS") or CACHE / "kafka-4.3.1/libs"
REQUEST_SECONDS_MAX = 60

ISOLATION = {"read_committed": confluent_kafka.IsolationLevel.READ_COMMITTED,
             "read_uncommitted": confluent_kafka.IsolationLevel.READ_UNCOMMITTED}

# For create_topic: what a later record of its key replaces goes as soon as another segment begins.
COMPACTED_SOON = {"cleanup_policy": "compact", "segment_ms": 100, "min_cleanable_dirty_ratio": 0.01,
                  "max_compaction_lag_ms": 100, "delete_retention_ms": 0}

# For create_topic on a tiered server: what is a second old leaves the broker's own disk.
TIERED = {"remote_storage_enable": True, "segment_bytes": 1 << 20, "local_retention_ms": 1000}

LISTENER_OF = {"broker": "PLAINTEXT", "controller": "CONTROLLER"}

REPLICATED = ("offsets.topic.replication.factor", "transaction.state.log.replication.factor",
              "share.coordinator.state.topic.replication.factor")
REPLICAS_MAX = 3

BROKER = {
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # The topics of the broker's own: one node can't replicate them.
    **dict.fromkeys(REPLICATED, 1),
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Times of test data: nothing expires by its age, nothing is refused for being of the future.
    "log.retention.ms": -1,
    "log.message.timestamp.after.max.ms": 2**63 - 1,
    # A broker that was killed can't come back before its old session ends.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    # What a test would only wait for.
    "group.initial.rebalance.delay.ms": 0,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
}

CLUSTER = {
    # Leaders move when a test says so.
    "auto.leader.rebalance.enable": "false",
    # A follower that found no leader looks for the new one soon.
    "replica.fetch.backoff.ms": 100,
    # Several processes share the memory.
    "log.cleaner.dedupe.buffer.size": 8 << 20,
}

REMOTE_STORAGE = {
    "remote.log.storage.system.enable": "true",
    "remote.log.storage.manager.class.name":
        "org.apache.kafka.server.log.remote.storage.LocalTieredStorage",
    "remote.log.storage.manager.impl.prefix": "rsm.config.",
    "remote.log.metadata.manager.class.name":
        "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    "remote.log.metadata.manager.listener.name": "PLAINTEXT",
    "remote.log.metadata.manager.impl.prefix": "rlmm.config.",
    "rlmm.config.remote.log.metadata.topic.replication.factor": 1,
    "rlmm.config.remote.log.metadata.topic.num.partitions": 1,
    "rlmm.config.remote.log.metadata.initialization.retry.interval.ms": 300,
    "remote.log.manager.task.interval.ms": 500,
    "log.retention.check.interval.ms": 500,
    "log.segment.delete.delay.ms": 500,
    "log.initial.task.delay.ms": 500,
}


class KafkaError(Exception):
    pass


class KafkaClients:
    """What a test asks of the brokers at `address`. Used by one thread, but for what writes and
    reads records."""

    replicas = 1  # of a topic, unless it is told

    def __init__(self):
        self.cached_admin = None
        self.transactions = itertools.count()

    # --- topics and offsets ---

    def create_topic(self, name, partitions=1, replicas=None, **config):
        """config: with _ for the dots of Kafka's names: retention_ms=1000."""
        settings = {key: as_setting(value) for key, value in dotted(config).items()}
        wait_for(self.admin().create_topics(
            [NewTopic(name, partitions, replicas or self.replicas, config=settings)]))
        self.wait_for_partitions(name, partitions)

    def delete_topic(self, name):
        wait_for(self.admin().delete_topics([name]))
        wait_until(f"topic {name} is gone",
                   lambda: name not in self.admin().list_topics(timeout=REQUEST_SECONDS_MAX).topics)

    def add_partitions(self, name, total):
        wait_for(self.admin().create_partitions([NewPartitions(name, total)]))
        self.wait_for_partitions(name, total)

    def delete_records(self, name, before):
        """before: offsets by partition; those below them go, as they do when they expire."""
        wanted = [confluent_kafka.TopicPartition(name, *item) for item in before.items()]
        give_up = time.monotonic() + REQUEST_SECONDS_MAX
        while True:
            try:
                return wait_for(self.admin().delete_records(wanted))
            except confluent_kafka.KafkaException as e:
                # Of a broker that has just come back: it is about to lead.
                moves = e.args[0].code() == confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION
                if not moves or time.monotonic() > give_up:
                    raise
                time.sleep(0.1)

    def begin_offsets(self, name):
        """By partition: the first offset that can be read, remote ones included."""
        return self.offsets(name, OffsetSpec.earliest(), "read_uncommitted")

    def end_offsets(self, name, isolation="read_committed"):
        """By partition: the offset after the last; for committed reads, where the first open
        transaction starts."""
        return self.offsets(name, OffsetSpec.latest(), isolation)

    def committed(self, group, topic):
        """By partition: the offsets the group has committed."""
        asked = confluent_kafka.ConsumerGroupTopicPartitions(group)
        [answer] = self.admin().list_consumer_group_offsets([asked]).values()
        return {each.partition: each.offset
                for each in answer.result(REQUEST_SECONDS_MAX).topic_partitions
                if each.topic == topic and each.offset >= 0}

    # --- writing ---

    def produce(self, topic, values, partition=None, key=None, timestamp_ms=None, **config):
        """Stores the values in order, and returns when all are there; only if the broker dies
        meanwhile, some may be there twice. bytes, str and None are stored as they are, others as
        JSON.

        partition, key and timestamp_ms may be functions of the value. Without a partition the key
        decides, without both it is random. config: of the producer: compression_type="zstd".
        """
        Sender(self.address, config).produce(topic, values, partition, key, timestamp_ms)

    def transaction(self, topic, values, abort=False, partition=0):
        """Stores all values in a transaction of their own, and commits or aborts it."""
        with self.open_transaction() as transaction:
            transaction.produce(topic, values, partition)
            if not abort:
                transaction.commit()

    @contextlib.contextmanager
    def open_transaction(self, timeout_ms=60_000):
        """A transaction to `produce` in, which writes at once, and to `commit`; without that, it is
        aborted when the block ends."""
        name = f"murmur-test-{next(self.transactions)}"
        transaction = Transaction(self.address, name, timeout_ms)
        try:
            yield transaction
        finally:
            transaction.abort()

    # --- reading, by a client that shares no code with librdkafka ---

    def read_all(self, topic, isolation="read_committed"):
        """(partition, offset, timestamp_ms, key, value) of all records, in this order."""
        with python_consumer(self.address, isolation, check_crcs=False) as consumer:
            partitions = [kafka_python.TopicPartition(topic, number)
                          for number in consumer.partitions_for_topic(topic) or ()]
            if not partitions:
                raise KafkaError(f"there is no topic {topic}")
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(partitions)
            give_up = time.monotonic() + REQUEST_SECONDS_MAX
            records = []
            while any(consumer.position(each) < ends[each] for each in partitions):
                # What the broker says while its remote tier can't serve is an unknown error.
                with contextlib.suppress(kafka_python.errors.UnknownError):
                    for batch in consumer.poll(timeout_ms=100).values():
                        records += [(each.partition, each.offset, each.timestamp, each.key,
                                     each.value) for each in batch]
                        give_up = time.monotonic() + REQUEST_SECONDS_MAX
                if time.monotonic() > give_up:
                    raise KafkaError(f"{topic} ends at {ends}, and no more of it comes")
        return sorted(records, key=lambda record: record[:2])

    # --- inside ---

    def admin(self):
        if not self.cached_admin:
            self.cached_admin = AdminClient(client_settings(self.address))
        return self.cached_admin

    def offsets(self, name, spec, isolation):
        found = self.admin().list_topics(name, timeout=REQUEST_SECONDS_MAX).topics[name]
        asked = {confluent_kafka.TopicPartition(name, number): spec for number in found.partitions}
        answers = self.admin().list_offsets(asked, isolation_level=ISOLATION[isolation])
        return {each.partition: answer.result(REQUEST_SECONDS_MAX).offset
                for each, answer in answers.items()}

    def wait_for_partitions(self, name, total):
        def served():
            # What is listed isn't served yet: a broker learns of its partitions a moment later.
            with contextlib.suppress(confluent_kafka.KafkaException):
                return len(self.end_offsets(name)) == total
        wait_until(f"topic {name} has {total} partitions", served)


class KafkaServer(JavaServer, KafkaClients):
    """One broker.

    tiered: closed segments go to a remote tier (KIP-405), which is files in `directory`/remote.
    tls: it listens with TLS too, at `tls_address`; `ca_file` vouches for its certificate.
    properties: of the broker, over ours.
    """

    what, error, prefix = "the broker", KafkaError, "murmur-kafka-"
    node, roles = 1, ("broker", "controller")

    def __init__(self, *, tiered=False, tls=False, properties=None, heap="512m", libs=LIBS):
        JavaServer.__init__(self, heap, libs)
        KafkaClients.__init__(self)
        self.tiered, self.tls, self.properties = tiered, tls, properties or {}
        # The JVM ignores an archive that isn't there, or doesn't fit it or the jars.
        self.java_options = [f"-XX:SharedArchiveFile={self.class_archive()}"]
        self.cluster = new_cluster_id()
        self.voters = self.address = self.tls_address = self.ca_file = None

    # --- its life ---

    def restart(self):
        """Starts it again at the same addresses, with what it stored; stops it first if it runs."""
        if self.process.poll() is None:
            self.stop()
        self.start()

    def is_ready(self):
        """Whether it answers, and serves every partition there is."""
        try:
            cluster = self.admin().list_topics(timeout=1)
            for name in cluster.topics:
                self.end_offsets(name)
        except confluent_kafka.KafkaException:
            return False
        return cluster.cluster_id == self.cluster and bool(cluster.brokers)

    def remove(self):
        self.cached_admin = None
        super().remove()

    # --- the remote tier ---

    def local_start_offset(self, topic, partition=0):
        """The first offset on the broker's own disk: what is before it is only remote."""
        asked = kafka_python.TopicPartition(topic, partition)
        with python_admin(self.address) as admin:  # librdkafka can't ask for it
            spec = kafka_python.admin.OffsetSpec.EARLIEST_LOCAL
            return admin.list_partition_offsets({asked: spec})[asked].offset

    def remote_segments(self, topic):
        """(partition, first offset, path) of each file with records, in order."""
        found = []
        for path in (self.directory / "remote").glob("*/*/*.log"):
            # TOPIC-PARTITION-ID/OFFSET-ID.log; an id has 22 characters, "-" and "_" among them.
            match = re.fullmatch(rf"{re.escape(topic)}-(\d+)-[\w-]{{22}}", path.parent.name)
            if match:
                found.append((int(match[1]), int(path.name.split("-")[0]), path))
        return sorted(found)

    # --- inside ---

    def prepare(self):
        self.configure()
        self.format()

    def program(self):
        return "kafka.Kafka", "server.properties"

    def configure(self):
        self.make_directory()
        names = [LISTENER_OF[role] for role in self.roles] + ["TLS"] * self.tls
        listeners = {name: self.reserve_address() for name in names}
        self.address, self.tls_address = listeners.get("PLAINTEXT"), listeners.get("TLS")
        if "controller" in self.roles:
            self.voters = f"{self.node}@{listeners['CONTROLLER']}"
        settings = BROKER | {
            "process.roles": ",".join(self.roles),
            "node.id": self.node,
            "controller.quorum.voters": self.voters,
            "listeners": ",".join(f"{name}://{address}" for name, address in listeners.items()),
            "listener.security.protocol.map":
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL",
            "log.dirs": self.directory / "data",
        }
        if self.tiered:
            settings |= REMOTE_STORAGE | {"rsm.config.dir": self.directory / "remote"}
        if self.tls:
            settings |= self.tls_settings()
        for name in ("data", "remote"):
            (self.directory / name).mkdir()
        self.write_properties("server", settings | self.properties)

    def tls_settings(self):
        self.ca_file, both = certify(self.directory)
        return {"ssl.keystore.type": "PEM", "ssl.keystore.location": both,
                "ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca_file}

    def format(self):
        done = subprocess.run(
            self.java("kafka.tools.StorageTool", "format", "--cluster-id", self.cluster,
                      "--config", "server.properties"),
            stdout=subprocess.PIPE, text=True, timeout=waiting.START_SECONDS_MAX,
            **self.surroundings())
        if done.returncode != 0:
            raise KafkaError(f"formatting ended with {done.returncode}:\n{done.stdout}")

    def class_archive(self):
        return self.libs.parent / "classes.jsa"

    def archive_classes(self):
        """Keeps what a JVM makes of the classes of a broker at work: later ones start in half the
        time. Run once for each set of jars."""
        self.class_archive().unlink(missing_ok=True)
        self.java_options = [f"-XX:ArchiveClassesAtExit={self.class_archive()}"]
        with self:
            self.create_topic("once")
            self.transaction("once", [b"", b""])
            self.stop()


class Member(KafkaServer):
    """One process of a cluster: its controller, or a broker."""

    def __init__(self, whole, node, role, **options):
        super().__init__(**options)
        self.whole, self.node, self.roles = whole, node, (role,)
        self.cluster = whole.cluster

    def is_ready(self):
        """Whether it listens, and the others know it as a broker."""
        try:
            host, port = self.ports[0].getsockname()
            socket.create_connection((host, port), timeout=1).close()
            return self.address is None or self.node in self.whole.metadata(timeout=1).brokers
        except (OSError, confluent_kafka.KafkaException):
            return False


class KafkaCluster(KafkaClients):
    """Its `brokers`, by their numbers from 1 on, are KafkaServers, each of which can be killed,
    stopped and started again with what it stored. They have a controller of their own, which lives
    on. A topic has a replica on each broker, but on no more than three.

    properties: of all of them, over ours.
    """

    def __init__(self, brokers=3, *, properties=None, heap="256m", libs=LIBS):
        super().__init__()
        self.replicas = min(brokers, REPLICAS_MAX)
        self.cluster = new_cluster_id()
        options = {"properties": CLUSTER | {name: self.replicas for name in REPLICATED} |
                   (properties or {}), "heap": heap, "libs": libs}
        self.controller = Member(self, 0, "controller", **options)
        self.brokers = {node: Member(self, node, "broker", **options)
                        for node in range(1, brokers + 1)}
        self.paused = set()

    def __enter__(self):
        members = [self.controller, *self.brokers.values()]
        try:
            self.controller.configure()
            for broker in self.brokers.values():
                broker.voters = self.controller.voters
                broker.configure()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(Member.format, members))
            for member in members:
                member.launch()
            for member in members:
                member.wait_until_ready()
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        self.cached_admin = None
        for member in [*self.brokers.values(), self.controller]:
            member.remove()

    @property
    def address(self):
        """Of all but those that are paused: who asks them waits for them."""
        return ",".join(broker.address for node, broker in self.brokers.items()
                        if node not in self.paused)

    def pause(self, node):
        """The broker keeps its connections and answers nobody before `resume`."""
        suspend(self.brokers[node].process)
        self.paused.add(node)
        self.cached_admin = None

    def resume(self, node):
        self.brokers[node].process.send_signal(signal.SIGCONT)
        self.paused.remove(node)
        self.cached_admin = None

    # --- who has a partition ---

    def leader(self, topic, partition=0):
        """The broker's number; None while it has none."""
        found = self.partition(topic, partition).leader
        return found if found in self.brokers else None

    def in_sync(self, topic, partition=0):
        """The brokers that have all that was acknowledged."""
        return set(self.partition(topic, partition).isrs)

    def wait_for_leader(self, topic, partition=0, other_than=None):
        """The leader, once there is one: the controller gives up one that was killed seconds
        later."""
        wait_until(f"{topic}/{partition} has a leader other than {other_than}",
                   lambda: self.leader(topic, partition) not in (None, other_than))
        return self.leader(topic, partition)

    def wait_for_in_sync(self, topic, brokers=None):
        """Until each partition is in sync on these brokers and no others; without them, on all that
        should have it."""
        def are_there():
            partitions = self.metadata(topic).topics[topic].partitions.values()
            return all(set(each.isrs) == set(brokers or each.replicas) for each in partitions)
        wait_until(f"{topic} is in sync", are_there)

    def elect(self, topic, partition=0):
        """Lets the first of the partition's replicas lead, which must be in sync."""
        asked = confluent_kafka.TopicPartition(topic, partition)
        future = self.admin().elect_leaders(ElectionType.PREFERRED, [asked])
        error = future.result(REQUEST_SECONDS_MAX)[asked]
        if error and error.code() != confluent_kafka.KafkaError.ELECTION_NOT_NEEDED:
            raise KafkaError(f"the first replica of {topic}/{partition} can't lead: {error}")
        first = self.partition(topic, partition).replicas[0]
        wait_until(f"{first} leads", lambda: self.leader(topic, partition) == first)

    def partition(self, topic, partition):
        return self.metadata(topic).topics[topic].partitions[partition]

    def metadata(self, topic=None, timeout=REQUEST_SECONDS_MAX):
        return self.admin().list_topics(topic, timeout=timeout)


class Sender:
    def __init__(self, address, config):
        # Not idempotent, as that waits half a second for its first broker.
        self.errors = []
        self.producer = confluent_kafka.Producer(client_settings(address) | {
            "acks": "all", "max.in.flight": 1, "linger.ms": 20, "batch.num.messages": 100_000,
            "batch.size": 1_000_000, "delivery.report.only.error": True,
            "on_delivery": lambda error, _: self.errors.append(error)} | dotted(config))

    def produce(self, topic, values, partition=None, key=None, timestamp_ms=None):
        for value in values:
            options = {"partition": of(partition, value), "key": of(key, value),
                       "timestamp": of(timestamp_ms, value)}
            options = {name: option for name, option in options.items() if option is not None}
            body = value if value is None or isinstance(value, (bytes, str)) else json.dumps(value)
            while not self.queued(topic, body, options):
                self.producer.poll(0.05)
        left = self.producer.flush(REQUEST_SECONDS_MAX)
        if left or self.errors:
            raise KafkaError(f"{left + len(self.errors)} records not stored: {self.errors[:3]}")

    def queued(self, topic, body, options):
        """False while the producer's queue is full."""
        try:
            self.producer.produce(topic, body, **options)
            return True
        except BufferError:
            return False


class Transaction(Sender):
    def __init__(self, address, name, timeout_ms):
        super().__init__(address, {"transactional.id": name, "transaction.timeout.ms": timeout_ms})
        self.address, self.name, self.is_open = address, name, True
        self.producer.init_transactions(REQUEST_SECONDS_MAX)
        self.producer.begin_transaction()

    def produce(self, topic, values, partition=0, key=None, timestamp_ms=None):
        super().produce(topic, values, partition, key, timestamp_ms)

    def commit(self):
        self.producer.commit_transaction(REQUEST_SECONDS_MAX)
        self.wait_for_markers()

    def abort(self):
        """Does nothing to a transaction that has ended."""
        if self.is_open:
            self.producer.abort_transaction(REQUEST_SECONDS_MAX)
            self.wait_for_markers()

    def wait_for_markers(self):
        """The broker answers before it writes them; till then readers see an open transaction."""
        self.is_open = False
        with python_admin(self.address) as admin:
            wait_until(f"transaction {self.name} is complete", lambda: admin.describe_transactions(
                [self.name])[self.name].state.value in ("CompleteCommit", "CompleteAbort", "Empty"))


def client_settings(address):
    """Quick to notice a broker that came back, and silent about one that went."""
    return {"bootstrap.servers": address, "broker.address.family": "v4", "log_level": 0,
            "reconnect.backoff.max.ms": 200, "allow.auto.create.topics": False}


def python_admin(address):
    return contextlib.closing(kafka_python.KafkaAdminClient(bootstrap_servers=address))


def python_consumer(address, isolation="read_committed", **options):
    """One that is told where to read. options: of kafka.KafkaConsumer."""
    return contextlib.closing(kafka_python.KafkaConsumer(
        bootstrap_servers=address, isolation_level=isolation, enable_auto_commit=False,
        auto_offset_reset="none", max_poll_records=10_000, allow_auto_create_topics=False,
        metrics_enabled=False, **options))


def new_cluster_id():
    """Its decoded form must have 16 bytes; and it can't look like an option."""
    return "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]


def of(option, value):
    return option(value) if callable(option) else option


def as_setting(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def wait_for(futures):
    for future in futures.values():
        future.result(REQUEST_SECONDS_MAX)


def wait_until(what, condition):
    waiting.wait_until(what, condition, REQUEST_SECONDS_MAX, KafkaError)


if __name__ == "__main__":
    KafkaServer().archive_classes()
