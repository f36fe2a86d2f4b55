"""Where a run of a topic starts, how it reaches the brokers, and what it says while it follows."""

import contextlib
import os
import subprocess
import time
import unittest.mock

import confluent_kafka

from kafka_case import KafkaCase, Load, bodies_of, offset_of, totals
from kafka_server import client_settings
from program import LONG, SLOWNESS, Outcome, main


class StartTest(KafkaCase):
    def started(self, start, name):
        """The result of a run with this start."""
        file = self.pipeline(live={"start": start}, name=name)
        self.catch_up(file)
        return file, self.counts(file)

    def test_from_the_earliest_the_latest_a_time_or_offsets(self):
        self.make_topic()
        rounds = [self.produce(300, timestamp_ms=1_700_000_000_000 + 1000 * k) for k in range(3)]
        bodies = self.bodies()
        self.check(self.started("earliest", "all")[0])
        self.assertEqual(self.started("2023-11-14T22:13:21.001Z", "late")[1],
                         totals(bodies_of(rounds[2])))
        self.assertEqual(self.started("2023-11-14T22:13:21Z", "exactly")[1],
                         totals(bodies_of(rounds[1] + rounds[2])))
        self.assertEqual(self.started("2040-01-01T00:00:00Z", "never")[1], {})
        ranges = {0: (100, 300), 1: (0, 300), 2: (299, 300)}
        self.assertEqual(self.started({0: 100, 1: 0, 2: 299}, "offsets")[1],
                         totals(self.bodies(ranges=ranges)))
        latest, counted = self.started("latest", "latest")
        self.assertEqual(counted, {})
        new = self.produce(90)
        self.assertEqual(len(self.bodies()), len(bodies) + 90)
        self.catch_up(latest)
        self.check(latest, bodies_of(new))

    def test_a_run_reads_nothing_twice(self):
        self.make_topic()
        file = self.pipeline()
        self.produce(1000)
        self.assertEqual(self.catch_up(file)["records_this_run"], 1000)
        self.assertEqual(self.catch_up(file)["records_this_run"], 0)
        self.produce(10)
        summary = self.catch_up(file)
        self.assertEqual((summary["records_this_run"], summary["records"]), (10, 1010))
        self.check(file)

    def test_where_it_starts_is_kept_though_it_read_nothing(self):
        self.make_topic()
        self.produce(100)
        file = self.pipeline(live={"start": "latest"})
        self.end(self.follow(file))
        new = self.produce(50)
        self.catch_up(file)
        self.check(file, bodies_of(new))

    def test_without_a_start_it_is_asked_for(self):
        self.make_topic()
        file = self.pipeline(live={"start": None})
        self.assertIn("start: earliest, latest, a time, or offsets",
                      self.fail_with(1, "run", file).err)
        self.produce(10)
        self.catch_up(self.pipeline())
        self.check(file)

    def test_a_start_that_makes_no_sense(self):
        self.make_topic()
        self.produce(30)
        for k, (start, code, why) in enumerate((
                ("tomorrow", 2, "'tomorrow': expected earliest, latest, a time"),
                ({0: "many", 1: 0, 2: 0}, 2, "'many': expected an offset"),
                ({0: -1, 1: 0, 2: 0}, 2, "'-1': expected an offset"),
                ({0: 5, 1: 5}, 1, "but not for .*/2, which has offsets 0 to 10"),
                ({0: 5, 1: 5, 2: 11}, 1, "offset 11 of .*/2, which has offsets 0 to 10"))):
            with self.subTest(start):
                file = self.pipeline(live={"start": start}, name=f"start{k}")
                self.assertRegex(self.fail_with(code, "run", file, "--until-caught-up").err, why)
                file = self.pipeline(live={"start": {0: 5, 1: 5, 2: 5}}, name=f"start{k}")
                self.catch_up(file)
                self.check(file, self.bodies(ranges={p: (5, 10) for p in range(3)}))

    def test_a_topic_that_is_not_there(self):
        file = self.pipeline(live={"topic": "mistyped"})
        self.assertIn("has no topic 'mistyped'", self.fail_with(1, "run", file).err)
        self.assertIn(f"has no topic '{self.topic}'", self.fail_with(1, "run", self.pipeline()).err)
        self.make_topic()
        self.produce(10)
        self.catch_up(file)
        self.check(file)

    def test_options_that_are_none(self):
        self.make_topic()
        for k, (live, why) in enumerate((
                ({"topik": "t"}, "'topik': is no option of kafka; .*did you mean 'topic'"),
                ({"topic": None}, "expected either topic: or pattern:"),
                ({"pattern": "^a"}, "expected either topic: or pattern:"),
                ({"pattern": "(", "topic": None}, r"'\(' is no regular expression"),
                ({"brokers": None}, "needs the option 'brokers'"),
                ({"config": {"group.id": "g"}}, "group.id is set by"),
                ({"compacted": "yes"}, "compacted 'yes': expected allow"),
                ({"config": {"no.such": 1}}, "refuses the property no.such"),
                ({"config": {"fetch.min.bytes": "much"}}, "refuses the property fetch.min.bytes"),
                ({"config": {"auto.offset.reset": "latest"}}, "auto.offset.reset is set by"))):
            with self.subTest(live):
                file = self.pipeline(live=live, name=f"options{k}")
                self.assertRegex(self.fail_with(2, "run", file, "--until-caught-up").err, why)
                self.assertFalse((self.directory / f"state/options{k}/v1").exists())

    def test_brokers_that_can_not_be_used_are_named_within_half_a_minute(self):
        self.make_topic()
        other = self.write("other.pem", subprocess.run(
            ["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-subj", "/CN=another", "-keyout", self.directory / "key"],
            capture_output=True, text=True, check=True).stdout)
        tls = {"security.protocol": "ssl", "broker.address.family": "v4"}
        cases = {
            "nobody": ({"brokers": "127.0.0.1:1"}, r"(?i)127\.0\.0\.1:1.*refused"),
            "nowhere": ({"brokers": "no.such.host.invalid:9092"}, "no.such.host.invalid"),
            "stranger": ({"brokers": self.kafka.tls_address,
                          "config": {**tls, "ssl.ca.location": str(other)}},
                         "(?i)certificate verify failed"),
            "plain": ({"brokers": self.kafka.tls_address}, "(?i)asking Kafka at .*(ssl|disconnect)"),
        }
        start = time.monotonic()
        children = {name: self.start("run", self.pipeline(live=live, name=name))
                    for name, (live, _) in cases.items()}
        for name, child in children.items():
            self.assertRegex(self.wait_for_end(child, 1), cases[name][1])
        self.assertLess(time.monotonic() - start, 35 * SLOWNESS)


