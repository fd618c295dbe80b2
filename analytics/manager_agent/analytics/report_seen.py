"""What happened beside the calls, for reports: refusals, deeds, alerts, issues, and doubts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb

from manager_agent.analytics.report_ask import asked
from manager_agent.analytics.report_used import Range
from manager_agent.contract.money import nano_usd
from manager_agent.contract.stored_time import aware, naive

MOST_ISSUES = 20
"""How many issues a report names."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """What is not certain of a sum. `estimated_cost`: nano-USD of calls whose tokens are a guess.

    `uncounted`: calls that went well and told no tokens; nobody knows what they cost.
    """

    estimated: int = 0
    estimated_cost: int = 0
    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Calls of one agent that a gate refused for one reason."""

    agent: str | None
    reason: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class Alerted:
    """Alerts that fired and were over in a range, and those open at its end, critical ones too."""

    fired: int = 0
    resolved: int = 0
    open: int = 0
    critical: int = 0


@dataclass(frozen=True, slots=True)
class SeenIssue:
    """One group of similar errors. Times are UTC. `cost`: nano-USD, None where none is known."""

    issue_id: str
    kind: str
    title: str
    tldr: str
    first_seen: datetime
    last_seen: datetime
    count: int
    agents: str
    cost: int | None
    state: str
    priority: int | None


@dataclass(frozen=True, slots=True)
class SeenIssues:
    """The issues that matter most, and of all that there are: how many, `first_priority` those of
    priority 1, `new` and `regressed` those in that state, and what they `burnt`, nano-USD."""

    first: tuple[SeenIssue, ...] = ()
    in_all: int = 0
    first_priority: int = 0
    new: int = 0
    regressed: int = 0
    burnt: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened in a range beside the calls that went out.

    `deeds`: how often a kind of control event ended in which word, as `("breaker", "open")`.
    """

    unsure: Unsure = Unsure()
    refused: tuple[Refused, ...] = ()
    deeds: Mapping[tuple[str, str], int] | None = None
    alerted: Alerted = Alerted()
    open_issues: int = 0

    def did(self, kind: str, *outcomes: str) -> int:
        """Return how often something of `kind` ended in one of `outcomes`."""
        return sum((self.deeds or {}).get((kind, outcome), 0) for outcome in outcomes)

    @property
    def refused_calls(self) -> int:
        """All calls that were refused."""
        return sum(one.calls for one in self.refused)


def seen(con: duckdb.DuckDBPyConnection, found: Range) -> Seen:
    """Return what happened in a range. Raises `duckdb.Error`."""
    bounds = {"start": naive(found[0]), "end": naive(found[1])}
    [(estimated, estimated_usd, uncounted)] = asked(con, "unsure", **bounds)
    [alerted] = asked(con, "alerted", **bounds)
    [(open_issues,)] = asked(con, "open_issues", end=bounds["end"])
    return Seen(
        Unsure(estimated, nano_usd(estimated_usd), uncounted),
        tuple(Refused(*row) for row in asked(con, "refused", **bounds)),
        {(kind, outcome): count for kind, outcome, count in asked(con, "deeds", **bounds)},
        Alerted(*alerted),
        open_issues,
    )


def issues(con: duckdb.DuckDBPyConnection, found: Range, *, also_open: bool) -> SeenIssues:
    """Return the issues seen in a range, and those that are open beside them where `also_open`.

    Raises `duckdb.Error`.
    """
    bounds = {"start": naive(found[0]), "end": naive(found[1])}
    rows = asked(con, "issues", **bounds, open=also_open, most=MOST_ISSUES)
    first = tuple(_issue(*row[:11]) for row in rows)
    if not rows:
        return SeenIssues()
    in_all, first_priority, new, regressed, burnt_usd = rows[0][11:]
    return SeenIssues(first, in_all, first_priority, new, regressed, nano_usd(burnt_usd))


def _issue(
    issue_id: str,
    kind: str,
    title: str,
    tldr: str,
    first_seen: datetime,
    last_seen: datetime,
    count: int,
    agents: str | None,
    cost_usd: Decimal | None,
    state: str,
    priority: int | None,
) -> SeenIssue:
    cost = None if cost_usd is None else nano_usd(cost_usd)
    times = (aware(first_seen), aware(last_seen))
    return SeenIssue(
        *(issue_id, kind, title, tldr), *times, count, agents or "", cost, state, priority
    )
