"""with_mongo.py PROGRAM [ARGUMENT…]: runs a program while a real MongoDB server is up;
MURMUR_TEST_MONGO is its URI. Exits as the program does."""

import os
import subprocess
import sys

from mongo_server import MongoServer

with MongoServer() as mongo:
    environment = os.environ | {"MURMUR_TEST_MONGO": mongo.uri}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
