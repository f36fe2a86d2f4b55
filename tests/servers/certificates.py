"""Certificates for the servers of tests."""

import pathlib
import subprocess


def certify(directory):
    """Makes in `directory` a certificate authority, ca.pem, and of it a certificate with its key
    for 127.0.0.1, both in server.both.pem. Gives the paths of the two."""
    directory = pathlib.Path(directory)

    def openssl(name, *options):
        subprocess.run(
            ["openssl", "req", "-x509", "-days", "2", "-noenc", "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", f"/CN=murmur test {name}",
             "-keyout", f"{name}.key", "-out", f"{name}.pem", *options],
            cwd=directory, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    openssl("ca")
    openssl("server", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "subjectAltName=IP:127.0.0.1")
    both = directory / "server.both.pem"
    both.write_text("".join((directory / f"server.{ending}").read_text()
                            for ending in ("key", "pem")))
    return directory / "ca.pem", both
