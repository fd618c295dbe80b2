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
_UNIT = re.compile("_(?:usd|at|seconds|ms)$")
_UNITS = {"_seconds": " s", "_ms": " ms"}
_NAMES = frozenset(
    {
        "agent",
        "agents",
        "breaker",
        "cheaper_model",
        "conversation_id",
        "digest",
        "instead",
        "issue_id",
        "model",
        "models",
        "name",
        "provider",
        "response_model",
        "run",
        "spenders",
        "what",
        "who",
    }
)
_TIMES = ("_at", "_ts", "_seen", "_start", "_end", "_until", "_since", "_hour", "_hour_with_calls")
_TIME_KEYS = frozenset({"since", "until", "last", "hour"})
_PRIORITIES: Mapping[Fact, str] = {1: "1 (critical)", 2: "2 (high)", 3: "3 (medium)", 4: "4 (low)"}


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value; `code`: a name to be shown as it is; `at`: the time it stands for."""

    label: str
    value: str
    code: bool = False
    at: datetime | None = None


def field(key: str, fact: Fact, words: str | None = None) -> Field:
    """Return the fact `fact` under `key` in words; `words`: its label, else made of the key."""
    at = moment(fact) if key.endswith(_TIMES) or key in _TIME_KEYS else None
    if at is not None:
        return Field(words or label(key), clock(at), at=at)
    code = key in _NAMES and bool(fact) and isinstance(fact, str)
    return Field(words or label(key), value(key, fact), code=code)


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
    if key.endswith("percent") or "_percent_" in key:
        return percent(fact, of_limit=key in ("percent", "used_percent"))
    if key == "priority" and fact in _PRIORITIES:
        return _PRIORITIES[fact]
    if isinstance(fact, int | float):
        unit = next((unit for end, unit in _UNITS.items() if key.endswith(end)), "")
        return f"{number(fact)}{unit}"
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


def percent(share: str | int | float, *, of_limit: bool = False) -> str:
    """Return a percentage; `of_limit`: and how far over 100 it is, where that is one too many.

    Below a hundred a decimal is shown, so that 89.6 is not taken for 90.
    """
    decimal = _decimal(share)
    if decimal is None:
        return shorten(clean(str(share)), VALUE_LIMIT) or "unknown"
    digits = f"{decimal:,.0f}" if abs(decimal) >= 100 else f"{decimal:.1f}".removesuffix(".0")
    over = f" ({decimal - 100:,.0f} % over)" if of_limit and round(decimal) > 100 else ""
    return f"{digits} %{over}"


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


def moment(fact: Fact) -> datetime | None:
    """Return the time that a fact holds in ISO 8601, UTC where it names no zone, or None."""
    if not isinstance(fact, str):
        return None
    try:
        at = datetime.fromisoformat(fact)
        at.astimezone(UTC)  # the first and last days of the calendar have no time in another zone
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
