"""with_mariadb.py PROGRAM [ARGUMENT…]: runs a program while a real MariaDB server is up;
MURMUR_TEST_MARIADB is its URI, MURMUR_TEST_MARIADB_PID its process. Exits as the program does."""

import os
import subprocess
import sys

from database_servers import MariaDbServer

with MariaDbServer() as mariadb:
    with mariadb.connect() as connection:
        connection.cursor().execute("create database test")
    environment = os.environ | {
        "MURMUR_TEST_MARIADB": f"mysql://root@127.0.0.1:{mariadb.port}/test",
        "MURMUR_TEST_MARIADB_PID": str(mariadb.process.pid)}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
