"""Asks a Murmur server for exact aggregates: see Client."""

from ._client import Client, MurmurError
from ._rows import Answer, Basis, Bound, Key, KeyValue, Row, Rows, Top, Value, cli_key

__all__ = ["Answer", "Basis", "Bound", "Client", "Key", "KeyValue", "MurmurError", "Row", "Rows",
           "Top", "Value", "cli_key"]
