"""What is asked and answered, as Python values."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

KeyValue = Union[None, bool, int, float, decimal.Decimal, str, datetime.datetime]
# An aggregate's value; lists and records hold values.
Value = Union[None, bool, int, float, decimal.Decimal, str, datetime.datetime, List[Any],
              Dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class CliKey:
    """A key in the command line's words."""

    text: str


def cli_key(text: str) -> CliKey:
    """Values joined by commas, as the command line has them: 5 means the number and the text."""
    return CliKey(text)


Key = Union[KeyValue, Tuple[KeyValue, ...], CliKey]


@dataclasses.dataclass(frozen=True)
class Basis:
    """What the rows of an answer are of. Version and commit together name the state."""

    pipeline: str
    version: int
    commit: int
    exactness: str


@dataclasses.dataclass(frozen=True)
class Bound:
    """How far a value may be from the true one, as a part of it."""

    kind: str  # "relative": at most; "standard": the standard error
    amount: float


@dataclasses.dataclass(frozen=True)
class Row(Mapping[str, Value]):
    """The values of one key, by the aggregates' names."""

    key: Dict[str, KeyValue]
    start: Optional[datetime.datetime]  # of the window; None: several together, or none
    end: Optional[datetime.datetime]
    values_by_name: Dict[str, Value]
    bounds: Dict[str, Bound]  # of the values that are not exact

    def __getitem__(self, name: str) -> Value:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def flat(self) -> Dict[str, Any]:
        """Key, window and values in one dict, as a table's row."""
        window = {} if self.start is None else {"window": self.start}
        return {**self.key, **window, **self.values_by_name}


@dataclasses.dataclass(frozen=True)
class Rows(Sequence[Row]):
    """The rows of an answer."""

    basis: Basis
    rows: Tuple[Row, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def to_arrow(self) -> Any:
        """A pyarrow.Table; needs pyarrow."""
        import pyarrow

        return pyarrow.Table.from_pylist([row.flat() for row in self.rows])

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; needs pandas."""
        import pandas

        return pandas.DataFrame([row.flat() for row in self.rows])


@dataclasses.dataclass(frozen=True)
class Top(Rows):
    """The keys with the greatest values, descending."""

    keys_compared: int
    complete: bool  # False: the server's limit ended the comparison


@dataclasses.dataclass(frozen=True)
class Answer:
    """Of one question of a batch: rows, or the error."""

    rows: Optional[Rows]
    code: str = ""
    message: str = ""


def time_from(text: str) -> Optional[datetime.datetime]:
    """None: a time that Python's can't hold, such as infinity."""
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def key_to_json(key: Key) -> Dict[str, Any]:
    if isinstance(key, CliKey):
        return {"text": key.text}
    parts = key if isinstance(key, tuple) else (key,)
    return {"parts": [part_to_json(part) for part in parts]}


def part_to_json(part: KeyValue) -> Dict[str, Any]:
    if part is None:
        return {"null": True}
    if isinstance(part, bool):
        return {"boolean": part}
    if isinstance(part, int):
        fits = -(2**63) <= part < 2**63
        return {"integer": str(part)} if fits else {"decimal": str(part)}
    if isinstance(part, float):
        return {"number": part}
    if isinstance(part, decimal.Decimal):
        return {"decimal": format(part, "f")}
    if isinstance(part, datetime.datetime):
        if part.tzinfo is None:
            raise ValueError("a time of a key needs a time zone")
        return {"time": part.isoformat()}
    return {"text": part}


def part_from_json(part: Dict[str, Any]) -> KeyValue:
    [(kind, value)] = part.items()
    if kind == "null":
        return None
    return _FROM_JSON[kind](value)


def value_from_json(value: Dict[str, Any]) -> Value:
    for kind, inner in value.items():
        if kind in _FROM_JSON:
            return _FROM_JSON[kind](inner)
    return None


def bound_from_json(value: Dict[str, Any]) -> Optional[Bound]:
    for name, kind in (("relativeError", "relative"), ("standardError", "standard")):
        if name in value:
            return Bound(kind, float(value[name]))
    return None


def _record(record: Dict[str, Any]) -> Dict[str, Any]:
    return dict(zip(record.get("names", []), map(value_from_json, record.get("values", []))))


def _json(text: str) -> Any:
    import json

    return json.loads(text, parse_float=decimal.Decimal)


_FROM_JSON: Dict[str, Any] = {
    "boolean": bool,
    "integer": int,
    "wideInteger": int,
    "decimal": decimal.Decimal,
    "number": float,  # "NaN" and "Infinity" are texts
    "text": str,
    "time": lambda text: time_from(text) or text,
    "list": lambda items: [value_from_json(item) for item in items.get("items", [])],
    "record": _record,
    "json": _json,
}
