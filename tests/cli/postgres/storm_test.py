"""Writers never stop, while the scan runs and live follows, through kills of the run, and restarts
and crashes of the server."""

import itertools

from database_servers import PostgresServer
from postgres_case import FIRST_DAY, LEAST, ByCuts, OnNewest, PostgresCase, Writers, run
from program import LONG, main

ROWS = 500_000 if LONG else 20_000
WRITERS = 16 if LONG else 4
WRITES_PER_SECOND = 2_000
KILLS = 20 if LONG else 4
RESTARTS = 3 if LONG else 1
QUANTILES_ERROR = 0.01
DISTINCT_ERROR = 6 * 0.016  # six standard errors

# What it is → what the server says it is.
SUBTRACTING = {
    "n: count": "count(*)",
    "total: sum(amount)": "sum(amount)",
    "price: 'sum(price, decimal=2)'": "sum(price)::text",
    "notes: sum(length(note))": "sum(length(note))",
    "kinds: count_by(kind)":
        "array[count(*) filter (where kind = 'a'), count(*) filter (where kind = 'b'), "
        "count(*) filter (where kind = 'c')]",
    "bands: 'histogram(amount, [300, 700])'":
        "array[count(*) filter (where amount <= 300), count(*) filter (where amount <= 700), "
        "count(*)]",
}
OTHERS = {
    "least: min(amount)": "min(amount)",
    "latest: max(at)": "to_char(max(at) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    "amounts: distinct_exact(amount)": "count(distinct amount)",
    "moods: set(kind)": "array_agg(distinct kind order by kind)",
}
BOUNDED = {
    "middle: 'quantiles(amount, [0.5])'":
        "(array_agg(amount order by amount))[1 + floor(0.5 * (count(*) - 1))]",
}
BOUNDED_OTHERS = {"about: distinct(amount)": "count(distinct amount)"}
BOUNDS = {"middle": QUANTILES_ERROR, "about": DISTINCT_ERROR}


def name_of(aggregate):
    return aggregate.split(":")[0]


def plain(name, value):
    """As the server says it."""
    if name == "kinds":
        counts = {kind["value"]: kind["count"] for kind in value}
        return [counts.get(kind, 0) for kind in "abc"]
    if name == "bands":
        return list(itertools.accumulate(band["count"] for band in value))
    return value["0.5"] if name == "middle" else value


class StormTest(PostgresCase):
    METHOD = "ledger"
    EXACT = SUBTRACTING | OTHERS
    WITHIN = BOUNDED | BOUNDED_OTHERS

    def test_kills_and_restarts_under_load(self):
        self.server = self.enterContext(PostgresServer(
            newest=self.NEWEST, max_replication_slots=50, max_wal_senders=50,
            max_prepared_transactions=50, deadlock_timeout="20ms"))
        self.connection = self.make(self.server)
        self.fill(ROWS)
        file = self.pipeline(server=self.server, method=self.METHOD,
                             aggregates="{" + ", ".join(self.EXACT | self.WITHIN) + "}")
        with Writers(self.server, self.table, self.seed, ROWS, WRITES_PER_SECOND,
                     WRITERS) as writers:
            self.run_through(file, KILLS, RESTARTS, self.restart)
        print(f"{writers.written / writers.seconds:.0f} writes a second; {dict(writers.ends)}")
        self.catch_up(file)
        self.check(file)
        self.succeed("verify", file, "--quiet")

    def restart(self):
        """A prepared transaction outlives it."""
        name = f"kept {self.random.getrandbits(60)}"
        run(self.connection, "; ".join((
            "begin",
            f"insert into {self.table} select -1 - count(*), 'g0', 500, 'a', 1, {FIRST_DAY}, "
            f"'kept' from {self.table} where id < 0",
            f"prepare transaction '{name}'")))
        end = self.random.choice((self.server.stop, self.server.crash))
        end()
        self.server.start()
        self.connection = self.server.connect()
        self.connection.autocommit = True
        run(self.connection, f"{self.random.choice(('commit', 'rollback'))} prepared '{name}'")

    # --- what is right ---

    def check(self, file):
        super().check(file)
        names = [name_of(aggregate) for aggregate in self.WITHIN]
        counted = self.groups(file, names)
        for key, truth in self.told(self.WITHIN).items():
            for name, is_now, expected in zip(names, counted[key], truth):
                self.assertAlmostEqual(is_now, expected, delta=max(2, expected * BOUNDS[name]),
                                       msg=f"{name} of {key}")

    def dumped(self, file):
        return self.groups(file, [name_of(aggregate) for aggregate in self.EXACT])

    def expected(self):
        return self.told(self.EXACT)

    def groups(self, file, names):
        return {(row["key"]["grp"], row["window"]): [plain(name, row[name]) for name in names]
                for row in self.succeed("dump", file).rows()}

    def told(self, aggregates):
        day = "to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T00:00:00Z\"')"
        with self.connection.cursor() as cursor:
            cursor.execute(f"select grp, {day}, {', '.join(aggregates.values())} from {self.table} "
                           f"where amount > {LEAST} group by 1, 2")
            return {(group, day): values for group, day, *values in cursor.fetchall()}


class CutStormTest(ByCuts, StormTest):
    METHOD = "cut"
    EXACT = SUBTRACTING
    WITHIN = BOUNDED


class NewestStormTest(OnNewest, StormTest):
    pass


class NewestCutStormTest(OnNewest, CutStormTest):
    pass


if __name__ == "__main__":
    main()
