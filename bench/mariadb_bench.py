"""MariaDB (table_bench.py): the orders of PostgreSQL's, and the same changes. A bootstrap stands
beside a bare SELECT of the same columns by as many connections as it has threads (mariadb_rows.cc),
which can't be taken up again nor be of one moment; live beside a bare reader of the binary log,
which is the same for a ledger and for cuts, and beside Debezium's engine (debezium.py).
"""

import contextlib

import debezium
from common import note
from table_bench import METHODS, SqlBench

DATABASE = "shop"
FILL_ROWS = 1_000_000  # of a transaction

TABLE = """create table orders (
  id bigint primary key, customer varchar(32) not null, country varchar(2) not null,
  sku varchar(32) not null, status varchar(16) not null, quantity integer not null,
  total bigint not null, ordered_at datetime(3) not null, note varchar(128) not null)"""

# PostgreSQL's (postgres_bench.py).
FILL = """insert into orders
select n, concat('customer-', lpad(h % 100003, 6, '0')),
  char(65 + h % 20, 65 + h div 26 % 10 using utf8mb4),
  concat('SKU-', lpad(h div 7 % 10007, 8, '0')),
  elt(1 + h div 3 % 4, 'paid', 'shipped', 'delivered', 'cancelled'), h % 9 + 1, h % 100000,
  timestamp '2026-03-01 00:00:00' + interval h * 1013 % 2592000000 * 1000 microsecond,
  concat('leave at the door, ring twice, reference ', lower(hex(h)), lower(hex(h * 31)))
from (select seq as n, seq * 2654435761 % 4294967296 as h from seq_{begin}_to_{last}) as s"""

UPDATE = """begin not atomic
  declare begun bigint default 0;
  while begun < {changes} do
    update orders set total = total + 1
      where id >= begun and id < least(begun + {together}, {changes});
    set begun = begun + {together};
  end while;
end"""


class MariaDb(SqlBench):
    name, title, tool = "mariadb", "MariaDB", "bench/mariadb_rows"
    library, statement = "libmariadb", "SELECT"
    methods_of_changes = (METHODS,)

    @contextlib.contextmanager
    def serve(self):
        from database_servers import MariaDbServer
        with (MariaDbServer(**{"innodb-buffer-pool-size": "1G", "innodb-log-file-size": "1G"})
                  as self.server,
              contextlib.closing(self.server.connect()) as self.connection):
            self.connection.autocommit(True)
            self.run_sql(f"create database {DATABASE}")
            self.connection.select_db(DATABASE)
            self.run_sql(TABLE)
            yield

    def place(self):
        return f'uri: "mariadb://root@127.0.0.1:{self.server.port}/{DATABASE}", table: orders'

    def fill(self, begin, end):
        self.run_sql("set sql_log_bin = 0")  # nobody follows them
        for first in range(begin, end, FILL_ROWS):
            self.run_sql(FILL.format(begin=first, last=min(first + FILL_ROWS, end) - 1))
        self.run_sql("analyze table orders")
        self.run_sql("set sql_log_bin = 1")
        self.settle()
        [(size,)] = self.ask("select data_length from information_schema.tables"
                             f" where table_schema = '{DATABASE}' and table_name = 'orders'")
        self.bytes = size / end
        note(f"inserted {end - begin:,} rows of {self.bytes:.0f} bytes")

    def settle(self):
        """As a checkpoint of PostgreSQL does."""
        self.run_sql("flush tables orders for export")
        self.run_sql("unlock tables")

    def truth(self):
        return {(country, day): (orders, total) for country, day, orders, total in self.ask(
            "select country, date_format(ordered_at, '%Y-%m-%dT00:00:00Z'), count(*),"
            " cast(sum(total) as signed) from orders group by 1, 2")}

    # --- what reads ---

    def read_rows(self):
        result, run = self.ask_tool("read", self.server.port, DATABASE, "orders", self.columns,
                                    "id", self.documents, self.threads)
        self.expect("SELECT", result["events"], self.documents)
        return run

    def begin_changes(self, methods):
        [(self.file, self.offset, *_)] = self.ask("show master status")
        [(self.gtids,)] = self.ask(f"select binlog_gtid_pos('{self.file}', {self.offset})")
        self.run_sql(UPDATE.format(changes=self.changes, together=self.together))

    def log(self, method):
        return "the binary log"

    def read_log(self):
        result, run = self.ask_tool("follow", self.server.port, self.file, self.offset, "orders",
                                    self.changes)
        self.expect("the log", result["events"], self.changes)
        return run

    def read_by_debezium(self):
        from connect_server import mariadb_reader
        return debezium.count_changes(
            mariadb_reader(self.server, "bench", [f"{DATABASE}.orders"],
                           # It goes on there with the tables as they are now.
                           snapshot_mode="recovery", schema_history_internal=
                           "io.debezium.relational.history.MemorySchemaHistory"),
            self.changes, self.bench.work / "debezium", partition={"server": "bench"},
            offset={"file": self.file, "pos": self.offset, "gtids": self.gtids})
