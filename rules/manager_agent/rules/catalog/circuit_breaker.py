"""Circuit breaker: one has opened, of an agent or of a provider's model family."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.contract.family import UNKNOWN, family_of
from manager_agent.rules.amounts import counted
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.rule import rule

_LINGER = timedelta(minutes=10)
"""What failed before a breaker opened is in the rates for so long."""


@rule
class CircuitBreaker:
    """Tells when a breaker opens, with who, why and until when; and when it has closed again.

    While it is half open, calls are tried one by one, and the alert goes on. One that people hold
    open is told for information. When it opens is set by `breaker` and
    `thresholds.max_consecutive_failures`.
    """

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every breaker that is not closed."""
        for row in frames.breakers.filter(pl.col("state") != "closed").iter_rows(named=True):
            yield _finding(row, frames)


def _finding(row: dict[str, Any], frames: Frames) -> Finding:
    errors = _errors_of(row, frames.calls)
    agents = sorted({name for name in errors["agent"].to_list() if name})
    who = row["agent"] or f"{row['provider']}'s {row['family']}"
    held = row["held_by"]
    stopped = "calls are tried one by one" if row["state"] == "half_open" else "calls are refused"
    until = "" if row["until"] is None else f" until {row['until']:%H:%M:%S} UTC"
    why = row["reason"] or "no reason given"
    return Finding(
        rule="circuit_breaker",
        subject=row["key"],
        agent=row["agent"],
        severity="info" if held else "critical" if row["agent"] is None else "warning",
        title=f"the breaker of {who} is not closed",
        headline=f"The breaker of {who} is {row['state'].replace('_', ' ')}"
        f"{f', held by {held}' if held else ''}: {why}; {stopped}{until}",
        evidence={
            "breaker": row["key"],
            "state": row["state"],
            "reason": row["reason"],
            "since": None if row["since"] is None else row["since"].isoformat(timespec="seconds"),
            "until": None if row["until"] is None else row["until"].isoformat(timespec="seconds"),
            "openings": row["openings"],
            "held_by": held,
            "agents": ", ".join(agents[:10]),
            "errors_last_hour": errors.height,
            "shared_by": counted(len(agents), "agent"),
            "last_error": errors["error_message"][-1] if errors.height else None,
        },
        level=0 if held else min(row["openings"], 1),
        tell_resolved=True,
        mutes=_explained((row["agent"],) if row["agent"] else tuple(agents)),
    )


def _explained(agents: tuple[str, ...]) -> tuple[Mutes, ...]:
    """Return what needs not be told beside: that the calls fail that it stands before."""
    why = "a breaker stands before its calls"
    return tuple(
        Mutes(rule=rule, why=why, agents=agents, upto="critical", linger=_LINGER)
        for rule in ("error_burst", "success_rate")
    )


def _errors_of(row: dict[str, Any], calls: pl.DataFrame) -> pl.DataFrame:
    """Return the failed calls of the last hour that a breaker stands before, in order of `ts`."""
    failed = calls.filter(pl.col("status") == "error")
    if row["agent"] is not None:
        return failed.filter(pl.col("agent") == row["agent"])
    mine = failed.filter(pl.col("provider") == row["provider"])
    models = {model: family_of(model) for model in mine["model"].unique().to_list()}
    named = [model for model, family in models.items() if family == row["family"] and model]
    of_none = row["family"] == UNKNOWN
    return mine.filter(pl.col("model").is_in(named) | (pl.col("model").is_null() & of_none))
