"""The kinds of work of the matrix: a definition, and the same question in SQL.

{T} is the table. DuckDB's SQL is also what answers are checked against; `chdb` holds what has
another name there. Of an approximate aggregate `within` gives the relative error that its
documentation states, several standard errors wide, and `exact` the SQL of the exact value.
"""

import dataclasses


@dataclasses.dataclass
class Case:
    name: str
    key: str                 # YAML
    aggregates: dict
    select: str              # key columns, then a column for each aggregate
    keys: int                # how many key columns
    table: str = "lineitem"
    where: str = ""
    sql_where: str = ""
    group: str = "group by all"
    more: str = ""           # other lines of the definition
    large: bool = False      # long enough at scale 1
    exact_query: str = ""    # of the exact answer, where `select` has none; {T} is the table
    within: dict = dataclasses.field(default_factory=dict)  # aggregate: relative error
    exact: dict = dataclasses.field(default_factory=dict)   # part of `select`: of the exact value
    chdb: dict = dataclasses.field(default_factory=dict)    # part of `select`, `where`: chDB's name

    def definition(self, source, state, threads):
        lines = [f"name: matrix\nkey: {self.key}\nthreads: {threads}", source,
                 f"state: {{rocksdb: {{path: {state}}}}}", "aggregates:"]
        lines += [f"  {name}: {call}" for name, call in self.aggregates.items()]
        if self.where:
            lines.append(f"where: {self.where}")
        return "\n".join([*lines, self.more]) + "\n"

    def sql(self, table, exact=False, chdb=False):
        if exact and self.exact_query:
            return self.exact_query.format(T=table)
        text = f"select {self.select} from {table}"
        if self.sql_where:
            text += f" where {self.sql_where}"
        for part, other in {**(self.exact if exact else {}), **(self.chdb if chdb else {})}.items():
            assert part in text, (self.name, part)
            text = text.replace(part, other)
        return f"{text} {self.group if self.keys else ''}"


FEW = "l_returnflag, l_linestatus"
PRICE = "l_extendedprice * (1 - l_discount)"
HLL = {"approx_count_distinct(": "uniqHLL12("}
DISTINCT = {"approx_count_distinct(": "count(distinct "}
QUANTILES = {f"approx_quantile(l_extendedprice, {q})": f"quantileTDigest({q})(toFloat64(l_extendedprice))"
             for q in (0.5, 0.99)}
EXACT_QUANTILES = {f"approx_quantile(l_extendedprice, {q})":
                   f"quantile_disc(l_extendedprice, {q})" for q in (0.5, 0.99)}

