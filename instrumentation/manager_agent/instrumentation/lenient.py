"""Reads JSON whose shape nobody promised: what is not as it should be is None, nothing raises."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Mapping[str, Any]

EMPTY: Json = {}
LONGEST_NAME = 256
"""Characters of an id, a model or a reason that are kept."""
_MOST = 2**53
_MOST_USD = 1_000_000
_DIGITS = 30
_OBJECT = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _OBJECT.scan_once  # type: ignore[attr-defined]
_LONE = re.compile("[\ud800-\udfff]")


def parsed(data: bytes | str) -> Any:
    """Return the JSON in `data`, None where it is none."""
    try:
        # As `json.loads` does it, less what finds out about encodings and spaces: half of the time.
        words = data if isinstance(data, str) else data.decode()
        value, end = _scan(words, 0)
        if end == len(words):
            return value
    except (ValueError, RecursionError, StopIteration):
        pass  # spaces around it, another encoding, or no JSON: that is told below
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # ValueError: also what is no UTF-8, and huge integers
        return None


def mapping(value: Any) -> Json:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def objects(value: Any) -> Iterator[Json]:
    """Yield the objects in `value` where it is a list."""
    return (
        (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
    )


def text(value: Any, limit: int = LONGEST_NAME) -> str | None:
    """Return `value`, cut to `limit` characters, where it is a string with anything in it."""
    if not isinstance(value, str) or not value:
        return None
    words = value[:limit]
    # A lone half of a surrogate pair is legal JSON and cannot be sent on as UTF-8.
    return words if words.isascii() else _LONE.sub("\ufffd", words)


def count(value: Any) -> int | None:
    """Return `value` where it is a whole number from 0 on; 12.0 is one, True is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST:
        return value
    return None


def first_count(values: Iterable[Any]) -> int | None:
    """Return the first of `values` that is a count."""
    return next((number for value in values if (number := count(value)) is not None), None)


def first_text(values: Iterable[Any]) -> str | None:
    """Return the first of `values` that is a string with anything in it."""
    return next((words for value in values if (words := text(value)) is not None), None)


def money(value: Any) -> Decimal | None:
    """Return an amount of money, from 0 on, as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    sane = amount.is_finite() and 0 <= amount < _MOST_USD and abs(amount.adjusted()) < _DIGITS
    return amount if sane else None


def last_object(data: bytes, key: bytes) -> Json:
    """Return the object behind the last `"key":` in `data`, which may be cut at either end."""
    at = data.rfind(b'"' + key + b'"')
    while at >= 0:
        found = _object_at(data, at + len(key) + 2)
        if found is not None:
            return found
        at = data.rfind(b'"' + key + b'"', 0, at)
    return EMPTY


def _object_at(data: bytes, start: int) -> Json | None:
    """Return the object that a colon at `start` leads to; usage objects are far below 4 kB."""
    rest = data[start : start + 4096].lstrip()
    if not rest.startswith(b":"):
        return None
    try:
        value, _ = _OBJECT.raw_decode(rest[1:].lstrip().decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def says(data: bytes, key: bytes) -> bool:
    """Whether `key` (with its quotes) has a value other than null somewhere in the JSON `data`.

    Inside a string of JSON each quote has a backslash, so text that talks of usage is no usage.
    """
    at = data.find(key)
    while at >= 0:
        end = at + len(key)
        if data[end : end + 8].lstrip(b" \t:")[:4] != b"null":
            return True
        at = data.find(key, end)
    return False
