"""What is known of each agent now, and what all of them used in the calendar's hour, day, month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import duckdb

from manager_agent.analytics.questions import Row, ask, usage_by_agent
from manager_agent.api import pausing
from manager_agent.api.services import Services
from manager_agent.api.standing import Standing, accounts_of, standings
from manager_agent.contract.window import PERIODS, window
from manager_agent.rules.alert import AlertRow

KNOWN_FOR = timedelta(days=31)
"""An agent is listed for as long after its last call."""

RECENT = timedelta(hours=1)
"""How far back last_seen is exact and last_error is looked for; after it an agent is idle."""

WARN_TENTHS = 8
"""From so many tenths of a limit on, an agent's health is `warning`."""

Health = Literal["ok", "warning", "critical", "idle"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one agent, or all, used in a window: cost_usd and tokens None where unknown."""

    calls: int = 0
    errors: int = 0
    tokens: int | None = 0
    cost_usd: Decimal | None = Decimal(0)
    unpriced_calls: int = 0

    @property
    def success_rate(self) -> float | None:
        """Part of the calls that did not fail, 0 to 1; None without calls."""
        return (self.calls - self.errors) / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: `priority` None without a budget, `hour` its use of the current clock hour.

    `paused`: by itself, with a group of it or with the fleet.
    `breaker`: what stands before its calls, `closed`, `half_open` or `open`.
    """

    name: str
    health: Health
    priority: int | None
    budgets: Sequence[Standing]
    hour: Usage
    calls_last_minute: int
    last_seen: datetime | None
    last_error: str | None
    paused: bool = False
    breaker: str = "closed"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All agents by name, and the totals by period."""

    agents: Sequence[Agent]
    totals: Mapping[str, Usage]


def fleet(services: Services, now: datetime, alerts: Sequence[AlertRow]) -> Fleet:
    """Read the fleet from the rollups. Blocks. Raises `duckdb.Error`."""
    con = services.read()
    try:
        usage = {p: usage_by_agent(con, window(p, now, services.zone)) for p in PERIODS}
        seen = _seen(con, now)
    finally:
        con.close()
    hours = {row["agent"]: _usage([row]) for row in usage["hour"]}
    breaker_of = services.people.breaker_of if services.people else lambda name: "closed"
    budgets: dict[str, list[Standing]] = {}
    for row in standings(services.budgets(), accounts_of(services.oversight)):
        budgets.setdefault(row.name, []).append(row)
    stopped = pausing.stopped(services.oversight)
    agents = [
        replace(
            _agent(name, seen.get(name, {}), budgets.get(name, []), alerts, hours, now),
            paused=stopped(name) is not None,
            breaker=breaker_of(name),
        )
        for name in sorted(seen.keys() | budgets.keys())
    ]
    return Fleet(agents, {period: _usage(rows) for period, rows in usage.items()})


def known_agents(con: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Return how many agents called lately."""
    return len(ask(con, "agents_seen", start=now - KNOWN_FOR, end=now + RECENT))


def health(
    alerts: Sequence[AlertRow],
    budgets: Sequence[Standing],
    last_seen: datetime | None,
    now: datetime,
) -> Health:
    """Return the worst that open `alerts` and `budgets` say of an agent; else whether it works."""
    severities = {alert.severity for alert in alerts if alert.state == "firing"}
    if "critical" in severities or any(b.spent >= b.most for b in budgets):
        return "critical"
    if "warning" in severities or any(b.spent * 10 >= b.most * WARN_TENTHS for b in budgets):
        return "warning"
    return "idle" if last_seen is None or last_seen < now - RECENT else "ok"


def _seen(con: duckdb.DuckDBPyConnection, now: datetime) -> dict[str, Row]:
    """Return last_seen, last_error and calls_last_minute by agent."""
    # Clocks of agents run ahead at times: what they date a little into the future counts.
    end = now + RECENT
    known = ask(con, "agents_seen", start=now - KNOWN_FOR, end=end)
    minute = now - timedelta(minutes=1)
    recent = ask(con, "agents_now", start=now - RECENT, end=end, minute_start=minute)
    found: dict[str, Row] = {row["agent"]: {"last_seen": row["last_hour"]} for row in known}
    return found | {row["agent"]: row for row in recent}


def _agent(
    name: str,
    seen: Row,
    budgets: Sequence[Standing],
    alerts: Sequence[AlertRow],
    hours: Mapping[Any, Usage],
    now: datetime,
) -> Agent:
    last_seen = seen.get("last_seen")
    own = [alert for alert in alerts if alert.agent == name]
    return Agent(
        name=name,
        health=health(own, budgets, last_seen, now),
        priority=budgets[0].priority if budgets else None,
        budgets=budgets,
        hour=hours.get(name, Usage()),
        calls_last_minute=seen.get("calls_last_minute", 0),
        last_seen=last_seen,
        last_error=seen.get("last_error"),
    )


def _usage(rows: Sequence[Row]) -> Usage:
    if not rows:
        return Usage()
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    tokens = [row["tokens"] for row in rows if row["tokens"] is not None]
    return Usage(
        calls=sum(row["calls"] for row in rows),
        errors=sum(row["errors"] for row in rows),
        tokens=sum(tokens) if tokens else None,
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        unpriced_calls=sum(row["unpriced_calls"] for row in rows),
    )
