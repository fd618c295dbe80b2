"""Circuit breaker: one has opened, of an agent or of a provider's model family."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.contract.family import UNKNOWN, family_of
from manager_agent.rules.amounts import counted
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.issues.kinds import Kind
from manager_agent.rules.rule import rule

_KINDS: tuple[Kind, ...] = ("overloaded", "server_error", "timeout", "connection")
"""Kinds of errors that open breakers."""
_LINGER = timedelta(minutes=10)
"""What failed before a breaker opened is in the rates for so long."""


@rule
class CircuitBreaker:
    """Tells when a breaker opens, with who, why and until when; and when it has closed again.

    While it is half open, calls are tried one by one, and the alert goes on. One that people hold
    open is told for information. When it opens is set by `breaker` and
    `thresholds.max_consecutive_failures`. What agents have of a provider's trouble is told with the
    breaker of its model family: which agents, since when, with which errors.
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
            "provider": row["provider"],
            "family": row["family"],
            "agents": ", ".join(agents[:10]),
            "errors_last_hour": errors.height,
            "shared_by": counted(len(agents), "agent"),
            "first_error": _first(errors),
            "error_types": _types(errors),
            "last_error": errors["error_message"][-1] if errors.height else None,
        },
        level=0 if held else min(row["openings"], 1),
        tell_resolved=True,
        mutes=_explained(row, tuple(agents)),
    )


def _first(errors: pl.DataFrame) -> str | None:
    first = errors["ts"].min()
    return first.isoformat(timespec="seconds") if isinstance(first, datetime) else None


def _types(errors: pl.DataFrame) -> str | None:
    """Return the types of errors, the most frequent first; None without any."""
    types = errors["error_type"].fill_null("unknown").value_counts()
    rows = types.sort(["count", "error_type"], descending=[True, False]).head(5).iter_rows()
    return ", ".join(f"{kind} x{count:,}" for kind, count in rows) or None


def _explained(row: dict[str, Any], agents: tuple[str, ...]) -> tuple[Mutes, ...]:
    """Return what needs not be told beside: that the calls fail that it stands before.

    Of a model family also what failed as an issue, and the pattern, where that is of it alone.
    """
    mine = (row["agent"],) if row["agent"] else agents
    why = "a breaker stands before its calls"
    bursts = tuple(
        Mutes(rule=rule, why=why, agents=mine, upto="critical", linger=_LINGER)
        for rule in ("error_burst", "success_rate")
    )
    if row["agent"] or row["held_by"]:
        return bursts
    provider, family = row["provider"], row["family"]
    same = tuple(
        Mutes(rule=rule, why=why, upto="critical", facts=facts, linger=_LINGER)
        for kind in _KINDS
        for rule, facts in (
            ("failure_pattern", {"provider": provider, "models": family, "kind": kind}),
            ("error_issue", {"provider": provider, "family": family, "kind": kind}),
        )
    )
    return (*bursts, *same)


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
