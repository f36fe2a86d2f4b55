"""with_postgres.py [--newest] PROGRAM [ARGUMENT…]: runs a program while a real PostgreSQL server is
up, Debian's or the newest; MURMUR_TEST_POSTGRES is its URI, MURMUR_TEST_POSTGRES_PID its process.
Exits as the program does."""

import os
import subprocess
import sys

from database_servers import PostgresServer

newest = sys.argv[1] == "--newest"
with PostgresServer(newest=newest, max_replication_slots=1000, max_wal_senders=100) as postgres:
    environment = os.environ | {
        "MURMUR_TEST_POSTGRES": postgres.uri,
        "MURMUR_TEST_POSTGRES_PID": str(postgres.process.pid)}
    sys.exit(subprocess.run(sys.argv[1 + newest:], env=environment).returncode)
