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


Counts = tuple[int | None, int | None, int | None, int | None, int | None, int | None, int | None]
"""The fields of `Usage`, without its name: this is worked out for every call."""


def canonical_usage(raw: Usage, habit: Habits, operation: str) -> Usage:
    """Return `raw` with all input in `input_tokens` and all output in `output_tokens`.

    A part that is absent beside known totals is 0, unless the emitter is blind to it.
    An impossible sum (parts above their total) shows a total that leaves its parts out.
    """
    return Usage(*canonical_counts(raw, habit, operation))


def canonical_counts(raw: Counts, habit: Habits, operation: str) -> Counts:
    """Return the same as `canonical_usage`, as a plain tuple."""
    total_in, total_out, reads, writes, writes_1h, thoughts, total = raw
    if not total_in and not total_out:
        return _UNKNOWN
    if habit.output_from_total:
        thoughts = max(0, (total or 0) - (total_in or 0) - (total_out or 0))
    cached = (reads or 0) + (writes or 0)
    reasoning = thoughts or 0
    outside_in = habit.input_excludes_cache
    outside_out = habit.output_excludes_reasoning or habit.output_from_total
    if total:
        missing = total - (total_in or 0) - (total_out or 0)
        if missing > 0:  # the total tells whether cache and reasoning were left out
            outside_in = outside_in or missing in (cached, cached + reasoning)
            outside_out = outside_out or missing in (reasoning, cached + reasoning)
    blind = habit.blind
    if total_in is not None:
        if outside_in or cached > total_in:
            total_in += cached
        if reads is None and "cache_read_tokens" not in blind:
            reads = 0
        if writes is None and "cache_write_tokens" not in blind:
            writes = 0
    if total_out is None and operation == "embeddings":
        total_out = 0
    if total_out is not None:
        if outside_out or reasoning > total_out:
            total_out += reasoning
        if thoughts is None and "reasoning_tokens" not in blind:
            thoughts = 0
    return total_in, total_out, reads, writes, writes_1h, thoughts, total


_UNKNOWN: Counts = (None, None, None, None, None, None, None)


def _meets(row: dict[str, Any], scope: str, provider: str | None) -> bool:
    return (
        scope.startswith(row.get("scope_prefix", ""))
        and scope.endswith(row.get("scope_suffix", ""))
        and not ("scope_not_prefix" in row and scope.startswith(row["scope_not_prefix"]))
        and ("provider" not in row or row["provider"] == provider)
    )
