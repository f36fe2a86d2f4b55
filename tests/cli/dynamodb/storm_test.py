"""Sixteen writers that never stop, while the scan runs and live follows, shards end, and the program
is killed again and again."""

from dynamo_case import ITEMS, KILLS, DynamoCase, RollingShards, Writers
from dynamo_server import DynamoServer
from program import LONG, main

WRITERS = 16
ROLL_EVERY_SECONDS = 1.5


class StormTest(DynamoCase):
    def test_kills_under_load_while_shards_end(self):
        server = self.enterContext(DynamoServer(heap="2g" if LONG else "768m"))
        self.make(server)
        self.fill(ITEMS)
        file = self.pipeline(server=server)
        with Writers(server, self.table, self.seed, per_second=2000, threads=WRITERS) as writers, \
                RollingShards(server, ROLL_EVERY_SECONDS):
            self.run_through(file, KILLS, 0, restart=None)
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")


if __name__ == "__main__":
    main()
