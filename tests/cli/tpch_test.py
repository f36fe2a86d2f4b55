"""TPC-H queries 1 and 6 over JSON lines and Parquet: the answers that the TPC publishes for scale
factor 1 (MURMUR_LONG=1), those of DuckDB for a small one."""

import os
import subprocess
import sys
import unittest
from decimal import Decimal

from program import LONG, ProgramTest, main

# A DuckDB that has the generator, in a folder of its own beside the present one.
EXTENSIONS = os.environ["MURMUR_DUCKDB_EXTENSIONS"]

GENERATE = """
import pathlib, sys
import duckdb, duckdb_extension_tpch
folder, scale = sys.argv[1:]
extension = next(pathlib.Path(duckdb_extension_tpch.__file__).parent.rglob("*.duckdb_extension"))
db = duckdb.connect(config={"allow_unsigned_extensions": True})
db.execute("set enable_progress_bar = false")
db.execute(f"LOAD '{extension}'")
db.execute(f"call dbgen(sf={scale})")
db.execute(f"copy lineitem to '{folder}/lineitem.parquet' (format parquet)")
db.execute(f"copy lineitem to '{folder}/lineitem.jsonl' (format json)")
for number in (1, 6):
    print(db.execute(f"pragma tpch({number})").fetchall())
"""

# Source: TPC Benchmark H, Standard Specification, revision 3, "Output" of 2.4.1 and 2.4.6.
PUBLISHED = {
    ("A", "F"): ("37734107.00", "56586554400.73", "53758257134.8700", "55909065222.827692", 1478493),
    ("N", "F"): ("991417.00", "1487504710.38", "1413082168.0541", "1469649223.194375", 38854),
    ("N", "O"): ("74476040.00", "111701729697.74", "106118230307.6056", "110367043872.497010",
                 2920374),
    ("R", "F"): ("37719753.00", "56568041380.90", "53741292684.6040", "55889619119.831932", 1478870),
}
PUBLISHED_REVENUE = "123141078.2283"

PRICING_SUMMARY = {
    "key": "[l_returnflag, l_linestatus]",
    "aggregates": """quantity: sum(l_quantity, decimal=2)
                     base: sum(l_extendedprice, decimal=2)
                     discounted: sum(l_extendedprice * (1 - l_discount), decimal=4)
                     charge: sum(l_extendedprice * (1 - l_discount) * (1 + l_tax), decimal=6)
                     n: count""",
    "extra": "where: l_shipdate <= '1998-09-02'"}
FORECAST = {
    "key": "[]",
    "aggregates": "revenue: sum(l_extendedprice * l_discount, decimal=4)",
    "extra": "where: l_shipdate >= '1994-01-01' and l_shipdate < '1995-01-01' and "
             "l_discount between 0.05 and 0.07 and l_quantity < 24"}


class TpchTest(ProgramTest):
    def generate(self, scale):
        done = subprocess.run([sys.executable, "-c", GENERATE, str(self.directory), str(scale)],
                              env=os.environ | {"PYTHONPATH": EXTENSIONS}, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        summary, forecast = (eval(line, {"Decimal": Decimal}) for line in done.stdout.splitlines())
        return summary, forecast[0][0]

    def rows(self, query, kind):
        definition = self.define(f"{kind}.yaml", path=f"lineitem.{kind}", window=None, **query)
        if kind == "parquet":
            definition.write_text(definition.read_text().replace("jsonl: {", "parquet: {"))
        self.succeed("bootstrap", definition, "--fresh")
        return self.succeed("dump", definition).rows()

    def check(self, scale, published):
        summary, forecast = self.generate(scale)
        wanted = {(row[0], row[1]): (*(f"{value}" for value in row[2:6]), row[9])
                  for row in summary}
        if published:
            wanted, forecast = PUBLISHED, Decimal(PUBLISHED_REVENUE)
        for kind in ("jsonl", "parquet"):
            rows = {(row["key"]["l_returnflag"], row["key"]["l_linestatus"]):
                    (row["quantity"], row["base"], row["discounted"], row["charge"], row["n"])
                    for row in self.rows(PRICING_SUMMARY, kind)}
            self.assertEqual(rows, wanted, kind)
            self.assertEqual(Decimal(self.rows(FORECAST, kind)[0]["revenue"]), forecast, kind)

    def test_a_small_scale_factor_is_as_duckdb_has_it(self):
        self.check(0.01, published=False)

    @unittest.skipUnless(LONG, "MURMUR_LONG=1 runs it")
    def test_scale_factor_1_is_as_published(self):
        self.check(1, published=True)


if __name__ == "__main__":
    main()
