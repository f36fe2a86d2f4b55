"""A run that answers by HTTP and gRPC while it follows a topic, swaps versions, and is killed."""

import functools
import http.client

from kafka_case import KILLS, Beside, KafkaCase, Load
from program import main
from serve_case import Doors, ServeCase, generated

SWAPS = 4


class Reader(Beside):
    """Asks again and again, by both protocols, and keeps what it is told: never less."""

    def __init__(self, doors):
        super().__init__([functools.partial(self.ask, told) for told in
                          (self.by_http, self.by_grpc)])
        self.doors, self.seen = doors, []

    def ask(self, told):
        before = 0
        for total in told():
            assert total >= before, f"{before}, then {total}"
            before = total
            self.seen.append(total)
            if self.end.is_set():
                return

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
