"""Suggestions: what could be cheaper, by how much a month, how to see it and how to try it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.savings.estimate import FOUND, OF, SPENT, estimated
from manager_agent.analytics.savings.kinds import TRY
from manager_agent.analytics.savings.rates import Rates, rates
from manager_agent.analytics.savings.statements import Proofs, sums
from manager_agent.analytics.savings.stretches import HOUR, Stretch, plan
from manager_agent.analytics.savings.texts import filled, moment
from manager_agent.analytics.savings.usual import Ask, as_parameter, usual
from manager_agent.contract.stored_time import naive
from manager_agent.prices.book import PriceBook

MOST_CALLS = 1_000_000
"""How many calls are looked through; of more, a sample of as many."""
AT_ONCE = 150_000
"""How many of them in one statement: what the memory of a sandboxed worker holds."""
LEAST_A_MONTH = 1_000_000_000
"""Nano-USD a month that are worth a line: a dollar."""
_MONTH, _DAY = timedelta(days=30), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to save, of one agent and model; no call counts for two of them.

    `calls`, `cost`: what it is about in the range, nano-USD. `low`, `high`: nano-USD saved a month.
    `error`: of a sample, half the width of the 95 % interval of what it says of the whole, as a
    share; 0 where all calls were looked at, None where the sample cannot tell. `query`: proves it,
    runs as it stands; it shows the kind's calls before others claim theirs, in a sample of one of
    its stretches.
    """

    kind: str
    agent: str | None
    provider: str | None
    model: str | None
    calls: int
    cost: int
    low: int
    high: int
    error: float | None
    query: str
    how_to_try: str


@dataclass(frozen=True, slots=True)
class Savings:
    """What could be cheaper, the most first. `looked`: how many of the `calls` were looked at."""

    suggestions: Sequence[Suggestion]
    calls: int
    looked: int

    @property
    def exact(self) -> bool:
        """Whether all calls were looked at."""
        return self.looked == self.calls


def suggestions(
    ask: Ask,
    since: datetime,
    until: datetime,
    prices: PriceBook,
    *,
    late: Callable[[], bool] = lambda: False,
    most: int = MOST_CALLS,
    at_once: int = AT_ONCE,
) -> Savings:
    """Return what could be cheaper in the calls from `since` to before `until` (aware).

    `prices`: today's, for comparing models. `late`: asked between statements; once it is true, what
    was looked at so far is the sample. Raises what `ask` raises.
    """
    start, end = naive(since), naive(until)
    between = {"since": moment(_hour(start)), "until": moment(end)}
    hours = ask(filled("hours", **between), None).rows()
    planned = plan(hours, start, end, most=most, at_once=at_once)
    if not planned.stretches:
        return Savings((), planned.calls, planned.calls)
    known = rates(ask(filled("models", **between), None).rows(), prices, until)
    judged = usual(ask, planned.stretches, known)
    found, looked = _found(ask, planned.stretches, known, judged, late)
    exact = planned.exact and len(looked) == len(planned.stretches)
    table = estimated(found, None if exact else _spent(ask, start, end))
    proofs = Proofs(known, judged, found, looked, (start, end) if exact else None, at_once)
    return Savings(
        _worth_a_line(table, proofs, _MONTH / max(end - start, _DAY)),
        planned.calls,
        planned.calls if exact else sum(each.calls for each in looked),
    )


def _found(
    ask: Ask,
    stretches: Sequence[Stretch],
    known: Sequence[Rates],
    judged: pl.DataFrame,
    late: Callable[[], bool],
) -> tuple[pl.DataFrame, Sequence[Stretch]]:
    """Return what is claimed in each stretch (schema `FOUND`), and those that were looked at."""
    parameter = {"usual": as_parameter(judged)}
    parts: list[pl.DataFrame] = []
    for each in stretches:
        if parts and late():
            break
        answer = ask(sums(each.start, each.end, known), parameter)
        place = pl.lit(len(parts), pl.Int64()).alias("stretch")
        parts.append(answer.with_columns(place).select(FOUND.names()).cast(FOUND))
    return pl.concat(parts), stretches[: len(parts)]


def _spent(ask: Ask, start: datetime, end: datetime) -> pl.DataFrame:
    """Return what was spent in the hours that lie wholly in the range (schema `SPENT`)."""
    first = _hour(start + HOUR - timedelta(microseconds=1))
    return ask(filled("spent", since=moment(first), until=moment(_hour(end))), None).cast(SPENT)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _worth_a_line(table: pl.DataFrame, proofs: Proofs, monthly: float) -> list[Suggestion]:
    found = []
    for row in table.select("kind", *OF, "calls", "cost", "low", "high", "error").iter_rows():
        kind, agent, provider, model, calls, cost, low, high, error = row
        low, high = round(low * monthly), round(high * monthly)
        if high >= LEAST_A_MONTH:
            query = proofs.of(kind, agent, provider, model)
            of = (kind, agent, provider, model, calls, cost)
            found.append(Suggestion(*of, low, high, error, query, TRY[kind]))
    return found
