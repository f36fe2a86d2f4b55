"""The Kafka broker that tests run against: it does what it says, and nothing of it stays."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import confluent_kafka
from confluent_kafka.admin import AdminClient

import kafka_server
from kafka_server import (TIERED, KafkaCluster, KafkaError, KafkaServer, client_settings,
                          wait_until)
from servers_test import is_running

HERE = pathlib.Path(__file__).resolve().parent
EVENTS = [{"n": n, "page": f"/{n % 17}", "padding": "x" * 200} for n in range(10_000)]


def split(address):
    host, port = address.split(":")
    return host, int(port)


def values(records):
    return [json.loads(record[-1]) for record in records]


class UseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = cls.enterClassContext(KafkaServer(tiered=True, tls=True))

    def test_records_come_back_as_they_were_written(self):
        self.kafka.create_topic("mixed", partitions=3)
        self.assertEqual(self.kafka.read_all("mixed"), [])
        self.kafka.produce("mixed", [b"\0\xff", "ä", {"a": 1}, None], partition=2, key="k",
                           timestamp_ms=5)
        self.kafka.produce("mixed", [7, 8], partition=lambda n: n - 7, key=lambda n: f"of {n}",
                           timestamp_ms=lambda n: 2**42 + n)  # in the year 2109
        self.assertEqual(self.kafka.read_all("mixed"), [
            (0, 0, 2**42 + 7, b"of 7", b"7"), (1, 0, 2**42 + 8, b"of 8", b"8"),
            (2, 0, 5, b"k", b"\0\xff"), (2, 1, 5, b"k", "ä".encode()),
            (2, 2, 5, b"k", b'{"a": 1}'), (2, 3, 5, b"k", None)])
        self.assertEqual(self.kafka.begin_offsets("mixed"), {0: 0, 1: 0, 2: 0})
        self.assertEqual(self.kafka.end_offsets("mixed"), {0: 1, 1: 1, 2: 4})

    def test_a_key_decides_the_partition(self):
        self.kafka.create_topic("keyed", partitions=4)
        self.kafka.produce("keyed", EVENTS, key=lambda event: event["page"])
        partitions = {}
        for partition, _, _, key, _ in self.kafka.read_all("keyed"):
            partitions.setdefault(key, set()).add(partition)
        self.assertEqual(len(partitions), 17)
        self.assertEqual([len(each) for each in partitions.values()], [1] * 17)

    def test_every_compression_is_written_and_read(self):
        sizes = {}
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.kafka.create_topic(codec)
            self.kafka.produce(codec, EVENTS, compression_type=codec)
            self.assertEqual(values(self.kafka.read_all(codec)), EVENTS)
            segments = (self.kafka.directory / "data" / f"{codec}-0").glob("*.log")
            sizes[codec] = sum(segment.stat().st_size for segment in segments)
        self.assertLess(max(size for codec, size in sizes.items() if codec != "none"),
                        sizes["none"] / 4)

    def test_a_record_that_is_refused_is_an_error(self):
        self.kafka.create_topic("narrow", max_message_bytes=1000)
        with self.assertRaisesRegex(KafkaError, "1 records not stored: .*MSG_SIZE_TOO_LARGE"):
            self.kafka.produce("narrow", [os.urandom(2000)])

    def test_partitions_are_added(self):
        self.kafka.create_topic("growing")
        self.kafka.add_partitions("growing", 3)
        self.kafka.produce("growing", [1], partition=2)
        self.assertEqual(self.kafka.end_offsets("growing"), {0: 0, 1: 0, 2: 1})

    def test_deleted_records_are_gone_and_the_others_keep_their_offsets(self):
        self.kafka.create_topic("expiring", partitions=2)
        self.kafka.produce("expiring", range(10), partition=0)
        self.kafka.produce("expiring", range(10), partition=1)
        self.kafka.delete_records("expiring", {0: 4, 1: 10})
        self.assertEqual(self.kafka.begin_offsets("expiring"), {0: 4, 1: 10})
        self.assertEqual(self.kafka.end_offsets("expiring"), {0: 10, 1: 10})
        self.assertEqual([record[:2] for record in self.kafka.read_all("expiring")],
                         [(0, offset) for offset in range(4, 10)])

    def test_a_deleted_topic_is_gone_and_its_successor_empty(self):
        self.kafka.create_topic("short")
        self.kafka.produce("short", [1])
        self.kafka.delete_topic("short")
        with self.assertRaisesRegex(KafkaError, "no topic short"):
            self.kafka.read_all("short")
        self.kafka.create_topic("short")
        self.assertEqual(self.kafka.end_offsets("short"), {0: 0})

    def test_readers_of_committed_records_see_no_others(self):
        self.kafka.create_topic("paid", partitions=2)
        self.kafka.transaction("paid", [1, 2])
        self.kafka.transaction("paid", [3, 4], abort=True)
        self.kafka.transaction("paid", [5])
        with self.kafka.open_transaction() as transaction:
            transaction.produce("paid", [6])
            transaction.produce("paid", [7], partition=1)
            self.assertEqual(values(self.kafka.read_all("paid")), [1, 2, 5])
            self.assertEqual(values(self.kafka.read_all("paid", "read_uncommitted")),
                             [1, 2, 3, 4, 5, 6, 7])
            # A marker ends each of the three transactions.
            self.assertEqual(self.kafka.end_offsets("paid"), {0: 8, 1: 0})
            self.assertEqual(self.kafka.end_offsets("paid", "read_uncommitted"), {0: 9, 1: 1})
            transaction.commit()
            self.assertEqual(self.kafka.end_offsets("paid"), {0: 10, 1: 2})
        self.assertEqual(values(self.kafka.read_all("paid")), [1, 2, 5, 6, 7])

    def test_a_transaction_that_nobody_commits_is_aborted(self):
        self.kafka.create_topic("left")
        with self.kafka.open_transaction() as transaction:
            transaction.produce("left", [1])
        self.assertEqual(self.kafka.read_all("left"), [])
        self.assertEqual(self.kafka.end_offsets("left"), {0: 2})

    def test_it_knows_what_a_group_has_committed(self):
        self.kafka.create_topic("grouped", partitions=2)
        self.kafka.produce("grouped", range(3), partition=1)
        consumer = confluent_kafka.Consumer(client_settings(self.kafka.address) | {"group.id": "g"})
        with contextlib.closing(consumer):
            offset = confluent_kafka.TopicPartition("grouped", 1, 2)
            consumer.commit(offsets=[offset], asynchronous=False)
        self.assertEqual(self.kafka.committed("g", "grouped"), {1: 2})
        self.assertEqual(self.kafka.committed("g", "mixed"), {})
        self.assertEqual(self.kafka.committed("nobody", "grouped"), {})

    def test_tls_is_vouched_for_by_its_own_authority_alone(self):
        settings = client_settings(self.kafka.tls_address) | {"security.protocol": "ssl"}
        ours = AdminClient(settings | {"ssl.ca.location": str(self.kafka.ca_file)})
        self.assertEqual(ours.list_topics(timeout=60).cluster_id, self.kafka.cluster)
        with self.assertRaises(confluent_kafka.KafkaException):
            AdminClient(settings).list_topics(timeout=1)

    def test_old_segments_are_only_remote_and_are_read_from_there(self):
        self.kafka.create_topic("old", partitions=2, **TIERED)
        self.kafka.produce("old", EVENTS, partition=lambda event: event["n"] % 2)
        ends = self.kafka.end_offsets("old")
        for partition, end in ends.items():
            wait_until("all records have left", lambda:
                       self.kafka.local_start_offset("old", partition) == end)
        segments = self.kafka.remote_segments("old")
        self.assertEqual([segment[:2] for segment in segments if segment[1] == 0], [(0, 0), (1, 0)])
        self.assertGreater(len(segments), 2)
        self.assertEqual(self.kafka.begin_offsets("old"), {0: 0, 1: 0})
        read = values(self.kafka.read_all("old"))
        self.assertEqual(sorted(read, key=lambda event: event["n"]), EVENTS)

        away = segments[0][2].with_suffix(".away")
        segments[0][2].rename(away)
        with unittest.mock.patch.object(kafka_server, "REQUEST_SECONDS_MAX", 2):
            with self.assertRaisesRegex(KafkaError, "no more of it comes"):
                self.kafka.read_all("old")
        away.rename(segments[0][2])
        self.assertEqual(values(self.kafka.read_all("old")), read)


class ClusterTest(unittest.TestCase):
    def test_a_partition_outlives_its_leader_and_an_unclean_one_loses_records(self):
        with KafkaCluster(brokers=3) as kafka:
            kafka.create_topic("safe", partitions=2, min_insync_replicas=2)
            kafka.create_topic("risky", replicas=2, unclean_leader_election_enable=True)
            members = [kafka.controller, *kafka.brokers.values()]
            directories = [member.directory for member in members]
            self.assertEqual(kafka.in_sync("safe", 1), {1, 2, 3})
            leader = kafka.leader("safe")
            kafka.produce("safe", range(10), partition=0)
            kafka.brokers[leader].kill()
            self.assertNotEqual(kafka.wait_for_leader("safe", other_than=leader), leader)
            kafka.wait_for_in_sync("safe", {1, 2, 3} - {leader})
            kafka.produce("safe", range(10, 20), partition=0)
            kafka.brokers[leader].start()
            kafka.wait_for_in_sync("safe")
            kafka.elect("safe")
            self.assertEqual(kafka.leader("safe"), leader)
            self.assertEqual(values(kafka.read_all("safe")), list(range(20)))

            kafka.produce("risky", range(10))
            leader = kafka.leader("risky")
            [follower] = kafka.in_sync("risky") - {leader}
            kafka.brokers[follower].stop()
            kafka.wait_for_in_sync("risky", {leader})
            kafka.produce("risky", range(10, 20))
            kafka.brokers[leader].kill()
            kafka.brokers[follower].start()
            self.assertEqual(kafka.wait_for_leader("risky", other_than=leader), follower)
            self.assertEqual(kafka.end_offsets("risky"), {0: 10})
            kafka.produce("risky", [20])
            kafka.brokers[leader].start()
            kafka.wait_for_in_sync("risky")
            self.assertEqual(values(kafka.read_all("risky")), [*range(10), 20])
            pids = [member.process.pid for member in members]
        self.assertEqual([pid for pid in pids if is_running(pid)], [])
        self.assertEqual([each for each in directories if each.exists()], [])


class LifeTest(unittest.TestCase):
    def test_what_it_stores_outlives_it_until_the_block_ends(self):
        with KafkaServer(properties={"message.max.bytes": 5000}) as kafka:
            address, directory, pid = kafka.address, kafka.directory, kafka.process.pid
            kafka.create_topic("kept")
            kafka.produce("kept", range(100), timestamp_ms=1)
            kafka.transaction("kept", ["paid"])
            with self.assertRaises(KafkaError):
                kafka.produce("kept", [os.urandom(6000)])
            before = kafka.read_all("kept")
            self.assertEqual(len(before), 101)
            for end in (kafka.kill, kafka.stop):
                end()
                self.assertFalse(is_running(pid))
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(split(address))
                with socket.socket() as other, self.assertRaisesRegex(OSError, "in use"):
                    other.bind(split(address))
                kafka.restart()
                self.assertEqual(kafka.address, address)
                self.assertNotEqual(kafka.process.pid, pid)
                pid = kafka.process.pid
                self.assertEqual(kafka.read_all("kept"), before)
                self.assertEqual(kafka.end_offsets("kept"), {0: 102})
        self.assertFalse(is_running(pid))
        self.assertFalse(directory.exists())

    def test_a_program_runs_with_it_and_its_exit_status_is_kept(self):
        script = ("import os, socket, sys\n"
                  "host, port = os.environ['MURMUR_KAFKA_BROKERS'].split(':')\n"
                  "socket.create_connection((host, int(port)))\n"
                  "sys.exit(7)\n")
        done = subprocess.run([sys.executable, "-B", HERE / "with_kafka.py", sys.executable, "-c",
                               script], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (7, ""))

    def java(self, script):
        """A directory for PATH where java formats well, and is otherwise the script."""
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = directory / "java"
        program.write_text(f'#!/bin/sh\ncase "$*" in *StorageTool*) exit 0; esac\n{script}\n')
        program.chmod(0o755)
        return f"{directory}:{os.environ['PATH']}"

    def test_it_ends_with_a_test_that_is_killed(self):
        path = self.java("echo $$ $PWD >>$0.started; exec sleep 1000")
        started = pathlib.Path(path.split(":")[0]) / "java.started"
        script = "import kafka_server\nkafka_server.KafkaServer().__enter__()\n"
        with subprocess.Popen([sys.executable, "-B", "-c", script], cwd=HERE,
                              env=os.environ | {"PATH": path}) as child:
            wait_until("it runs", lambda: started.exists() and started.read_text())
            child.send_signal(signal.SIGKILL)
        pid, directory = started.read_text().split()
        wait_until("it ends", lambda: not is_running(pid))
        shutil.rmtree(directory)

    def test_a_start_that_fails_shows_the_log_and_leaves_nothing(self):
        path = self.java("echo the disk is on fire; exit 3")
        kafka = KafkaServer()
        with unittest.mock.patch.dict(os.environ, PATH=path):
            with self.assertRaisesRegex(KafkaError, "(?s)ended with 3.*the disk is on fire"):
                kafka.__enter__()
        self.assertIsNone(kafka.directory)

    def test_missing_jars_say_how_to_get_them(self):
        with self.assertRaisesRegex(KafkaError, "/nowhere: .*dev test"):
            KafkaServer(libs="/nowhere").__enter__()


if __name__ == "__main__":
    unittest.main(verbosity=2)
