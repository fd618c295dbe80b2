"""What was used in windows of time, for reports: read from the rollups, never from the calls."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from manager_agent.analytics.report_ask import asked_of
from manager_agent.contract.money import nano_usd
from manager_agent.contract.stored_time import naive

Range = tuple[datetime, datetime]
"""From its start to before its end, both aware and on whole minutes."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sum:
    """Calls added up. `cost`: nano-USD, as far as it is known; `tokens`: input and output.

    `unpriced`: calls that no price is known for, so that `cost` is a lower bound.
    """

    calls: int = 0
    errors: int = 0
    tokens: int = 0
    cost: int = 0
    unpriced: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(
            self.calls + other.calls,
            self.errors + other.errors,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.unpriced + other.unpriced,
        )

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of what it cost."""
        return 0 < self.calls <= self.unpriced and not self.cost


@dataclass(frozen=True, slots=True)
class Used:
    """What one agent (None: calls that name none) used of one model."""

    agent: str | None
    provider: str | None
    model: str | None
    sum: Sum


def used(con: duckdb.DuckDBPyConnection, ranges: Sequence[Range]) -> list[list[Used]]:
    """Return what was used in each of `ranges`, in their order, by agent, provider and model.

    Whole UTC hours come from the hours; the ends that a time zone cuts off, from the minutes.
    Raises `duckdb.Error`.
    """
    found: list[dict[tuple[str | None, str | None, str | None], Sum]] = [
        defaultdict(Sum) for _ in ranges
    ]
    for rollup, pieces in _pieces(ranges).items():
        for place, agent, provider, model, *sums in _rows(con, rollup, pieces):
            calls, errors, tokens, cost, unpriced = sums
            more = Sum(calls, errors, tokens, nano_usd(cost), unpriced)
            found[pieces[place][0]][agent, provider, model] += more
    return [[Used(*of, total) for of, total in each.items() if total.calls] for each in found]


def total(lines: Iterable[Used]) -> Sum:
    """Return all of it together."""
    return sum((line.sum for line in lines), Sum())


def by_agent(lines: Iterable[Used]) -> dict[str | None, Sum]:
    """Return it by agent, who cost most first."""
    return _by(lines, lambda line: line.agent)


def by_model(lines: Iterable[Used]) -> dict[str | None, Sum]:
    """Return it by model, as `openai/gpt-4o`, which cost most first."""
    return _by(lines, lambda line: "/".join(filter(None, (line.provider, line.model))) or None)


def _by(lines: Iterable[Used], key: Callable[[Used], str | None]) -> dict[str | None, Sum]:
    sums: dict[str | None, Sum] = defaultdict(Sum)
    for line in lines:
        sums[key(line)] += line.sum
    order = sorted(sums, key=lambda one: (-sums[one].cost, -sums[one].calls, one or ""))
    return {one: sums[one] for one in order}


def _pieces(ranges: Sequence[Range]) -> Mapping[str, list[tuple[int, Range]]]:
    """Return what to ask of which rollup: the place of a range, and a piece of it."""
    hours: list[tuple[int, Range]] = []
    minutes: list[tuple[int, Range]] = []
    for place, (start, end) in enumerate(ranges):
        first, last = _up(start), _down(end)
        if first >= last:
            minutes.append((place, (start, end)))
            continue
        hours.append((place, (first, last)))
        edges = ((start, first), (last, end))
        minutes += [(place, edge) for edge in edges if edge[0] < edge[1]]
    return {"usage_hour": hours, "usage_minute": minutes}


def _rows(
    con: duckdb.DuckDBPyConnection, rollup: str, pieces: Sequence[tuple[int, Range]]
) -> list[tuple[Any, ...]]:
    """Return the answer for all pieces of hours at once, and for each of minutes alone.

    Pieces of minutes lie far apart: a range around all of them would be read for nothing.
    """
    together = rollup == "usage_hour" and bool(pieces)
    parts = [list(enumerate(pieces))] if together else [[one] for one in enumerate(pieces)]
    rows = []
    for part in parts:
        starts = [naive(start) for _, (_, (start, _)) in part]
        ends = [naive(end) for _, (_, (_, end)) in part]
        bounds = {"starts": starts, "ends": ends, "first": min(starts), "last": max(ends)}
        rows += [
            (part[place][0], *rest) for place, *rest in asked_of(rollup, con, "used", **bounds)
        ]
    return rows


def _up(moment: datetime) -> datetime:
    down = _down(moment)
    return down if down == moment else down + _HOUR


def _down(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