class SecurityTest(KafkaCase):
    def tls(self, **config):
        return {"brokers": self.kafka.tls_address, "config": {
            "security.protocol": "ssl", "ssl.ca.location": str(self.kafka.ca_file), **config}}

    def test_over_tls(self):
        self.make_topic()
        self.produce(300)
        file = self.pipeline(live=self.tls(), replay={"kafka": self.source(**self.tls())})
        self.catch_up(file)
        self.check(file)
        self.succeed("replay", file)
        self.produce(30)
        self.end(self.follow(file))
        self.catch_up(file)
        self.check(file)

    def test_passwords_are_never_shown_or_stored(self):
        self.make_topic()
        self.produce(30)
        live = self.tls(**{"sasl.username": "murmur", "sasl.password": "written-out",
                           "ssl.key.password": "${FROM_THE_ENVIRONMENT}"})
        file = self.pipeline(live=live, replay={"kafka": self.source(**live)})
        with unittest.mock.patch.dict(os.environ, FROM_THE_ENVIRONMENT="of-the-environment"):
            child = self.follow(file)
            said = [self.murmur(*verb) for verb in (
                ["check", file], ["status", file], ["versions", file], ["replay", file],
                ["status", file, "--format", "json"], ["run", file])]
            self.kafka.delete_records(self.topic, {0: 10})
            said += [Outcome(0, *child.communicate()) for _ in [child.terminate()]]
            bad = self.pipeline(live=self.tls(**{"sasl.password": "written-out", "linger.ms": "x"}),
                                name="bad")
            said += [self.murmur("run", bad)]
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("FROM_THE_ENVIRONMENT", None)
            said += [self.fail_with(1, "run", file)]
        self.assertIn("FROM_THE_ENVIRONMENT", said[-1].err)
        stored = [path.read_bytes() for path in (self.directory / "state").rglob("*")
                  if path.is_file()]
        for secret in ("written-out", "of-the-environment"):
            for outcome in said:
                self.assertNotIn(secret, outcome.out + outcome.err)
            self.assertFalse([body for body in stored if secret.encode() in body], secret)


