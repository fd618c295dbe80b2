"""Failure pattern: a provider's trouble that several agents share, told once instead of by each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.contract.family import family_of
from manager_agent.rules.amounts import counted
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.issues.kinds import ABOUT, Kind
from manager_agent.rules.issues.recognise import kind_of_call
from manager_agent.rules.rule import rule

_THEIRS: frozenset[Kind] = frozenset(
    {"overloaded", "server_error", "timeout", "connection", "auth", "quota", "rate_limit"}
)
_OPEN: frozenset[Kind] = frozenset({"overloaded", "server_error", "timeout", "connection"})
"""What opens breakers."""
_LINGER = timedelta(minutes=10)
_SAID = ("error_type", "http_status", "error_message")
_HOW = ("provider", "model", "agent", "error_type", "http_status")


@dataclass(slots=True)
class _Pattern:
    count: int = 0
    since: datetime | None = None
    agents: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


@rule
class FailurePattern:
    """Tells once of a provider and kind of error that several agents share at the same time.

    It names the provider, the models, the types of error, since when and which agents, so that an
    outage is one message and not one for each agent. Errors that are the caller's own, such as a
    bad request, are left out. Where one model family alone fails and its breaker opened, the alert
    of the breaker says it.
    """

    minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """Minutes that are looked at."""

    min_agents: Annotated[int, Field(ge=2)] = 2
    """Agents that must share it."""

    min_errors: Annotated[int, Field(ge=1)] = 10
    """Errors of one kind before anything is said."""

    percent: Annotated[float, Field(gt=0, le=100)] = 25.0
    """Share of these agents' calls to the provider that must fail so."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every provider's trouble that is shared."""
        recent = frames.calls.filter(pl.col("ts") > now - timedelta(minutes=self.minutes))
        if not (recent["status"] == "error").any():
            return
        total = {
            (row["provider"], row["agent"]): row["len"]
            for row in recent.group_by("provider", "agent").len().iter_rows(named=True)
        }
        for (provider, kind), pattern in sorted(_patterns(recent).items()):
            calls = sum(total[(provider, agent)] for agent in pattern.agents)
            shared = len(pattern.agents) >= self.min_agents and pattern.count >= self.min_errors
            if shared and pattern.count * 100 >= calls * self.percent:
                began = self._began(frames.calls, provider, kind)
                yield _finding(provider, kind, replace(pattern, since=began), calls)

    def _began(self, calls: pl.DataFrame, provider: str, kind: Kind) -> datetime:
        """Return when this began: the first such failure of the hour that others followed."""
        failed = calls.filter((pl.col("status") == "error") & (pl.col("provider") == provider))
        alike = _with_kinds(failed.select("ts", *_SAID)).filter(pl.col("kind") == kind)
        moments: list[datetime] = alike["ts"].sort().to_list()
        began = moments[0]
        for before, after in pairwise(moments):
            if after - before > timedelta(minutes=self.minutes):
                began = after
        return began


def _patterns(recent: pl.DataFrame) -> Mapping[tuple[str, Kind], _Pattern]:
    found: dict[tuple[str, Kind], _Pattern] = {}
    failed = recent.filter(pl.col("status") == "error").drop_nulls(["provider", "agent"])
    theirs = _with_kinds(failed).filter(pl.col("kind").is_in(list(_THEIRS)))
    alike = theirs.group_by("kind", *_HOW).agg(
        pl.len().alias("count"), pl.col("ts").min().alias("since")
    )
    for row in alike.sort("since", *_HOW).iter_rows(named=True):
        kind = row["kind"]
        pattern = found.setdefault((row["provider"], kind), _Pattern(since=row["since"]))
        pattern.count += row["count"]
        pattern.agents[row["agent"]] += row["count"]
        pattern.families[family_of(row["model"])] += row["count"]
        pattern.errors[_type(row)] += row["count"]
    return found


def _type(row: dict[str, Any]) -> str:
    """Return an error's type as its sender named it, with its HTTP status where that is another."""
    kind, status = row["error_type"], row["http_status"]
    if status is None or str(status) == kind:
        return kind or "unknown"
    return f"{kind} ({status})" if kind else str(status)


def _with_kinds(failed: pl.DataFrame) -> pl.DataFrame:
    """Add the `kind` of each error; what thousands say alike is looked at once."""
    said = failed.select(_SAID).unique()
    kinds = [
        kind_of_call(error_type or "", status, message or "")
        for error_type, status, message in said.iter_rows()
    ]
    told = said.with_columns(pl.Series("kind", kinds, pl.String()))
    return failed.join(told, on=_SAID, nulls_equal=True, maintain_order="left")


def _finding(provider: str, kind: Kind, pattern: _Pattern, calls: int) -> Finding:
    agents, families, errors = map(_most, (pattern.agents, pattern.families, pattern.errors))
    since = pattern.since
    about = ABOUT[kind]
    return Finding(
        rule="failure_pattern",
        subject=f"{provider}|{kind}",
        agent=None,
        severity="warning" if kind == "rate_limit" else "critical",
        title=f"{provider}: {about.words}, for several agents",
        headline=f"{pattern.count:,} of {counted(calls, 'call')} to {provider} failed"
        f"{'' if since is None else f' since {since:%H:%M} UTC'}: {about.words}; shared by"
        f" {counted(len(agents), 'agent')} ({', '.join(agents[:5])}); {about.action}",
        evidence={
            "provider": provider,
            "kind": kind,
            "errors": pattern.count,
            "calls": calls,
            "agents": ", ".join(agents[:20]),
            "affected": len(agents),
            "models": ", ".join(families[:10]),
            "error_types": ", ".join(f"{one} x{pattern.errors[one]:,}" for one in errors[:5]),
            "since": None if since is None else since.isoformat(timespec="minutes"),
            "remedy": about.action,
        },
        tell_resolved=True,
        mutes=_explained(provider, kind, tuple(agents), len(families)),
    )


def _most(counts: Counter[str]) -> list[str]:
    """Return names in order, that with most errors first."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def _explained(
    provider: str, kind: Kind, agents: tuple[str, ...], families: int
) -> tuple[Mutes, ...]:
    """Return what needs not be told beside: each agent's burst, the same as an issue, and, where
    several of its model families fail, the breaker of each."""
    why = f"{provider} has trouble that several agents share"
    bursts = tuple(
        Mutes(rule=rule, why=why, agents=agents, upto="critical", linger=_LINGER)
        for rule in ("error_burst", "success_rate")
    )
    facts = {"provider": provider, "kind": kind}
    issue = Mutes(rule="error_issue", why=why, upto="critical", facts=facts)
    if families == 1 or kind not in _OPEN:
        return (*bursts, issue)
    theirs = {"provider": provider}
    breaker = Mutes(rule="circuit_breaker", why=why, upto="critical", facts=theirs, linger=_LINGER)
    return (*bursts, issue, breaker)
