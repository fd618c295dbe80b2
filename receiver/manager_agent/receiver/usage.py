"""Pure: an emitter's token numbers -> canonical ones (input with cache, output with reasoning)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from manager_agent.receiver.tables import table


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call; None is unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None

    @property
    def known(self) -> bool:
        """Whether the provider counted anything: 0 and 0 is what emitters send without usage."""
        return bool(self.input_tokens or self.output_tokens)


NOTHING_USED = Usage(0, 0, 0, 0, None, 0, 0)
"""A request that failed before an answer began: nothing was used, and that is certain."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How one emitter counts for one provider (`tables/usage.toml`)."""

    input_excludes_cache: bool
    output_excludes_reasoning: bool
    output_from_total: bool
    blind: frozenset[str]
    complete_streams_have: str | None
    exception_is_error: bool
    estimates_streams: tuple[str, str] | None
    """(attribute that must be present, attribute that must be above 0) for a stream's usage to be
    the provider's; None where it always is."""


@lru_cache(4096)
def habits(scope: str, provider: str | None) -> Habits:
    """Return the habits of the emitter behind `scope` for `provider`."""
    rows = table("usage")

    def does(habit: str) -> bool:
        return any(_meets(row, scope, provider) for row in rows[habit])

    ended = next((r for r in rows["complete_streams_have"] if _meets(r, scope, provider)), None)
    estimates = next((r for r in rows["estimates_streams"] if _meets(r, scope, provider)), None)
    return Habits(
        does("input_excludes_cache"),
        does("output_excludes_reasoning"),
        does("output_from_total"),
        frozenset(row["field"] for row in rows["blind"] if _meets(row, scope, provider)),
        ended["has"] if ended else None,
        does("exception_is_error"),
        estimates and (estimates.get("unless_present", ""), estimates.get("unless_positive", "")),
    )


def canonical_usage(raw: Usage, habit: Habits, operation: str) -> Usage:
    """Return `raw` with all input in `input_tokens` and all output in `output_tokens`.

    A part that is absent beside known totals is 0, unless the emitter is blind to it.
    An impossible sum (parts above their total) shows a total that leaves its parts out.
    """
    if not raw.known:
        return Usage()
    raw = _with_thoughts(raw) if habit.output_from_total else raw
    cached = (raw.cache_read_tokens or 0) + (raw.cache_write_tokens or 0)
    reasoning = raw.reasoning_tokens or 0
    total_in, total_out = raw.input_tokens, raw.output_tokens
    outside_in, outside_out = _outside(raw, cached, reasoning)
    if total_in is not None and (habit.input_excludes_cache or cached > total_in or outside_in):
        total_in += cached
    if total_out is None and operation == "embeddings":
        total_out = 0
    excludes = habit.output_excludes_reasoning or habit.output_from_total or outside_out
    if total_out is not None and (excludes or reasoning > total_out):
        total_out += reasoning
    return replace(
        raw,
        input_tokens=total_in,
        output_tokens=total_out,
        cache_read_tokens=_part(raw.cache_read_tokens, "cache_read_tokens", habit, total_in),
        cache_write_tokens=_part(raw.cache_write_tokens, "cache_write_tokens", habit, total_in),
        reasoning_tokens=_part(raw.reasoning_tokens, "reasoning_tokens", habit, total_out),
    )


def _outside(raw: Usage, cached: int, reasoning: int) -> tuple[bool, bool]:
    """Tell by the total whether cache and reasoning were left out of input and output."""
    counted = (raw.input_tokens or 0) + (raw.output_tokens or 0)
    missing = (raw.total_tokens or counted) - counted
    if missing <= 0:
        return False, False
    return missing in (cached, cached + reasoning), missing in (reasoning, cached + reasoning)


def _with_thoughts(raw: Usage) -> Usage:
    """Return `raw` with as much reasoning as its total has over input and output."""
    counted = (raw.input_tokens or 0) + (raw.output_tokens or 0)
    return replace(raw, reasoning_tokens=max(0, (raw.total_tokens or 0) - counted))


def _part(value: int | None, field: str, habit: Habits, total: int | None) -> int | None:
    if value is not None or total is None or field in habit.blind:
        return value
    return 0


def _meets(row: dict[str, Any], scope: str, provider: str | None) -> bool:
    return (
        scope.startswith(row.get("scope_prefix", ""))
        and scope.endswith(row.get("scope_suffix", ""))
        and not ("scope_not_prefix" in row and scope.startswith(row["scope_not_prefix"]))
        and ("provider" not in row or row["provider"] == provider)
    )
