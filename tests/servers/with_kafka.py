"""with_kafka.py PROGRAM [ARGUMENT…]: runs a program while a real Kafka broker is up;
MURMUR_KAFKA_BROKERS tells it where, MURMUR_KAFKA_PID is its process. Exits as the program does."""

import os
import subprocess
import sys

from kafka_server import KafkaServer

with KafkaServer() as kafka:
    environment = os.environ | {"MURMUR_KAFKA_BROKERS": kafka.address,
                                "MURMUR_KAFKA_PID": str(kafka.process.pid)}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
