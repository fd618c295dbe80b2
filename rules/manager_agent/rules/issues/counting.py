"""Adds an error to what was counted, and takes one away again that was corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from manager_agent.rules.issues.issue import HOUR_US, OTHERS, Counted, Pattern, Tally

K = TypeVar("K", str, int)

_MOST_NAMES = 100
_MOST_VARIANTS = 10
_HOURS_KEPT = 49


def with_error(tally: Tally, one: Counted) -> Tally:
    """Return the tally with one more error."""
    hour = one.ts_us // HOUR_US
    newest = one.ts_us >= tally.last_us
    is_call = one.source == "call"
    return replace(
        tally,
        count=tally.count + 1,
        first_us=min(tally.first_us, one.ts_us),
        last_us=max(tally.last_us, one.ts_us),
        cost=tally.cost + (one.cost or 0),
        unpriced=tally.unpriced + (is_call and one.cost is None),
        agents=_named(tally.agents, one.agent, 1),
        models=_named(tally.models, one.model, 1) if one.model else tally.models,
        hours=_recent(tally.hours, hour, 1),
        hourly_cost=_recent(tally.hourly_cost, hour, one.cost or 0),
        last_call=one.key.removeprefix("call ") if newest and is_call else tally.last_call,
    )


def without_error(tally: Tally, one: Counted) -> Tally:
    """Return the tally without an error that was none, or is counted elsewhere now.

    When it was first and last seen stays as it is.
    """
    hour = one.ts_us // HOUR_US
    is_call = one.source == "call"
    return replace(
        tally,
        count=tally.count - 1,
        cost=tally.cost - (one.cost or 0),
        unpriced=tally.unpriced - (is_call and one.cost is None),
        agents=_named(tally.agents, one.agent, -1),
        models=_named(tally.models, one.model, -1) if one.model else tally.models,
        hours=_recent(tally.hours, hour, -1),
        hourly_cost=_recent(tally.hourly_cost, hour, -(one.cost or 0)),
    )


def seen(pattern: Pattern, one: Counted, change: Literal[1, -1]) -> Pattern:
    """Return the pattern seen once more, or once less, in its words."""
    variants = dict(pattern.variants)
    if one.variant in variants or (len(variants) < _MOST_VARIANTS and change > 0):
        variants[one.variant] = variants.get(one.variant, 0) + change
    return replace(
        pattern,
        tally=(with_error if change > 0 else without_error)(pattern.tally, one),
        variants={text: count for text, count in variants.items() if count > 0},
    )


def total(tallies: Sequence[Tally]) -> Tally:
    """Return what was counted in sum, of at least one tally."""
    if len(tallies) == 1:
        return tallies[0]
    newest = max(tallies, key=lambda one: one.last_us)
    return Tally(
        first_us=min(one.first_us for one in tallies),
        last_us=newest.last_us,
        count=sum(one.count for one in tallies),
        cost=sum(one.cost for one in tallies),
        unpriced=sum(one.unpriced for one in tallies),
        agents=_summed([one.agents for one in tallies]),
        models=_summed([one.models for one in tallies]),
        hours=_summed([one.hours for one in tallies]),
        hourly_cost=_summed([one.hourly_cost for one in tallies]),
        last_call=newest.last_call,
    )


def _named(counts: Mapping[str, int], name: str, change: int) -> dict[str, int]:
    """Return counts by name; names that there is no room for are counted together."""
    found = dict(counts)
    if name not in found and (change < 0 or len(found) >= _MOST_NAMES):
        name = OTHERS
    found[name] = found.get(name, 0) + change
    return {each: count for each, count in found.items() if count > 0}


def _summed(counts: Sequence[Mapping[K, int]]) -> dict[K, int]:
    found: dict[K, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found


def _recent(hours: Mapping[int, int], hour: int, change: int) -> dict[int, int]:
    found = dict(hours)
    found[hour] = found.get(hour, 0) + change
    oldest = max(found) - _HOURS_KEPT
    return {each: count for each, count in found.items() if count and each > oldest}
