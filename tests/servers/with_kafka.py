"""with_kafka.py PROGRAM [ARGUMENT…]: runs a program while a real Kafka broker is up;
MURMUR_KAFKA_BROKERS tells it where. Exits as the program does."""

import os
import subprocess
import sys

from kafka_server import KafkaServer

with KafkaServer() as kafka:
    environment = os.environ | {"MURMUR_KAFKA_BROKERS": kafka.address}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
