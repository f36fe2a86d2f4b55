"""Live from Kafka into a store that is full or slow, and dead letters to a topic."""

import json
import os
import subprocess
import textwrap
import time
import unittest

import confluent_kafka

from failure_test import can_mount
from kafka_server import KafkaServer, client_settings
from program import PROGRAM, SLOWNESS, ProgramTest, main

EVENTS = 60_000


class StoreTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.kafka = cls.enterClassContext(KafkaServer())

    def setUp(self):
        super().setUp()
        self.topic = f"t{self.seed}-{self.id().rsplit('.', 1)[1][:40]}"
        self.kafka.create_topic(self.topic, partitions=3)

    def pipeline(self, name="pipeline", live=""):
        return self.write(f"{name}.yaml", textwrap.dedent(f"""
            name: {name}
            key: [page]
            aggregates: {{n: count, total: sum(ms)}}
            live:
              kafka: {{brokers: "{self.kafka.address}", topic: {self.topic}, start: earliest {live}}}
            state: {{rocksdb: {{path: state/{name}}}}}
            """))

    def produce(self, count=EVENTS):
        events = [{"page": f"/p/{self.random.random()}", "ms": number} for number in range(count)]
        self.kafka.produce(self.topic, events)
        return {event["page"]: event["ms"] for event in events}

    def totals(self, dump):
        return {row["key"]["page"]: row["total"] for row in map(json.loads, dump.splitlines())}


class FullTest(StoreTest):
    # In a mount namespace of its own: $1 is the state's folder, $2 the program, $3 the definition.
    SCRIPT = """
        mount -t tmpfs -o size=1500k none "$1" || exit 77
        "$2" run "$3" --until-caught-up
        echo "first $?" >&2
        mount -o remount,size=400m "$1"
        "$2" run "$3" --until-caught-up --quiet && "$2" dump "$3"
    """

    @unittest.skipUnless(can_mount(), "needs root and mount namespaces to make a small disk")
    def test_a_full_disk_fails_clearly_and_live_goes_on_with_space(self):
        expected = self.produce(3 * EVENTS)
        file = self.pipeline()
        state = self.directory / "state/pipeline"
        state.mkdir(parents=True)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", self.SCRIPT, "sh", str(state), PROGRAM, str(file)],
            capture_output=True, text=True)
        if done.returncode == 77:
            self.skipTest("may not mount a tmpfs here")
        self.assertIn("first 1", done.stderr)
        self.assertRegex(done.stderr, r"(?i)no space left|disk (is )?full")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.totals(done.stdout), expected)


class SlowTest(StoreTest):
    # Every sync takes a fifth of a second.
    SLOW = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <unistd.h>
        static int slow(const char* name, int file) {
          usleep(200000);
          return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
        }
        int fsync(int file) { return slow("fsync", file); }
        int fdatasync(int file) { return slow("fdatasync", file); }
        """

    @unittest.skipIf(SLOWNESS > 1, "a sanitizer's runtime wants to be loaded first")
    def test_a_slow_store_slows_commits_and_changes_nothing(self):
        self.write("slow.c", textwrap.dedent(self.SLOW))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "slow.so", "slow.c", "-ldl"], check=True,
                       cwd=self.directory)
        file = self.pipeline()
        child = self.start("run", file, env={**os.environ, "LD_PRELOAD": "./slow.so"})
        expected = {}
        for _ in range(5):
            expected |= self.produce(EVENTS // 5)
        self.wait_until("all is counted", lambda:
                        self.status_if_any(file).get("records", 0) == len(expected))
        self.end(child)
        self.assertEqual(self.totals(self.succeed("dump", file).out), expected)


class DeadLetterTopicTest(StoreTest):
    BAD = [b"nope", b'{"page":', b'{"ms": 3}']

    def setUp(self):
        super().setUp()
        self.bad_topic = self.topic[:100] + "-bad"
        self.kafka.create_topic(self.bad_topic)
        self.file = self.pipeline(live=f", dead_letters: {self.bad_topic}")

    def published(self):
        """(value, headers) of the messages, in order."""
        consumer = confluent_kafka.Consumer(client_settings(self.kafka.address) | {
            "group.id": "reader", "auto.offset.reset": "earliest", "enable.partition.eof": True})
        consumer.assign([confluent_kafka.TopicPartition(self.bad_topic, 0, 0)])
        messages = []
        while True:
            message = consumer.poll(30)
            self.assertIsNotNone(message)
            if message.error():
                self.assertEqual(message.error().code(),
                                 confluent_kafka.KafkaError._PARTITION_EOF)
                break
            messages.append((message.value(), dict(message.headers())))
        consumer.close()
        return messages

    def test_they_are_published_with_what_is_known_of_them(self):
        self.kafka.produce(self.topic, [b'{"page": "a"}'], partition=0)
        self.kafka.produce(self.topic, self.BAD, partition=1)
        self.catch_up(self.file)
        self.kafka.produce(self.topic, [b"later"], partition=0)
        self.catch_up(self.file)
        self.catch_up(self.file)
        published = self.published()
        self.assertEqual([value for value, _ in published], [*self.BAD, b"later"])
        for offset, (_, headers) in enumerate(published[:3]):
            self.assertEqual(headers["topic"].decode(), self.topic)
            self.assertEqual((headers["partition"], headers["offset"]), (b"1", b"%d" % offset))
        self.assertEqual([headers["reason"] for _, headers in published],
                         [b"undecodable", b"undecodable", b"missing_key", b"undecodable"])

    def test_none_is_missing_after_kills(self):
        self.kafka.produce(self.topic, [b'{"page": "a"}'])
        for number in range(6):
            child = self.start("run", self.file)
            self.kafka.produce(self.topic, [b"bad %d" % n for n in range(number * 50, number * 50 + 50)])
            time.sleep(self.random.uniform(0.1, 4))
            self.kill(child)
        self.catch_up(self.file)
        values = [value for value, _ in self.published()]
        self.assertEqual(set(values), {b"bad %d" % n for n in range(300)})


if __name__ == "__main__":
    main()