class StatusTest(KafkaCase):
    def test_positions_lag_and_mode(self):
        self.make_topic()
        self.produce(300)
        file = self.pipeline()
        child = self.follow(file)
        self.wait_for_count(file, 300)
        self.wait_until("the ends are known", lambda: self.ends(file) == {0: 100, 1: 100, 2: 100})
        status = self.status(file)
        self.assertEqual((status["mode"], status["records"]), ("live", 300))
        self.assertEqual(status["live"]["lag_records"], 0)
        self.assertEqual(self.positions(file), {0: 100, 1: 100, 2: 100})
        self.assertIn("last_commit", status["live"])
        self.produce(300)
        self.wait_for_count(file, 600)
        self.wait_until("the ends are known", lambda: self.ends(file) == {0: 200, 1: 200, 2: 200})
        self.end(child)
        self.assertEqual(self.positions(file), {0: 200, 1: 200, 2: 200})

    def ends(self, file):
        return {int(split.rpartition("/")[2]): offset_of(one["end"] or "-1")
                for split, one in self.status(file)["live"]["splits"].items()}

    def test_the_consumer_group_shows_the_positions(self):
        self.make_topic()
        self.produce(300)
        for group in (None, "another"):
            file = self.pipeline(live={"group": group}, name=f"group_{group}")
            self.catch_up(file)
            self.wait_until("the group knows", lambda: self.kafka.committed(
                group or "murmur-pipeline", self.topic) == self.positions(file))
        child = self.follow(file)
        self.produce(30)
        self.wait_until("the group knows", lambda: self.kafka.committed("another", self.topic)
                        == {0: 110, 1: 110, 2: 110})
        # Changes of the group's offsets by others have no effect.
        self.end(child)
        offsets = [confluent_kafka.TopicPartition(self.topic, p, 7) for p in range(3)]
        consumer = confluent_kafka.Consumer(client_settings(self.kafka.address)
                                            | {"group.id": "another"})
        with contextlib.closing(consumer):
            consumer.commit(offsets=offsets, asynchronous=False)
        self.catch_up(file)
        self.check(file)

    def test_sigterm_ends_it_within_a_second(self):
        self.make_topic()
        file = self.pipeline()
        with Load(self, per_second=2000):
            seconds = []
            for _ in range(3):
                child = self.follow(file)
                start = time.monotonic()
                err = self.end(child)
                seconds.append(time.monotonic() - start)
                self.assertNotIn("rror", err)
        # The others may have waited for the machine.
        self.assertLess(min(seconds), 1 * SLOWNESS, seconds)
        self.assertLess(max(seconds), 5 * SLOWNESS, seconds)
        self.catch_up(file)
        self.check(file)

    def test_records_are_seen_soon(self):
        self.make_topic()
        file = self.pipeline()
        child = self.follow(file)
        seconds = []
        with Load(self, per_second=1000):
            for k in range(30 if LONG else 8):
                page = f"/marked/{k}"
                self.produce(1, page=page)
                start = time.monotonic()
                self.wait_until(f"{page} is seen", lambda: self.murmur(
                    "query", file, page, "--format", "json").out.count('"n"'))
                seconds.append(time.monotonic() - start)
        self.end(child)
        self.assertLess(sorted(seconds)[len(seconds) // 2], 2 * SLOWNESS, seconds)


if __name__ == "__main__":
    main()
