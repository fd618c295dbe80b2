"""A fact under its key, as people read it: the suffix of the key says what the value is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from manager_agent.delivery.text import clean, shorten
from manager_agent.rules.message import Fact

VALUE_LIMIT = 200
"""Longest value in characters; an agent's name is somebody else's text."""

_LABELS = {
    "percent": "Used",
    "resets_at": "Resets",
    "last_error": "Last error",
    "limit_tokens": "Token limit",
    "spent_tokens": "Tokens used",
}
_UNIT = re.compile("_(?:usd|at|seconds)$")
_NAMES = frozenset({"agent", "agents", "model", "provider", "models", "response_model"})
_TIMES = ("_at", "_ts", "_seen", "_start", "_end", "_until")
_PRIORITIES: Mapping[Fact, str] = {1: "1 (critical)", 2: "2 (high)", 3: "3 (medium)", 4: "4 (low)"}


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value; `code`: a name to be shown as it is; `at`: the time it stands for."""

    label: str
    value: str
    code: bool = False
    at: datetime | None = None


def field(key: str, fact: Fact) -> Field:
    """Return the fact `fact` under `key` in words."""
    if isinstance(fact, str) and key.endswith(_TIMES):
        at = _time(fact)
        if at is not None:
            return Field(label(key), clock(at), at=at)
    return Field(label(key), value(key, fact), code=key in _NAMES and bool(fact))


def label(key: str) -> str:
    """Return the words for a key: `spent_usd` is "Spent"."""
    words = clean(_UNIT.sub("", key)).replace("_", " ").strip()
    return shorten(_LABELS.get(key) or words[:1].upper() + words[1:] or "Fact", 60)


def value(key: str, fact: Fact) -> str:
    """Return a value in words; what is unknown says so."""
    if fact is None:
        return "unknown"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if key.endswith("_usd"):
        return dollars(fact)
    if key.endswith("percent"):
        return percent(fact)
    if key == "priority" and fact in _PRIORITIES:
        return _PRIORITIES[fact]
    if isinstance(fact, int | float):
        return f"{number(fact)} s" if key.endswith("_seconds") else number(fact)
    return shorten(clean(fact), VALUE_LIMIT) or "unknown"


def dollars(amount: str | int | float | Decimal) -> str:
    """Return an amount of USD with as many digits as it takes to be told from nothing."""
    decimal = _decimal(amount)
    if decimal is None:
        return shorten(clean(str(amount)), VALUE_LIMIT) or "unknown"
    sign, size = ("-" if decimal < 0 else ""), abs(decimal)
    if size >= 1 or size == 0:
        return f"{sign}${size:,.2f}"
    places = max(4, 1 - size.adjusted())
    digits = f"{size:.{places}f}".rstrip("0")
    whole, _, cents = digits.partition(".")
    return f"{sign}${whole}.{cents:0<2}"


def percent(share: str | int | float) -> str:
    """Return a percentage, and how far over 100 it is."""
    decimal = _decimal(share)
    if decimal is None:
        return shorten(clean(str(share)), VALUE_LIMIT) or "unknown"
    over = f" ({decimal - 100:,.0f} % over)" if round(decimal) > 100 else ""
    return f"{decimal:,.0f} %{over}"


def number(count: int | float) -> str:
    """Return a count with its thousands set apart, an absurd one by its size."""
    if abs(count) >= 10**15:
        return f"{Decimal(count):.6g}"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.3f}".rstrip("0").rstrip(".")


def clock(at: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _decimal(amount: str | int | float | Decimal) -> Decimal | None:
    try:
        decimal = Decimal(str(amount))
    except InvalidOperation:
        return None
    # An absurd exponent would be written out in full, digit by digit.
    return decimal if decimal.is_finite() and abs(decimal.adjusted()) < 30 else None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
