"""with_dynamo.py PROGRAM [ARGUMENT…]: runs a program of GoogleTest while DynamoDB Local is up;
MURMUR_TEST_DYNAMO is its endpoint, MURMUR_TEST_DYNAMO_PID its process. Fails if the program does.

The server gets slower with every record that its streams hold: every few tests have a new one.
"""

import os
import subprocess
import sys

from dynamo_server import DynamoServer

SERVERS = 12

failed = 0
for number in range(SERVERS):
    with DynamoServer() as dynamo:
        environment = os.environ | {
            "MURMUR_TEST_DYNAMO": dynamo.endpoint,
            "MURMUR_TEST_DYNAMO_PID": str(dynamo.process.pid),
            "GTEST_TOTAL_SHARDS": str(SERVERS), "GTEST_SHARD_INDEX": str(number)}
        failed += subprocess.run(sys.argv[1:], env=environment).returncode != 0
sys.exit(failed != 0)
