"""PostgreSQL (table_bench.py). A bootstrap stands beside a bare COPY of the same columns by as many
connections as it has threads (postgres_rows.cc), in the order that rows lie in, which can't be
taken up again nor be of one moment; live beside a bare reader of a copy of the same slot, and
beside Debezium's engine (debezium.py). For cuts the log has each row before a change too.
"""

import contextlib

import debezium
from common import note
from table_bench import SqlBench

UNREAD = "unread"  # a slot that nobody confirms
DEBEZIUM = "debezium"  # its slot
SLOT_SECONDS_MAX = 60  # until a slot is free that was read

TABLE = """create table orders (
  id bigint primary key, customer text not null, country text not null, sku text not null,
  status text not null, quantity integer not null, total bigint not null,
  ordered_at timestamptz not null, note text not null)"""

# The same orders every time: h scatters the numbers n, by Knuth's multiplicative hash.
FILL = """insert into orders
select n, 'customer-' || lpad((h % 100003)::text, 6, '0'),
  chr((65 + h % 20)::int) || chr((65 + h / 26 % 10)::int),
  'SKU-' || lpad((h / 7 % 10007)::text, 8, '0'),
  (array['paid', 'shipped', 'delivered', 'cancelled'])[1 + h / 3 % 4], (h % 9 + 1)::int, h % 100000,
  timestamptz '2026-03-01 00:00:00+00' + (h * 1013 % 2592000000) * interval '1 ms',
  'leave at the door, ring twice, reference ' || to_hex(h) || to_hex(h * 31)
from (select n, n * 2654435761 % 4294967296 as h
      from generate_series({begin}::bigint, {end} - 1) as n) as s"""

UPDATE = """do $$ begin
  for begun in 0 .. {changes} - 1 by {together} loop
    update orders set total = total + 1
      where id >= begun and id < least(begun + {together}, {changes});
    commit;
  end loop;
end $$"""

IDENTITIES = {"ledger": "DEFAULT", "cut": "FULL"}


class Postgres(SqlBench):
    name, title, tool = "postgres", "PostgreSQL", "bench/postgres_rows"
    library, statement = "libpq", "COPY"

    @contextlib.contextmanager
    def serve(self):
        from database_servers import PostgresServer
        with (PostgresServer(shared_buffers="1GB", max_wal_size="16GB") as self.server,
              contextlib.closing(self.server.connect()) as self.connection):
            self.connection.autocommit = True
            self.run_sql(TABLE)
            yield

    def place(self):
        return f'uri: "{self.server.uri}", table: orders'

    def fill(self, begin, end):
        self.run_sql(FILL.format(begin=begin, end=end))
        self.run_sql("vacuum (freeze, analyze) orders")
        self.settle()
        [(size,)] = self.ask("select pg_relation_size('orders')")
        self.bytes = size / end
        note(f"inserted {end - begin:,} rows of {self.bytes:.0f} bytes")

    def settle(self):
        self.run_sql("checkpoint")

    def truth(self):
        return {(country, day): (orders, total) for country, day, orders, total in self.ask(
            "select country, to_char(ordered_at at time zone 'UTC', 'YYYY-MM-DD\"T00:00:00Z\"'), "
            "count(*), sum(total)::bigint from orders group by 1, 2")}

    def set_up(self, method):
        self.run_sql(f"alter table orders replica identity {IDENTITIES[method]}")

    # --- what reads ---

    def read_rows(self):
        result, run = self.ask_tool("copy", self.server.uri, "orders", self.columns, "id",
                                    self.documents, self.threads)
        self.expect("COPY", result["events"], self.documents)
        return run

    def begin_changes(self, methods):
        [(self.slot,)] = self.ask("select slot_name from pg_replication_slots")
        self.copy_slot(self.slot, UNREAD)
        self.run_sql(UPDATE.format(changes=self.changes, together=self.together))

    def log(self, method):
        return f"the slot, REPLICA IDENTITY {IDENTITIES[method]}"

    def read_log(self):
        result, run = self.ask_tool("follow", self.server.uri, UNREAD, self.slot,  # its publication
                                    self.changes)
        self.expect("the slot", result["events"], self.changes)
        return run

    def read_by_debezium(self):
        from connect_server import postgres_connector
        self.copy_slot(UNREAD, DEBEZIUM)
        return debezium.count_changes(
            postgres_connector(self.server, "bench", ["public.orders"], slot_name=DEBEZIUM,
                               publication_name=self.slot, publication_autocreate_mode="disabled",
                               snapshot_mode="no_data"),
            self.changes, self.bench.work / "debezium")

    def rewind(self):
        self.copy_slot(UNREAD, self.slot)

    def copy_slot(self, one, other):
        """In place of another of that name."""
        self.drop_slots(f"slot_name = '{other}'")
        self.ask(f"select pg_copy_logical_replication_slot('{one}', '{other}')")

    def drop_slots(self, which="true"):
        """Those of readers that have just ended may be in use for a moment."""
        from waiting import wait_until
        slots = f"from pg_replication_slots where {which}"
        wait_until("slots are free", lambda: not self.ask(f"select {slots} and active"),
                   SLOT_SECONDS_MAX)
        self.ask(f"select pg_drop_replication_slot(slot_name) {slots}")

    def let_go(self):
        self.drop_slots()
