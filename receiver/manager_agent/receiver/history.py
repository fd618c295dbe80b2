"""Calls of the past, as an import names them -> calls, and the changes that store them sealed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from manager_agent.prices.names import canonical
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion, Changes

TEXTS = (
    "agent",
    "provider",
    "operation",
    "request_model",
    "response_model",
    "error_type",
    "conversation_id",
    "user_id",
    "trace_id",
    "response_id",
    "environment",
    "service_tier",
)
COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "cost_nano",
    "http_status",
)
_MOST = {"http_status": 999, "cost_nano": 10**18 - 1}
_MOST_TOKENS = 10**12
_LONGEST_TEXT = 500
_FIRST_NS, _LAST_NS = 946_684_800 * 10**9, 4_102_444_800 * 10**9  # the years 2000 to 2099
_KNOWN = {"call_id", "start_ns", "duration_ms", "error", *TEXTS, *COUNTS}


class HistoryError(ValueError):
    """A row that cannot be a call; the message says what of it is wrong."""


def past_call(row: Mapping[str, Any]) -> Call:
    """Return the call, not priced unless its cost was reported, of a row.

    `call_id`: 32 hex digits. `start_ns`: nanoseconds since 1970 UTC. Costs are nano-USD. What is
    left out is unknown. Raises `HistoryError`.
    """
    unknown = row.keys() - _KNOWN
    if unknown:
        raise HistoryError(f"unknown field {min(unknown)!r}; known: {', '.join(sorted(_KNOWN))}")
    text = {name: _text(row, name) for name in TEXTS}
    count = {name: _count(row, name) for name in COUNTS}
    if all(count[name] is None for name in ("input_tokens", "output_tokens", "cost_nano")):
        raise HistoryError("neither tokens nor a cost")
    call_id = row.get("call_id")
    if not (isinstance(call_id, str) and len(call_id) == 32):
        raise HistoryError(f"call_id = {call_id!r} must be 32 hex digits")
    agent = text["agent"] or "unknown"
    cost = count.pop("cost_nano")
    known: dict[str, Any] = {
        **text,
        **count,
        "call_id": call_id,
        "start_ns": _start(row),
        "duration_ms": _duration(row),
        "agent": agent,
        "service": agent,
        "provider": canonical(text["provider"]) if text["provider"] else None,
        "operation": text["operation"] or "chat",
        "error": bool(row.get("error")),
        "emitters": "import",
        "guarded": False,
        "usage_estimated": False,
        "cost_by_provider": False,
        "reported_cost_nano": cost,
    }
    return Call(**{**dict.fromkeys(Call._fields), **known})


def priced(call: Call, price: Callable[[Call], Call]) -> Call:
    """Return `call` with the cost that was reported for it, else with ours for its day."""
    if call.reported_cost_nano is not None:
        return call._replace(cost_nano=call.reported_cost_nano, cost_source="estimated")
    return price(call)


def sealed(calls: Sequence[Call], now_ns: int) -> Changes:
    """Return what stores `calls` at once as final, and counts them in the rollups."""
    changes = Changes(now_ns)
    for call in calls:
        changes.calls.append(CallVersion(call, now_ns // 1000, False))
        changes.count(call, +1)
    changes.sealed_calls = [call.call_id for call in calls]
    return changes


def _start(row: Mapping[str, Any]) -> int:
    start = row.get("start_ns")
    if not isinstance(start, int) or not _FIRST_NS <= start <= _LAST_NS:
        raise HistoryError(f"start_ns = {start!r} must be a time from 2000 to 2099")
    return start


def _duration(row: Mapping[str, Any]) -> float:
    duration = row.get("duration_ms")
    if duration is None:
        return 0.0
    if not isinstance(duration, int | float) or not 0 <= duration <= 10**10:
        raise HistoryError(f"duration_ms = {duration!r} must be milliseconds, 0 or more")
    return float(duration)


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise HistoryError(f"{name} = {value!r} must be a text")
    return value[:_LONGEST_TEXT]


def _count(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    most = _MOST.get(name, _MOST_TOKENS)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise HistoryError(f"{name} = {value!r} must be a whole number from 0 to {most:,}")
    return value
