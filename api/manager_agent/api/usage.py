"""What agents used in the calendar's hour, day or month so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import duckdb

from manager_agent.analytics.questions import Row, ask, usage_by_agent
from manager_agent.api.services import Services
from manager_agent.contract.window import Period, Window, window

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class UsageStats:
    """What one agent used in a window; `cost_usd`, `tokens` None where none is known.

    `mean_ms`: mean duration of its calls, None without any. `last_call`: when its last call began
    (UTC), for all agents at once to the minute.
    """

    agent: str
    calls: int = 0
    errors: int = 0
    tokens: int | None = 0
    cost_usd: Decimal | None = Decimal(0)
    unpriced_calls: int = 0
    mean_ms: float | None = None
    last_call: datetime | None = None


def usage_of(services: Services, agent: str, period: Period) -> tuple[Window, UsageStats]:
    """Return the window of `period` around now and what `agent` used in it. Blocks."""
    found = window(period, services.clock(), services.zone)
    con = services.read()
    try:
        rows = [row for row in usage_by_agent(con, found) if row["agent"] == agent]
        minutes = _last_minutes(con, found)
        last = _exactly(con, agent, minutes[agent]) if agent in minutes else None
    finally:
        con.close()
    return found, _stats(rows[0], last) if rows else UsageStats(agent)


def usage_of_all(services: Services, period: Period) -> tuple[Window, list[UsageStats]]:
    """Return the window of `period` around now and what each agent used in it, by name. Blocks."""
    found = window(period, services.clock(), services.zone)
    con = services.read()
    try:
        rows = usage_by_agent(con, found)
        minutes = _last_minutes(con, found)
    finally:
        con.close()
    return found, sorted(_each(rows, minutes), key=lambda stats: stats.agent)


def _each(rows: Iterable[Row], minutes: Mapping[str, datetime]) -> Iterable[UsageStats]:
    return (_stats(row, minutes.get(row["agent"])) for row in rows if row["agent"] is not None)


def _stats(row: Row, last: datetime | None) -> UsageStats:
    return UsageStats(
        agent=row["agent"],
        calls=row["calls"],
        errors=row["errors"],
        tokens=row["tokens"],
        cost_usd=row["cost_usd"],
        unpriced_calls=row["unpriced_calls"],
        mean_ms=(row["duration_ms_sum"] or 0.0) / row["calls"] if row["calls"] else None,
        last_call=last,
    )


def _last_minutes(con: duckdb.DuckDBPyConnection, found: Window) -> dict[str, datetime]:
    rows = ask(con, "last_minutes", start=found.start, end=found.end)
    return {row["agent"]: row["last_minute"] for row in rows}


def _exactly(con: duckdb.DuckDBPyConnection, agent: str, minute: datetime) -> datetime:
    """Return when the last call of the agent within `minute` began."""
    rows = ask(con, "last_calls", start=minute, end=minute + _MINUTE)
    return next((row["last_call"] for row in rows if row["agent"] == agent), minute)
