"""Writers that never stop, through kills, restarts and elections."""

import contextlib
import time

import pymongo.errors

from mongo_case import DOCUMENTS, KILLS, WRITES_PER_SECOND, ByCuts, MongoCase, Writers
from mongo_server import MongoReplicaSet, MongoServer
from program import LONG, main

RESTARTS = 3 if LONG else 1


class StormTest(MongoCase):
    """Writers never stop, while the scan runs and live follows, through kills and restarts."""

    def test_kills_and_restarts_under_load(self):
        server = self.enterContext(MongoServer(oplog_mb=2000 if LONG else 256))
        self.collection = self.make(server)
        self.fill(DOCUMENTS)
        file = self.pipeline(server=server)
        # They wait while it restarts.
        with Writers(server, self.collection, self.seed, 2 * WRITES_PER_SECOND, 4) as writers:
            self.run_through(file, KILLS, RESTARTS, server.restart)
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.catch_up(file)
        self.check(file)


class CutStormTest(ByCuts, StormTest):
    pass


class ElectionTest(MongoCase):
    """Three servers take over from each other, beside writers, while the scan runs and live
    follows."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(MongoReplicaSet())
        self.collection = self.make(self.server)

    def test_primaries_that_go(self):
        self.fill(DOCUMENTS)
        file = self.pipeline(server=self.server)
        ways = [self.kill_primary, self.pause_primary, self.step_primary_down]
        with Writers(self.server, self.collection, self.seed) as writers:
            child = self.start("run", file, "--quiet", "--threads", "2")
            for number in range(20 if LONG else 4):
                time.sleep(self.random.uniform(0, 1.5))
                ways[number % len(ways)]()
                self.assertIsNone(child.poll(), "it ended")
                if number % 2:
                    self.kill(child)
                    child = self.start("run", file, "--quiet", "--threads", "2")
        print(f"{writers.written / writers.seconds:.0f} writes a second")
        self.wait_until("all is counted", lambda: self.status_if_any(file).get("mode") == "live")
        self.end(child)
        self.catch_up(file)
        self.check(file)

    def kill_primary(self):
        primary = self.server.primary()
        primary.kill()
        self.server.primary()
        primary.start()

    def pause_primary(self):
        """When it answers again, it does not know that another server is primary."""
        primary = self.server.primary()
        primary.pause()
        self.wait_until("there is another", lambda: any(
            node.is_primary() for node in self.server.nodes if node is not primary))
        time.sleep(self.random.uniform(0, 1))
        primary.resume()

    def step_primary_down(self):
        with contextlib.suppress(pymongo.errors.PyMongoError):
            self.server.primary().admin().admin.command("replSetStepDown", 5, force=True)


class CutElectionTest(ByCuts, ElectionTest):
    pass


if __name__ == "__main__":
    main()
