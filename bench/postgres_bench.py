"""PostgreSQL (table_bench.py). A bootstrap stands beside a bare COPY of the same columns by as many
connections as it has threads (postgres_rows.cc), in the order that rows lie in, which can't be
taken up again nor be of one moment; live beside a bare reader of the same slot. For cuts the log
has each row before a change too.
"""

import contextlib

from common import note
from table_bench import BOOTSTRAP, LIVE, METHODS, TableBench, ours

COLUMNS = "id, country, total, ordered_at"  # what the pipeline needs
TRANSACTION_CHANGES = 10
UNREAD = "unread"  # a slot that nobody confirms

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

COPY = "libpq, COPY of 4 columns"
IDENTITIES = {"ledger": "DEFAULT", "cut": "FULL"}


def slot_reader(method):
    return f"libpq, the slot, REPLICA IDENTITY {IDENTITIES[method]}"


class Postgres(TableBench):
    name, title, tool = "postgres", "PostgreSQL", "bench/postgres_rows"

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

    def run_sql(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def ask(self, question):
        with self.connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall()

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

    def readers(self):
        return {COPY: self.copy}

    def copy(self):
        result, run = self.ask_tool("copy", self.server.uri, "orders", COLUMNS, "id",
                                    self.documents, self.threads)
        self.expect("COPY", result["events"], self.documents)
        return run

    def begin_changes(self, methods):
        [(self.slot,)] = self.ask("select slot_name from pg_replication_slots")
        self.copy_slot(self.slot, UNREAD)
        self.run_sql(UPDATE.format(changes=self.changes, together=TRANSACTION_CHANGES))

    def change_readers(self, methods):
        [method] = methods
        return {slot_reader(method): self.read_slot}

    def read_slot(self):
        result, run = self.ask_tool("follow", self.server.uri, UNREAD, self.slot,  # its publication
                                    self.changes)
        self.expect("the slot", result["events"], self.changes)
        return run

    def rewind(self):
        self.copy_slot(UNREAD, self.slot)

    def copy_slot(self, one, other):
        """In place of another of that name."""
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                 f"where slot_name = '{other}'")
        self.ask(f"select pg_copy_logical_replication_slot('{one}', '{other}')")

    def let_go(self):
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots")

    def pairs(self):
        return ([(BOOTSTRAP, ours("bootstrap", method), COPY) for method in METHODS]
                + [(LIVE, ours("run", method), slot_reader(method)) for method in METHODS])
