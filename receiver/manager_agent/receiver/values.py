"""Reading single attribute values: numbers sent as text, lists, JSON inside strings."""

import json
import math
import re
from base64 import b64decode
from functools import cache
from typing import Any

MOST_TOKENS = 10**12
"""A call that is said to use more is a mistake of its emitter."""
_MOST_USD = 100_000
"""A single call that is said to cost more is a mistake of its emitter."""
_MOST_NESTED = 64 * 1024
_SHORT = 256
_ODD = frozenset(' \t\r\n["')


def count(value: Any) -> int | None:
    """Return a token count sent as int, double or text; None for anything that is no count."""
    if type(value) is int:  # most are
        return value if 0 <= value <= MOST_TOKENS else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().isdigit() else int(value)
        except ValueError:
            return None
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            return None
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else None


def amount(value: Any) -> float | None:
    """Return a sum of money in USD sent as a number or text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= _MOST_USD else None


def text(value: Any) -> str | None:
    """Return a short text; the first entry of a list, or of a list sent as JSON."""
    if (
        type(value) is str
        and 0 < len(value) <= _SHORT
        and value[0] not in _ODD
        and value[-1] not in _ODD
    ):
        return value  # most are plain
    if isinstance(value, list):
        value = next((item for item in value if item), None)
    if isinstance(value, str):
        value = value.strip()
        if value[:1] == "[":
            return text(_json_list(value))
        value = value.strip('"')
    elif isinstance(value, bool | bytes | dict) or value is None:
        return None
    return str(value)[:_SHORT] or None


def flag(value: Any) -> bool | None:
    """Return a boolean sent as one or as text; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def nested(value: Any, name: str) -> str | None:
    """Return the scalar called `name` inside a JSON text, a Python repr or a map; None without.

    Only a number, a boolean or a quoted text right behind the name counts, so that no
    untrusted text is ever evaluated.
    """
    if isinstance(value, dict):
        found = value.get(name)
        return None if found is None or isinstance(found, dict | list) else str(found)
    if not isinstance(value, str):
        return None
    match = _scalar_after(name).search(value, 0, _MOST_NESTED)
    if match is None:
        return None
    return match["text"] if match["text"] is not None else match["bare"]


_RESPONSE_ID = re.compile(r"\b(?:resp_|chatcmpl-|msg_|cmpl-|gen-)[\w-]{3,120}")
_LEADING_ID = re.compile(r'^\s*\{\s*"id"\s*:\s*"([^"\\]{3,128})"')


def response_id(value: Any) -> str | None:
    """Return the provider's response id inside the text of an answer, None without."""
    if not isinstance(value, str):
        return None
    leading = _LEADING_ID.match(value)
    if leading:
        return leading[1]
    found = _RESPONSE_ID.search(value, 0, _MOST_NESTED)
    return found[0] if found else None


def unwrapped_id(response: str) -> str:
    """Return the provider's id inside an id that LiteLLM wrapped in base64, else `response`."""
    if not response.startswith("resp_") or len(response) < 45:
        return response
    tail = response[5:]
    try:
        plain = b64decode(tail + "=" * (-len(tail) % 4), validate=True).decode("ascii")
    except ValueError:
        return response
    found = re.search(r"response_id:([\w-]+)", plain)
    return found[1] if found else response


def _json_list(value: str) -> Any:
    try:
        read = json.loads(value[:4096])
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None


@cache
def _scalar_after(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"""(?<![\w-])["']?{re.escape(name)}["']?\s*[:=]\s*"""
        r"""(?:(?P<quote>["'])(?P<text>[^"'\\]{1,256})(?P=quote)|(?P<bare>-?[\w.+]+))"""
    )
