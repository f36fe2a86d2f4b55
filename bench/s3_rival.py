"""One run of a rival over the objects below a prefix on an S3 store; prints what rival.py does.

    s3_rival.py httpfs|fetched|chdb BUCKET/PREFIX jsonl|parquet THREADS

MURMUR_S3_ENDPOINT and the usual AWS variables tell of the store. What is timed begins with the
listing.

httpfs: DuckDB reads the objects itself. fetched: pyarrow copies the objects into memory, THREADS at
a time, where DuckDB reads them. chdb: chDB reads the objects itself.
"""

import concurrent.futures
import os
import pathlib
import sys
import tempfile
import urllib.parse

from rival import chdb_question, connect_duckdb, duckdb_sql, print_answer

ENDPOINT = os.environ["MURMUR_S3_ENDPOINT"]
ACCESS_KEY, SECRET_KEY = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ["AWS_REGION"]
MEMORY = "/dev/shm"


def httpfs_query(prefix, parquet, threads):
    import duckdb_extension_httpfs
    connection = connect_duckdb(threads)
    folder = pathlib.Path(duckdb_extension_httpfs.__file__).parent
    # DuckDB loads it only if its makers signed it.
    connection.execute(f"LOAD '{next(folder.rglob('httpfs.duckdb_extension'))}'")
    host = urllib.parse.urlsplit(ENDPOINT).netloc
    connection.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{ACCESS_KEY}', SECRET '{SECRET_KEY}',"
                       f" REGION '{REGION}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)")
    query = duckdb_sql(f"s3://{prefix}/*", parquet)
    return lambda: connection.execute(query).fetchone()


def fetched_query(prefix, parquet, threads):
    import pyarrow.fs
    connection = connect_duckdb(threads)
    store = pyarrow.fs.S3FileSystem(endpoint_override=ENDPOINT)

    def fetch(info, folder):
        with store.open_input_file(info.path) as source:
            pathlib.Path(folder, info.base_name).write_bytes(source.read_buffer())

    def run():
        with (tempfile.TemporaryDirectory(dir=MEMORY) as folder,
              concurrent.futures.ThreadPoolExecutor(threads) as pool):
            objects = store.get_file_info(pyarrow.fs.FileSelector(prefix))
            for _ in pool.map(lambda info: fetch(info, folder), objects):
                pass
            return connection.execute(duckdb_sql(f"{folder}/*", parquet)).fetchone()

    return run


def chdb_query(prefix, parquet, threads):
    store = f"'{ENDPOINT}/{prefix}/*', '{ACCESS_KEY}', '{SECRET_KEY}'"
    return chdb_question("s3", store, parquet, threads)


def main():
    name, prefix, form, threads = sys.argv[1:]
    open_query = {"httpfs": httpfs_query, "fetched": fetched_query, "chdb": chdb_query}[name]
    query = open_query(prefix, form == "parquet", int(threads))
    if name == "chdb":
        from chdb import engine_version as version
    else:
        from duckdb import __version__ as version
    print_answer(query, version=version)


if __name__ == "__main__":
    main()
