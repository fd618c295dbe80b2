"""Adds an error to what was counted, and takes one away again that was corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from manager_agent.rules.issues.issue import HOUR_US, OTHERS, Counted, Pattern, Tally

K = TypeVar("K", str, int)

_MOST_NAMES = 100
_MOST_VARIANTS = 10
_HOURS_KEPT = 49


def with_errors(tally: Tally, errors: Sequence[Counted]) -> Tally:
    """Return the tally with errors, one after the other: thousands of a kind may come at once."""
    agents, models = dict(tally.agents), dict(tally.models)
    hours, hourly_cost = dict(tally.hours), dict(tally.hourly_cost)
    cost, unpriced, last_us, last_call = tally.cost, tally.unpriced, tally.last_us, tally.last_call
    for one in errors:
        hour, is_call = one.ts_us // HOUR_US, one.source == "call"
        cost += one.cost or 0
        unpriced += is_call and one.cost is None
        _name(agents, one.agent)
        if one.model:
            _name(models, one.model)
        hours[hour] = hours.get(hour, 0) + 1
        hourly_cost[hour] = hourly_cost.get(hour, 0) + (one.cost or 0)
        if is_call and one.ts_us >= last_us:
            last_call = one.key.removeprefix("call ")
        last_us = max(last_us, one.ts_us)
    return replace(
        tally,
        count=tally.count + len(errors),
        first_us=min(tally.first_us, *(one.ts_us for one in errors)),
        last_us=last_us,
        cost=cost,
        unpriced=unpriced,
        agents=agents,
        models=models,
        hours=_recent(hours, last_us),
        hourly_cost=_recent(hourly_cost, last_us),
        last_call=last_call,
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
        agents=_unnamed(tally.agents, one.agent),
        models=_unnamed(tally.models, one.model) if one.model else tally.models,
        hours=_recent({**tally.hours, hour: tally.hours.get(hour, 0) - 1}, tally.last_us),
        hourly_cost=_recent(
            {**tally.hourly_cost, hour: tally.hourly_cost.get(hour, 0) - (one.cost or 0)},
            tally.last_us,
        ),
    )


def seen(pattern: Pattern, errors: Sequence[Counted]) -> Pattern:
    """Return the pattern seen in errors, of which there is one at least, in their words."""
    variants = dict(pattern.variants)
    for one in errors:
        if one.variant in variants or len(variants) < _MOST_VARIANTS:
            variants[one.variant] = variants.get(one.variant, 0) + 1
    return replace(pattern, tally=with_errors(pattern.tally, errors), variants=variants)


def unseen(pattern: Pattern, one: Counted) -> Pattern:
    """Return the pattern seen once less."""
    variants = dict(pattern.variants)
    if one.variant in variants:
        variants[one.variant] -= 1
    return replace(
        pattern,
        tally=without_error(pattern.tally, one),
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


def _name(counts: dict[str, int], name: str) -> None:
    """Count a name; names that there is no room for are counted together."""
    if name not in counts and len(counts) >= _MOST_NAMES:
        name = OTHERS
    counts[name] = counts.get(name, 0) + 1


def _unnamed(counts: Mapping[str, int], name: str) -> dict[str, int]:
    """Return counts by name with one less."""
    found = dict(counts)
    if name not in found:
        name = OTHERS
    found[name] = found.get(name, 0) - 1
    return {each: count for each, count in found.items() if count > 0}


def _summed(counts: Sequence[Mapping[K, int]]) -> dict[K, int]:
    found: dict[K, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found


def _recent(hours: Mapping[int, int], last_us: int) -> dict[int, int]:
    """Return the hours that are not far behind the last error; what came to nothing is left out."""
    oldest = last_us // HOUR_US - _HOURS_KEPT
    return {each: count for each, count in hours.items() if count and each > oldest}
