"""A run that answers by HTTP and gRPC while it follows a topic, swaps versions, and is killed."""

import http.client
import threading

from kafka_case import KILLS, KafkaCase, Load
from program import main
from serve_case import Doors, ServeCase, generated

SWAPS = 4


class Reader:
    """Asks again and again, by both protocols, and keeps what it is told."""

    def __init__(self, doors):
        self.doors, self.end = doors, threading.Event()
        self.seen, self.failures = [], []
        self.threads = [threading.Thread(target=self.run, args=[ask])
                        for ask in (self.by_http, self.by_grpc)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def run(self, ask):
        before = 0
        try:
            for total in ask():
                if total < before:
                    self.failures.append(f"{before}, then {total}")
                before = total
                self.seen.append(total)
                if self.end.is_set():
                    return
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(repr(error))

    def by_http(self):
        while True:
            answer = self.doors.get("/v1/pipeline", key="")
            assert answer.code == 200, answer.body
            yield answer.json()["rows"][0]["n"]

    def by_grpc(self):
        pb = generated()[0]
        with self.doors.stub() as stub:
            while True:
                answer = stub.Get(pb.GetRequest(pipeline="pipeline", key=pb.Key(text="")))
                yield answer.row.values[0].integer


class RunServesTest(KafkaCase, ServeCase):
    def setUp(self):
        super().setUp()
        self.make_topic()
        self.file = self.pipeline(replay={"kafka": self.source()})
        text = self.file.read_text().replace("key: [page]", "key: [[page], []]")
        self.file = self.write("pipeline.yaml", text)
        self.produce(1000)

    def run_and_serve(self):
        child = self.start("run", self.file, "--serve", "0", "--grpc", "0", "--quiet")
        doors = Doors(self.addresses_of(child))
        self.wait_while_it_runs(child, "it answers", lambda: self.total(doors) == 1000)
        return child, doors

    def total(self, doors):
        answer = doors.get("/v1/pipeline", key="")
        return answer.json()["rows"][0]["n"] if answer.code == 200 else None

    def test_what_is_committed_is_answered(self):
        child, doors = self.run_and_serve()
        last = (0, 0)
        for expected in range(1100, 1600, 100):
            self.produce(100)
            self.wait_until("it counts", lambda n=expected: self.total(doors) == n)
            answer = doors.get("/v1/pipeline", key="").json()
            self.assertGreater((answer["version"], answer["commit"]), last)
            last = (answer["version"], answer["commit"])
            # Rows that were asked for before are those that the process keeps.
            for row in self.succeed("dump", self.file).rows():
                key = row["key"].get("page", "")
                self.assertEqual(doors.get("/v1/pipeline", key=key).json()["rows"], [row])
        status = doors.get("/v1/pipeline/status").json()
        self.assertEqual((status["mode"], status["live"]["lag_records"]), ("live", 0))
        self.end(child)

    def test_answers_never_know_less_while_versions_swap(self):
        child, doors = self.run_and_serve()
        with Reader(doors) as reader, Load(self, 200):
            for number in range(2, 2 + SWAPS):
                self.succeed("replay", self.file, "--quiet")
                self.assertEqual(doors.get("/v1/pipeline", key="").json()["version"], number)
        self.assertEqual(reader.failures, [])
        self.assertGreater(reader.seen[-1], 1000)
        self.wait_until_it_is_at_the_end(self.file)
        self.wait_until("all is answered", lambda: self.total(doors) == len(self.bodies()))
        self.end(child)

    def test_a_reader_of_the_files_follows_and_survives_the_owner(self):
        child, owner = self.run_and_serve()
        reader, _ = self.serve(self.file)
        expected = 1000
        for _ in range(KILLS):
            self.produce(50)
            expected += 50
            self.wait_until("the owner has it", lambda n=expected: self.total(owner) == n)
            self.wait_until("the reader follows", lambda n=expected: self.total(reader) == n,
                            seconds=5)
            self.kill(child)
            self.assertEqual(self.total(reader), expected)
            with self.assertRaises((OSError, http.client.HTTPException)):
                owner.get("/v1")
            child = self.start("run", self.file, "--serve", "0", "--grpc", "0", "--quiet")
            owner = Doors(self.addresses_of(child))
            self.assertEqual(self.total(reader), expected)
        self.end(child)


if __name__ == "__main__":
    main()
