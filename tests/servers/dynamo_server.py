"""DynamoDB Local, with streams, for tests: on a free loopback port.

    with DynamoServer() as dynamo:
        dynamo.create_table("orders", key={"id": "N"})
        dynamo.client().put_item(TableName="orders", Item={"id": {"N": "1"}})
        subprocess.run([program, …, dynamo.address])

It starts in one to three seconds, keeps everything in memory, and is killed when the block ends, or
with the thread that started it. It takes any key and signature. What differs from the service:
records tell the minute in which they were made, an open shard lasts for four hours unless it is told
to end (`roll_shards`), and changes that are gone have other names.
"""

import os
import subprocess
import sys

import boto3
import botocore.config
import botocore.exceptions

from java_server import CACHE, JavaServer
from suspend import suspend

HOME = CACHE / "dynamodb-2.6.1"
LIBS = os.environ.get("MURMUR_DYNAMO_LIBS") or HOME / "libs"
CLASSES = HOME / "classes"
REGION = "us-east-1"
KEYS = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "secret"}
TEST_CONTROL = "[TEST_CONTROL]"
THREADS_MAX = 32


class DynamoError(Exception):
    pass


def compile_launcher():
    """Once, when `dev` installs it."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "DynamoLocal.java")
    compiler = next(HOME.glob("libs/ecj-*.jar"))
    subprocess.run(["java", "-jar", str(compiler), "-17", "-nowarn", "-d", str(CLASSES), source],
                   check=True)


def client(service, endpoint, attempts=10, **options):
    """A client of boto3. Threads: any."""
    settings = {"connect_timeout": 5, "read_timeout": 60, "parameter_validation": False,
                "max_pool_connections": THREADS_MAX,
                "retries": {"mode": "standard", "total_max_attempts": attempts}}
    return boto3.client(service, **({"endpoint_url": endpoint, "region_name": REGION,
                                     "config": botocore.config.Config(**settings)}
                                    | KEYS | options))


class DynamoServer(JavaServer):
    """Used by one thread, but for its clients."""

    what, error, prefix = "DynamoDB Local", DynamoError, "murmur-dynamo-"

    def __init__(self, heap="512m", libs=LIBS):
        super().__init__(heap, libs)
        self.address = self.endpoint = None

    def configure(self):
        self.make_directory()
        self.address = self.reserve_address()
        self.endpoint = f"http://{self.address}"
        self.java_options = [f"-Djava.library.path={self.libs}"]

    def java(self, *program):
        command = super().java(*program)
        command[command.index("-cp") + 1] += f":{CLASSES}"
        return command

    def program(self):
        return ["DynamoLocal", "-inMemory", "-sharedDb", "-disableTelemetry",
                "-port", self.address.split(":")[1]]

    def is_ready(self):
        try:
            client("dynamodb", self.endpoint, config=botocore.config.Config(
                connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 1})).list_tables()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return False
        return True

    def pause(self):
        """It takes connections and requests, and answers none before it is killed."""
        suspend(self.process)

    # --- use ---

    def client(self, **options):
        """options: of `client`."""
        return client("dynamodb", self.endpoint, **options)

    def streams(self):
        return client("dynamodbstreams", self.endpoint)

    def create_table(self, name, key, view="NEW_IMAGE"):
        """key: its attributes and their types, the partition key first. view: None: no stream."""
        stream = {"StreamEnabled": True, "StreamViewType": view} if view else {
            "StreamEnabled": False}
        self.client().create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", StreamSpecification=stream,
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": of}
                                  for part, of in key.items()],
            KeySchema=[{"AttributeName": part, "KeyType": role}
                       for part, role in zip(key, ("HASH", "RANGE"))])

    def roll_shards(self):
        """Every open shard, of every table, ends, and has a successor."""
        self.control(ACTION="ROLLOVER")

    def age_streams(self, hours):
        """Everything that streams have becomes so much older."""
        self.control(ACTION="DILATE_TIME", HOURS=str(hours))

    def control(self, **item):
        self.client().put_item(TableName=TEST_CONTROL,
                               Item={name: {"S": value} for name, value in item.items()})


if __name__ == "__main__":
    compile_launcher()
    with DynamoServer():
        print("DynamoDB Local starts", file=sys.stderr)
