"""One run of a rival database over the benchmark's question, in a process of its own.

    rival.py duckdb|chdb FILE THREADS

Prints one JSON object: seconds and CPU seconds of the query alone (measured in this process, after
a warm-up query), and the answer's totals over all (page, day) groups.
"""

import json
import resource
import sys
import time

COLUMNS = {"ts": "VARCHAR", "user": "VARCHAR", "page": "VARCHAR", "amount": "DOUBLE"}


def connect_duckdb(threads):
    import duckdb
    connection = duckdb.connect()
    connection.execute(f"SET threads={threads}")
    connection.execute("SELECT 1").fetchall()
    return connection


def duckdb_sql(path, parquet):
    if parquet:
        source, day = f"read_parquet('{path}')", "CAST(ts AS DATE)"
    else:
        source = f"read_json('{path}', format='newline_delimited', columns={COLUMNS})"
        day = "substr(ts, 1, 10)"
    return (f"SELECT count(*), sum(n), sum(s), sum(d) FROM (SELECT page, {day} AS day, count(*) n,"
            f' sum(amount) s, approx_count_distinct("user") d FROM {source} GROUP BY 1, 2)')


def duckdb_query(path, threads):
    connection = connect_duckdb(threads)
    query = duckdb_sql(path, path.endswith(".parquet"))
    return lambda: connection.execute(query).fetchone()


def chdb_question(function, arguments, parquet, threads):
    """`arguments` are the table function's before the format."""
    import chdb
    chdb.query("SELECT 1")
    if parquet:
        form, day = "'Parquet'", "toDate(ts)"
    else:
        columns = "ts String, user String, page String, amount Float64"
        form, day = f"'JSONEachRow', '{columns}'", "substring(ts, 1, 10)"
    query = (f"SELECT count(), sum(n), sum(s), sum(d) FROM (SELECT page, {day} AS day, count() n,"
             f" sum(amount) s, uniqHLL12(user) d FROM {function}({arguments}, {form})"
             f" GROUP BY page, day)"
             f" SETTINGS max_threads={threads}, max_parsing_threads={threads}")
    return lambda: [float(cell) for cell in str(chdb.query(query)).strip().split(",")]


def chdb_query(path, threads):
    return chdb_question("file", f"'{path}'", path.endswith(".parquet"), threads)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def print_answer(query, **more):
    cpu, start = cpu_seconds(), time.perf_counter()
    groups, events, amount, users = query()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "cpu": cpu_seconds() - cpu, "groups": int(groups),
                      "events": int(events), "amount": float(amount), "users": float(users),
                      **more}))


def main():
    name, path, threads = sys.argv[1:]
    print_answer({"duckdb": duckdb_query, "chdb": chdb_query}[name](path, int(threads)))


if __name__ == "__main__":
    main()
