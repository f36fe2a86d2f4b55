"""The load of pgbench, a bank whose books balance: what its branches, its tellers and its accounts
hold is what its history says, in the server and in what is kept of each table."""

import subprocess
import time

from database_servers import PostgresServer
from postgres_case import OnNewest
from program import LONG, main
from table_case import TableCase

SCALE = 10 if LONG else 2
PIECES = 20 if LONG else 3
PIECE_SECONDS = 12 if LONG else 4
CLIENTS = 4

# Name → table, key, what is summed, method.
PIPELINES = {
    "history": ("pgbench_history", "bid", "delta", "ledger"),
    "movements": ("pgbench_history", "tid", "delta", "cut"),
    "branches": ("pgbench_branches", "bid", "bbalance", "cut"),
    "tellers": ("pgbench_tellers", "tid", "tbalance", "ledger"),
    "accounts": ("pgbench_accounts", None, "abalance", "cut"),
    "holdings": ("pgbench_accounts", "bid", "abalance", "ledger"),
}


class PgbenchTest(TableCase):
    KIND = "postgres"
    NEWEST = False

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(PostgresServer(newest=self.NEWEST))
        self.pgbench("--initialize", "--quiet", f"--scale={SCALE}")
        self.connection = self.server.connect()
        self.connection.autocommit = True
        self.addCleanup(self.connection.close)
        with self.connection.cursor() as cursor:
            cursor.execute("alter table pgbench_history add column id bigserial primary key")
            for table in {table for table, *_, method in PIPELINES.values() if method == "cut"}:
                cursor.execute(f"alter table {table} replica identity full")
        self.files = {name: self.pipeline(name) for name in PIPELINES}

    def test_books_balance_at_every_pause(self):
        self.runs = {name: self.start_run(name) for name in self.files}
        for piece in range(PIECES):
            self.load(piece)
            for name in self.files:
                self.wait_while_it_runs(self.runs[name], f"{name} have been counted",
                                        lambda: self.dumped(name) == self.expected(name))
            self.check_books()
        for name, file in self.files.items():
            self.end(self.runs[name])
            self.succeed("verify", file, "--quiet")

    def load(self, piece):
        """Some seconds of it, while pipelines are killed and go on."""
        isolation = "repeatable read" if piece % 2 else "read committed"
        seconds = self.random.uniform(0, PIECE_SECONDS)
        with self.pgbench_running(
                "--no-vacuum", f"--client={CLIENTS}", f"--time={PIECE_SECONDS}", "--max-tries=100",
                f"--random-seed={self.random.randrange(2**31)}", isolation=isolation) as pgbench:
            time.sleep(seconds)
            for name in self.random.sample(list(self.files), 2):
                self.assertIsNone(self.runs[name].poll())
                self.kill(self.runs[name])
                self.runs[name] = self.start_run(name)
            out, err = pgbench.communicate(timeout=PIECE_SECONDS + 60)
        self.assertEqual(pgbench.returncode, 0, err)
        print(next(line for line in out.splitlines() if "tps" in line))

    def check_books(self):
        by_branch, by_teller = self.dumped("history"), self.dumped("movements")
        self.assertEqual(self.moved(self.dumped("branches")), self.moved(by_branch))
        self.assertEqual(self.moved(self.dumped("tellers")), self.moved(by_teller))
        # pgbench moves money at any branch, whatever branch the account is of.
        for accounts in ("accounts", "holdings"):
            self.assertEqual(sum(total for _, total in self.dumped(accounts).values()),
                             sum(total for _, total in by_branch.values()), accounts)

    @staticmethod
    def moved(groups):
        """What was moved, where something was."""
        return {key: total for key, (_, total) in groups.items() if total != 0}

    # --- pipelines ---

    def pipeline(self, name):
        table, key, summed, method = PIPELINES[name]
        return self.write_pipeline(
            name, "source", {"uri": self.server.uri, "table": table},
            {"key": f"[{key or ''}]", "aggregates": f"{{n: count, total: sum({summed})}}",
             "method": method})

    def start_run(self, name):
        return self.start("run", self.files[name], "--quiet", "--threads", "1")

    def dumped(self, name):
        """Nothing, while there is no state."""
        key = PIPELINES[name][1]
        outcome = self.murmur("dump", self.files[name])
        return {row["key"][key] if key else None: (row["n"], row["total"])
                for row in outcome.rows()} if outcome.code == 0 else {}

    def expected(self, name):
        table, key, summed, _ = PIPELINES[name]
        with self.connection.cursor() as cursor:
            cursor.execute(f"select {key or 'null'}, count(*), sum({summed}) from {table} "
                           "group by 1")
            return {key: (n, total) for key, n, total in cursor.fetchall()}

    # --- pgbench ---

    def pgbench_running(self, *options, isolation="read committed"):
        isolation = isolation.replace(" ", "\\ ")
        return subprocess.Popen(
            [str(self.server.programs / "pgbench"), *options, self.server.uri], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PGOPTIONS": f"-c default_transaction_isolation={isolation}"})

    def pgbench(self, *options):
        with self.pgbench_running(*options) as pgbench:
            _, err = pgbench.communicate()
        self.assertEqual(pgbench.returncode, 0, err)


class NewestPgbenchTest(OnNewest, PgbenchTest):
    pass


if __name__ == "__main__":
    main()
