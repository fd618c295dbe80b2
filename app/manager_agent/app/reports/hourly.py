"""The hourly summary: what the hour cost, whom, and whether anything is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from manager_agent.analytics.report_seen import Seen, seen
from manager_agent.analytics.report_used import Sum, Used, by_agent, total, used
from manager_agent.app.reports import words
from manager_agent.app.reports.period import Period, same_time_yesterday
from manager_agent.app.reports.tables import agents_table
from manager_agent.rules.amounts import counted, usd_text
from manager_agent.rules.message import Fact, Message

TOP = 5


@dataclass(frozen=True, slots=True)
class Hour:
    """What was used in an interval, at the same time yesterday, and what else happened."""

    period: Period
    lines: Sequence[Used]
    before: Sequence[Used]
    seen: Seen

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to tell."""
        alerted = self.seen.alerted
        return not (self.lines or self.seen.refused or alerted.fired or alerted.resolved)


def hour(con: duckdb.DuckDBPyConnection, found: Period, zone: ZoneInfo) -> Hour:
    """Read it. Raises `duckdb.Error`."""
    stretch = (found.start, found.end)
    lines, before = used(con, [stretch, same_time_yesterday(found, zone)])
    return Hour(found, lines, before, seen(con, stretch))


def hourly_summary(of: Hour, key: str, now: datetime, zone: ZoneInfo) -> Message:
    """Return what people are told of it."""
    agents = by_agent(of.lines)
    rows = agents_table("Top agents by cost", agents, by_agent(of.before), "Against yesterday", TOP)
    return Message(
        key=key,
        alert_id="",
        kind="hourly_summary",
        state="firing",
        severity="info",
        agent=None,
        headline=_headline(of, zone),
        ts=now,
        facts=_facts(of, zone),
        sections=(rows,) if agents else (),
    )


def _headline(of: Hour, zone: ZoneInfo) -> str:
    now, before = total(of.lines), total(of.before)
    when = words.span(of.period, zone)
    if not now.calls:
        return f"{when}: no calls"
    agents = counted(len(by_agent(of.lines)), "agent")
    return (
        f"{when}: {words.cost(now)} for {counted(now.calls, 'call')} of {agents},"
        f" {against(now, before, 'the same time yesterday')}"
    )


def against(now: Sum, before: Sum, when: str) -> str:
    """Return how a cost compares: `25 % more than the same time yesterday ($0.96)`."""
    if not before.calls:
        return f"no calls at {when}" if "time" in when else f"no calls {when}"
    change = words.change(now, before)
    if change[-1] != "%":
        return f"against {words.cost(before)} {when}"
    if change == "+0 %":
        return f"as much as {when}"
    word = "less" if "-" in change else "more"
    return f"{change.replace('+', '').replace('-', '')} {word} than {when} ({words.cost(before)})"


def _facts(of: Hour, zone: ZoneInfo) -> dict[str, Fact]:
    now, before = total(of.lines), total(of.before)
    facts: dict[str, Fact] = {
        "period": words.span(of.period, zone),
        "cost_usd": words.cost_fact(now),
        "calls": now.calls,
        "tokens": now.tokens,
        "success_rate": words.success(now),
        "active_agents": sum(agent is not None for agent in by_agent(of.lines)),
        "yesterday_usd": words.cost_fact(before) if before.calls else "no calls",
        "change": words.change(now, before),
        **doubts(now, of.seen),
        "open_alerts": of.seen.alerted.open,
        "open_issues": of.seen.open_issues,
    }
    if of.seen.refused:
        facts["refused_calls"] = of.seen.refused_calls
    return facts


def doubts(of: Sum, found: Seen) -> dict[str, Fact]:
    """Return what is not certain of a sum; nothing where all is."""
    unsure = found.unsure
    facts: dict[str, Fact] = {}
    if of.unpriced:
        facts["unpriced_calls"] = of.unpriced
    if unsure.uncounted:
        facts["calls_without_tokens"] = unsure.uncounted
    if unsure.estimated:
        facts["estimated_calls"] = unsure.estimated
        facts["estimated_usd"] = usd_text(unsure.estimated_cost)
    return facts
