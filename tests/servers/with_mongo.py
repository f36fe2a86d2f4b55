"""with_mongo.py PROGRAM [ARGUMENT…]: runs a program while a real MongoDB server is up;
MURMUR_TEST_MONGO is its URI, MURMUR_TEST_MONGO_PID its process. Exits as the program does."""

import os
import subprocess
import sys

from mongo_server import MongoServer

with MongoServer() as mongo:
    environment = os.environ | {"MURMUR_TEST_MONGO": mongo.uri,
                                "MURMUR_TEST_MONGO_PID": str(mongo.process.pid)}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
