"""Pure: an emitter's token numbers -> canonical ones (input with cache, output with reasoning)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from manager_agent.receiver.tables import table


class Usage(NamedTuple):
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


COUNTS = (*Usage._fields, "cache_write_5m_tokens")
"""The counts that an emitter may give: those of `Usage`, and one that is a part of cache writes."""

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
    total_in, total_out, reads, writes, writes_1h, thoughts, total = raw
    cached = (reads or 0) + (writes or 0)
    reasoning = thoughts or 0
    outside_in, outside_out = _outside(raw, cached, reasoning) if total else (False, False)
    if total_in is not None and (habit.input_excludes_cache or cached > total_in or outside_in):
        total_in += cached
    if total_out is None and operation == "embeddings":
        total_out = 0
    excludes = habit.output_excludes_reasoning or habit.output_from_total or outside_out
    if total_out is not None and (excludes or reasoning > total_out):
        total_out += reasoning
    blind = habit.blind
    if reads is None and total_in is not None and "cache_read_tokens" not in blind:
        reads = 0
    if writes is None and total_in is not None and "cache_write_tokens" not in blind:
        writes = 0
    if thoughts is None and total_out is not None and "reasoning_tokens" not in blind:
        thoughts = 0
    return Usage(total_in, total_out, reads, writes, writes_1h, thoughts, total)


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
    return raw._replace(reasoning_tokens=max(0, (raw.total_tokens or 0) - counted))


def _meets(row: dict[str, Any], scope: str, provider: str | None) -> bool:
    return (
        scope.startswith(row.get("scope_prefix", ""))
        and scope.endswith(row.get("scope_suffix", ""))
        and not ("scope_not_prefix" in row and scope.startswith(row["scope_not_prefix"]))
        and ("provider" not in row or row["provider"] == provider)
    )
