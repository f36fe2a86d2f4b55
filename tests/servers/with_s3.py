"""with_s3.py PROGRAM [ARGUMENT…]: runs a program while a real S3 server is up; MURMUR_S3_ENDPOINT and
the usual AWS variables tell it how to reach it. Exits as the program does."""

import os
import subprocess
import sys

from s3_server import S3Server

with S3Server() as server:
    environment = server.environment()
    environment["MURMUR_S3_ENDPOINT"] = server.endpoint
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
