"""The Python client, installed into a fresh virtual environment as its users do."""

import functools
import json
import pathlib
import subprocess
import tempfile
import unittest
import venv

from program import main
from serve_case import ServeCase

CLIENT = pathlib.Path(__file__).parents[3] / "clients" / "python"
EVENTS = [{"page": page, "n": n, "user": user, "amount": amount, "ts": f"2026-03-0{day}T10:00:00Z"}
          for page, n, user, amount, day in (
              ("/a", 1, "x", "1.25", 1), ("/a", 2, "y", "2.50", 2), ("/b", 2**40, "x", "-0.10", 2),
              ("a,\"é\"", 3, "z", "99999999999999999999.01", 3))]

# Run inside the environment; prints what it was told.
SCRIPT = r"""
import datetime, decimal, json, sys
from murmur_client import Client, MurmurError, cli_key
told = {}
with Client(sys.argv[1]) as murmur:
    row = murmur.get("pipeline", "/a")
    told["get"] = [row["n"], str(row["money"]), type(row["money"]).__name__, row["none"], row.key]
    told["bound"] = [row.bounds["users"].kind, row.bounds["users"].amount]
    told["wide"] = str(murmur.get("pipeline", 'a,"é"')["money"])
    told["missing"] = murmur.get("pipeline", "/nosuch")
    told["last"] = murmur.get("pipeline", "/a", last="1d", as_of="2026-03-01")["n"]
    told["many"] = [row and row["n"] for row in murmur.get_many("pipeline", ["/a", "no", "/b"])]
    told["two parts"] = murmur.get("pipeline", (2**40, "/b"))["n"]
    told["cli"] = murmur.get("pipeline", cli_key("2,/a"), aggregates=["n"])["n"]
    days = murmur.windows("pipeline", "/a")
    told["windows"] = [row.start.isoformat() for row in days]
    told["pandas"] = days.to_pandas()["n"].tolist()
    told["arrow"] = days.to_arrow().column("money").to_pylist() == [
        decimal.Decimal("1.25"), decimal.Decimal("2.50")]
    told["trailing"] = [row["n"] for row in murmur.trailing("pipeline", "/a", "2d")]
    told["keys"] = [key["page"] for key in murmur.keys("pipeline", rollup=["page"], page=1)]
    top = murmur.top("pipeline", "n", rollup=["page"], limit=1)
    told["top"] = [top[0].key, top[0]["n"], top.keys_compared, top.complete]
    told["batch"] = [answer.code or answer.rows[0]["n"] for answer in murmur.batch([
        {"pipeline": "pipeline", "key": "/b"}, {"pipeline": "nosuch", "key": "/b"}])]
    told["bulk"] = murmur.bulk("pipeline").num_rows
    told["list"] = [one["name"] for one in murmur.list()]
    told["status"] = murmur.status("pipeline")["records"]
    try:
        murmur.get("nosuch", "/a")
    except MurmurError as error:
        told["error"] = error.code
    try:
        murmur.get("pipeline", "/a", windw="7d")
    except TypeError as error:
        told["option"] = "last" in str(error)
print(json.dumps(told))
"""


@functools.cache
def python_with_client():
    folder = unittest.enterModuleContext(tempfile.TemporaryDirectory())
    venv.create(folder, with_pip=True)
    python = pathlib.Path(folder) / "bin" / "python"
    # A copy: building leaves files in the source.
    source = pathlib.Path(folder) / "client"
    subprocess.run(["cp", "-r", CLIENT, source], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                    f"{source}[arrow,pandas]"], check=True, stdin=subprocess.DEVNULL)
    return python


class PythonClientTest(ServeCase):
    def test_every_method(self):
        self.write_events("events.jsonl", EVENTS)
        file = self.define(
            key="[[page], [n, page]]",
            aggregates="n: count\nmoney: sum(amount, decimal=2)\nusers: distinct(user)\n"
                       "none: max(nosuch)",
            extra="columns: {amount: 'decimal(30,2)'}")
        self.succeed("bootstrap", file, "--quiet")
        doors, _ = self.serve(file)
        done = subprocess.run([python_with_client(), "-c", SCRIPT, f"http://{doors.http}"],
                              capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertAlmostEqual(told.pop("bound")[1], 0.016, delta=0.001)
        self.assertEqual(told, {
            "get": [2, "3.75", "Decimal", None, {"page": "/a"}],
            "wide": "99999999999999999999.01", "missing": None, "last": 1,
            "many": [2, None, 1], "two parts": 1, "cli": 1,
            "windows": ["2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"],
            "pandas": [1, 1], "arrow": True, "trailing": [1, 2, 1],
            "keys": ["/a", "/b", 'a,"é"'], "top": [{"page": "/a"}, 2, 3, True],
            "batch": [1, "not_found"], "bulk": 8, "list": ["pipeline"], "status": 4,
            "error": "not_found", "option": True})


if __name__ == "__main__":
    main()
