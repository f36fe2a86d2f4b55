"""The client: Murmur's methods over HTTP, by the Connect protocol."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from ._rows import (Answer, Basis, Key, KeyValue, Row, Rows, Top, bound_from_json, key_to_json,
                    part_from_json, part_to_json, time_from, value_from_json)


class MurmurError(Exception):
    """What the server says is wrong."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Client:
    """Asks one server. Threads may share it: each has a connection of its own.

    `timeout` is in seconds, of each call; the server ends its reading then, too.
    A range of windows is `last="7d"` (until `as_of`, or the newest event time), or from `start` to
    `end`; none means all windows that are kept. Times are text: "2026-03-01", or RFC 3339.
    """

    def __init__(self, url: str, *, timeout: float = 10.0):
        parsed = urllib.parse.urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError(f"{url!r}: expected http://HOST:PORT")
        self._scheme = parsed.scheme
        self._host = parsed.hostname
        self._port = parsed.port
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: List[http.client.HTTPConnection] = []  # under _lock
        self._rollups: Dict[str, Any] = {}  # by pipeline; under _lock: version, and names of parts

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    # --- questions ---

    def get(self, pipeline: str, key: Key, **options: Any) -> Optional[Row]:
        """The key's row, its windows combined; None: nothing is counted under it. Options: a range
        of windows; rollup, aggregates: names."""
        answer = self._call("Get", self._question(pipeline, key, options))
        rows = self._rows(answer, [answer["row"]] if "row" in answer else [], options)
        return rows[0] if rows else None

    def get_many(self, pipeline: str, keys: Iterable[Key], **options: Any) -> List[Optional[Row]]:
        """A row for each key, in their order; all are of one commit. Options as of get."""
        body = self._question(pipeline, None, options)
        body["keys"] = [key_to_json(key) for key in keys]
        answer = self._call("GetMany", body)
        found = []
        for one in answer.get("found", []):
            rows = self._rows(answer, one.get("rows", []), options)
            found.append(rows[0] if rows else None)
        return found

    def batch(self, questions: Sequence[Dict[str, Any]]) -> List[Answer]:
        """Each question: a dict with `pipeline`, `key` and the options of get. Those to one pipeline
        are answered from one commit."""
        asked = [dict(question) for question in questions]
        bodies = [self._question(one.pop("pipeline"), one.pop("key"), one) for one in asked]
        answers = self._call("Batch", {"questions": bodies}).get("answers", [])
        found = []
        for options, answer in zip(asked, answers):
            error = answer.get("error")
            if error:
                found.append(Answer(None, error.get("code", ""), error.get("message", "")))
            else:
                found.append(Answer(self._rows(answer, answer.get("rows", []), options)))
        return found

    def windows(self, pipeline: str, key: Key, **options: Any) -> Rows:
        """A row for each window of the range. Options as of get."""
        answer = self._call("Windows", self._question(pipeline, key, options))
        return self._rows(answer, answer.get("rows", []), options)

    def trailing(self, pipeline: str, key: Key, length: str, **options: Any) -> Rows:
        """For each window of the range, the windows of `length` that end with it, combined."""
        body = self._question(pipeline, key, options)
        answer = self._call("Trailing", {**body, "length": length})
        return self._rows(answer, answer.get("rows", []), options)

    def top(self, pipeline: str, aggregate: str, *, limit: int = 10,
            prefix: Sequence[KeyValue] = (), **options: Any) -> Top:
        """The keys with the greatest values of an aggregate. Options as of get."""
        body = self._question(pipeline, None, options)
        answer = self._call("Top", {**body, "aggregate": aggregate, "limit": limit,
                                    "prefix": [part_to_json(part) for part in prefix]})
        rows = self._rows(answer, answer.get("rows", []), options)
        return Top(rows.basis, rows.rows, int(answer.get("keysCompared", 0)),
                   bool(answer.get("complete", False)))

    def keys(self, pipeline: str, *, rollup: Sequence[str] = (), prefix: Sequence[KeyValue] = (),
             page: int = 1000) -> Iterator[Dict[str, KeyValue]]:
        """All keys of a rollup, ascending, asked for page by page."""
        body = {"pipeline": pipeline, "rollup": list(rollup), "limit": page,
                "prefix": [part_to_json(part) for part in prefix]}
        while True:
            answer = self._call("Keys", body)
            names = answer.get("parts", [])
            for row in answer.get("rows", []):
                yield dict(zip(names, map(part_from_json, row.get("key", []))))
            if "nextCursor" not in answer:
                return
            body["cursor"] = answer["nextCursor"]

    def bulk(self, pipeline: str) -> Any:
        """Every key and window, as a pyarrow.Table; needs pyarrow."""
        import pyarrow.ipc

        response = self._send("GET", f"/v1/{urllib.parse.quote(pipeline, safe='')}/bulk?format=arrow",
                              None, {})
        data = response.read()
        if response.status != 200:
            raise _error_of(response.status, data)
        return pyarrow.ipc.open_stream(data).read_all()

    def list(self) -> List[Dict[str, Any]]:
        """The pipelines: name, version, commit, exactness; or `unavailable`, and why."""
        return list(self._call("List", {}).get("pipelines", []))

    def describe(self, pipeline: str) -> Dict[str, Any]:
        """The pipeline's keys and aggregates."""
        return self._call("Describe", {"pipeline": pipeline})

    def status(self, pipeline: str) -> Dict[str, Any]:
        """As `murmur status --format json` prints it."""
        status: Dict[str, Any] = json.loads(self._call("Status", {"pipeline": pipeline})["json"])
        return status

    # --- their parts ---

    @staticmethod
    def _question(pipeline: str, key: Optional[Key], options: Dict[str, Any]) -> Dict[str, Any]:
        known = {"last", "as_of", "start", "end", "rollup", "aggregates"}
        wrong = set(options) - known
        if wrong:
            raise TypeError(f"no option {sorted(wrong)[0]!r}; there are: {', '.join(sorted(known))}")
        names = {"last": "last", "as_of": "asOf", "start": "from", "end": "to"}
        body: Dict[str, Any] = {
            "pipeline": pipeline,
            "range": {names[name]: str(options[name]) for name in names if options.get(name)},
            "rollup": list(options.get("rollup") or ()),
            "aggregates": list(options.get("aggregates") or ())}
        if key is not None:
            body["key"] = key_to_json(key)
        return body

    def _rows(self, answer: Dict[str, Any], rows: List[Any], options: Dict[str, Any]) -> Rows:
        told = answer.get("basis", {})
        basis = Basis(told.get("pipeline", ""), int(told.get("version", 0)),
                      int(told.get("commit", 0)), told.get("exactness", ""))
        aggregates = told.get("aggregates", [])
        return Rows(basis, tuple(self._row(basis, row, aggregates, options) for row in rows))

    def _row(self, basis: Basis, row: Dict[str, Any], aggregates: List[str],
             options: Dict[str, Any]) -> Row:
        key = [part_from_json(part) for part in row.get("key", [])]
        names = list(options.get("rollup") or ()) or self._names_of(basis, len(key))
        values = dict(zip(aggregates, row.get("values", [])))
        bounds = {name: bound_from_json(value) for name, value in values.items()}
        window = row.get("window", {})
        return Row(dict(zip(names, key)),
                   time_from(window["start"]) if window else None,
                   time_from(window["end"]) if window else None,
                   {name: value_from_json(value) for name, value in values.items()},
                   {name: bound for name, bound in bounds.items() if bound is not None})

    def _names_of(self, basis: Basis, parts: int) -> List[str]:
        """Of the rollup that a key with so many parts means: the first."""
        with self._lock:
            version, rollups = self._rollups.get(basis.pipeline, (0, []))
        if version != basis.version:
            described = self.describe(basis.pipeline)
            rollups = [rollup.get("parts", []) for rollup in described.get("rollups", [])]
            with self._lock:
                self._rollups[basis.pipeline] = (basis.version, rollups)
        for names in rollups:
            if len(names) == parts:
                return list(names)
        return [f"key{number}" for number in range(parts)]

    # --- HTTP ---

    def _call(self, method: str, body: Dict[str, Any]) -> Dict[str, Any]:
        response = self._send("POST", f"/murmur.v1.Query/{method}", json.dumps(body), {
            "Content-Type": "application/json", "Connect-Protocol-Version": "1",
            "Connect-Timeout-Ms": str(max(1, int(self._timeout * 1000)))})
        data = response.read()
        if response.status != 200:
            raise _error_of(response.status, data)
        answer: Dict[str, Any] = json.loads(data)
        return answer

    def _send(self, method: str, target: str, body: Optional[str],
              headers: Dict[str, str]) -> http.client.HTTPResponse:
        for is_last_try in (False, True):
            connection = self._connection()
            try:
                connection.request(method, target, body, headers)
                return connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                # The server may have closed an idle connection; questions change nothing.
                connection.close()
                if is_last_try:
                    raise
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            kind = (http.client.HTTPSConnection if self._scheme == "https"
                    else http.client.HTTPConnection)
            connection = kind(self._host, self._port, timeout=self._timeout + 5)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection


def _error_of(status: int, data: bytes) -> MurmurError:
    try:
        told = json.loads(data)
        return MurmurError(told["code"], told["message"])
    except (ValueError, KeyError, TypeError):
        return MurmurError("unknown", f"HTTP status {status}")