CASES = [
    Case("few text keys", f"[{FEW}]", {"n": "count"}, f"{FEW}, count(*)", 2),
    Case("supplier keys, 10,000 a scale", "[l_suppkey]", {"n": "count", "q": "sum(l_quantity, decimal=2)"},
         "l_suppkey, count(*), sum(l_quantity)", 1),
    Case("order keys, 1.5 million", "[l_orderkey]",
         {"n": "count", "q": "sum(l_quantity, decimal=2)"},
         "l_orderkey, count(*), sum(l_quantity)", 1, large=True),
    Case("TPC-H Q1", f"[{FEW}]",
         {"q": "sum(l_quantity, decimal=2)", "b": "sum(l_extendedprice, decimal=2)",
          "d": f"sum({PRICE}, decimal=4)", "c": f"sum({PRICE} * (1 + l_tax), decimal=6)",
          "n": "count"},
         f"{FEW}, sum(l_quantity), sum(l_extendedprice), sum({PRICE}), sum({PRICE} * (1 + l_tax)),"
         " count(*)", 2, where="l_shipdate <= '1998-09-02'",
         sql_where="l_shipdate <= DATE '1998-09-02'"),
    Case("TPC-H Q6", "[]", {"r": "sum(l_extendedprice * l_discount, decimal=4)", "n": "count"},
         "sum(l_extendedprice * l_discount), count(*)", 0,
         where="l_shipdate >= '1994-01-01' and l_shipdate < '1995-01-01' and"
               " l_discount between 0.05 and 0.07 and l_quantity < 24",
         sql_where="l_shipdate >= DATE '1994-01-01' and l_shipdate < DATE '1995-01-01' and"
                   " l_discount between 0.05 and 0.07 and l_quantity < 24"),
    Case("two keys of date parts", "[{y: 'year(l_shipdate)'}, {m: 'month(l_shipdate)'}]",
         {"n": "count", "q": "sum(l_quantity, decimal=2)"},
         "year(l_shipdate) y, month(l_shipdate) m, count(*), sum(l_quantity)", 2,
         chdb={"year(": "toYear(", "month(": "toMonth("}),
    Case("text functions", "[{mode: lower(l_shipmode)}]",
         {"n": "count", "q": "sum(l_quantity, decimal=2)"},
         "lower(l_shipmode) m, count(*), sum(l_quantity)", 1,
         where="contains(l_shipinstruct, 'RETURN') or starts_with(l_shipmode, 'AIR')",
         sql_where="contains(l_shipinstruct, 'RETURN') or starts_with(l_shipmode, 'AIR')",
         chdb={"contains(l_shipinstruct, 'RETURN')": "position(l_shipinstruct, 'RETURN') > 0",
               "starts_with(": "startsWith("}),
    Case("lists, like, a regular expression", "[l_shipmode]", {"n": "count"},
         "l_shipmode, count(*)", 1,
         where="l_shipmode in ('AIR', 'RAIL', 'FOB') and l_linenumber in (1, 3, 5) and"
               " (l_shipinstruct like 'DELIVER%' or matches(l_shipinstruct, '^TAKE +BACK'))",
         sql_where="l_shipmode in ('AIR', 'RAIL', 'FOB') and l_linenumber in (1, 3, 5) and"
                   " (l_shipinstruct like 'DELIVER%' or"
                   " regexp_matches(l_shipinstruct, '^TAKE +BACK'))",
         chdb={"regexp_matches(": "match("}),
    Case("distinct integers", f"[{FEW}]", {"d": "distinct(l_partkey)"},
         f"{FEW}, approx_count_distinct(l_partkey)", 2, within={"d": 0.08}, exact=DISTINCT,
         chdb=HLL),
    Case("distinct texts", "[o_orderpriority]", {"d": "distinct(o_clerk)"},
         "o_orderpriority, approx_count_distinct(o_clerk)", 1, table="orders",
         within={"d": 0.08}, exact=DISTINCT, chdb=HLL),
    Case("supplier keys: distinct, min, max", "[l_suppkey]",
         {"n": "count", "parts": "distinct(l_partkey)", "lo": "min(l_extendedprice)",
          "hi": "max(l_extendedprice)"},
         "l_suppkey, count(*), approx_count_distinct(l_partkey), min(l_extendedprice),"
         " max(l_extendedprice)", 1, within={"parts": 0.1}, exact=DISTINCT, chdb=HLL),
    Case("min, max of every type", "[l_shipmode]",
         {"a": "min(l_orderkey)", "b": "max(l_tax)", "c": "min(l_shipdate)",
          "d": "max(l_shipinstruct)"},
         "l_shipmode, min(l_orderkey), max(l_tax), min(l_shipdate), max(l_shipinstruct)", 1),
    Case("quantiles of few keys", f"[{FEW}]", {"p": "quantiles(l_extendedprice, [0.5, 0.99])"},
         f"{FEW}, [approx_quantile(l_extendedprice, 0.5), approx_quantile(l_extendedprice, 0.99)]",
         2, within={"p": 0.02}, exact=EXACT_QUANTILES, chdb=QUANTILES),
    Case("quantiles of part keys, 200,000", "[l_partkey]",
         {"n": "count", "p": "quantiles(l_extendedprice, [0.5, 0.99])"},
         "l_partkey, count(*), [approx_quantile(l_extendedprice, 0.5),"
         " approx_quantile(l_extendedprice, 0.99)]", 1,
         # A key has thirty rows: the next rank may be far away, and which one is meant differs.
         within={"p": 0.5}, exact=EXACT_QUANTILES, chdb=QUANTILES, large=True),
    Case("sums of doubles and decimals", "[l_linenumber]",
         {"s": "sum(l_quantity)", "d": "sum(l_extendedprice, decimal=2)"},
         "l_linenumber, sum(l_quantity::double), sum(l_extendedprice)", 1, within={"s": 1e-9},
         chdb={"l_quantity::double": "toFloat64(l_quantity)"}),
    Case("a window of seven days", "[l_shipmode]", {"n": "count"},
         "l_shipmode, time_bucket(INTERVAL 7 days, l_shipdate, DATE '1970-01-01') w, count(*)", 2,
         more="time: l_shipdate\nwindow: {every: 7d}",
         chdb={"time_bucket(INTERVAL 7 days, l_shipdate, DATE '1970-01-01')":
               "intDiv(toRelativeDayNum(l_shipdate), 7) * 7"}),
    Case("first and last", "[l_shipmode]",
         {"a": "first(l_shipdate)", "b": "last(l_shipdate)"},
         "l_shipmode, arg_min(l_shipdate, l_shipdate), arg_max(l_shipdate, l_shipdate)", 1,
         more="time: l_shipdate", chdb={"arg_min(": "argMin(", "arg_max(": "argMax("}),
    Case("topk and count_by", f"[{FEW}]",
         {"top": "topk(l_shipmode, k=10)", "by": "count_by(l_shipinstruct)"},
         f"{FEW}, approx_top_k(l_shipmode, 10), histogram(l_shipinstruct)", 2,
         exact_query=f"""
             with modes as (select {FEW}, l_shipmode m, count(*) n from {{T}} group by all),
             texts as (select {FEW}, l_shipinstruct m, count(*) n from {{T}} group by all)
             select {FEW}, (select list([m, n::varchar, '0'] order by n desc, m) from modes
                            where modes.l_returnflag = k.l_returnflag
                            and modes.l_linestatus = k.l_linestatus),
                    (select list([m, n::varchar] order by m) from texts
                     where texts.l_returnflag = k.l_returnflag
                     and texts.l_linestatus = k.l_linestatus)
             from (select distinct {FEW} from {{T}}) k""",
         chdb={"approx_top_k(l_shipmode, 10)": "topK(10)(l_shipmode)",
               "histogram(l_shipinstruct)": "sumMap(map(assumeNotNull(l_shipinstruct), 1))"}),
    Case("nulls", "[r_priority]",
         {"n": "count", "s": "sum(r_total, decimal=2)", "m": "min(r_total)",
          "d": "distinct(r_clerk)"},
         "r_priority, count(*), sum(r_total), min(r_total), approx_count_distinct(r_clerk)", 1,
         table="receipts", where="r_total is null or r_total > 1000",
         sql_where="r_total is null or r_total > 1000", within={"d": 0.08}, exact=DISTINCT,
         chdb=HLL),
    Case("nested fields", "[customer.segment.priority]",
         {"n": "count", "m": "max(customer.id)"},
         "customer.segment.priority, count(*), max(customer.id)", 1, table="receipts",
         where="customer.segment.status != 'P'", sql_where="customer.segment.status != 'P'"),
    Case("two fields of forty-two", "[w_priority]", {"s": "sum(w_20)"},
         "w_priority, sum(w_20)", 1, table="wide"),
]
