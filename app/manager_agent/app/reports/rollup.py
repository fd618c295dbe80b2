"""The daily and the weekly report: what was spent, on what, where it is going, what was done."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from manager_agent.analytics.report_used import by_agent, by_model, total
from manager_agent.analytics.savings.suggest import Savings
from manager_agent.app.reports import words
from manager_agent.app.reports.deeds import deeds_section
from manager_agent.app.reports.gathered import PACE_DAYS, Gathered
from manager_agent.app.reports.hourly import against, doubts
from manager_agent.app.reports.limits import LimitLine
from manager_agent.app.reports.period import Period
from manager_agent.app.reports.tables import agents_table, cost_by_day, models_table, trends
from manager_agent.app.reports.told_issues import issues_section
from manager_agent.rules.amounts import counted, dollars, usd_text
from manager_agent.rules.message import Fact, Message, Section

_TOP = 10
_LIMITS = 8
_SAVINGS = 5
_BEFORE = {"daily": "the day before", "weekly": "the week before"}
_AGAINST = {"daily": "Day before", "weekly": "Week before"}


def rollup(
    of: Gathered, missed: Sequence[Period], key: str, now: datetime, zone: ZoneInfo
) -> Message:
    """Return what people are told. `missed`: periods before that nothing was told of."""
    return Message(
        key=key,
        alert_id="",
        kind=f"{of.period.kind}_report",
        state="firing",
        severity="info",
        agent=None,
        headline=_headline(of, zone),
        ts=now,
        facts=_facts(of, missed, zone),
        sections=tuple(_sections(of, zone)),
    )


def _headline(of: Gathered, zone: ZoneInfo) -> str:
    now, when = total(of.lines), words.span(of.period, zone)
    kept = f"; {dollars(of.kept)} kept" if of.kept else ""
    if not now.calls:
        return f"{when}: no calls{kept}"
    agents = counted(len(by_agent(of.lines)), "agent")
    compared = against(now, total(of.before), _BEFORE[of.period.kind])
    return (
        f"{when}: {words.cost(now)} for {counted(now.calls, 'call')} of {agents}, {compared}{kept}"
    )


def _facts(of: Gathered, missed: Sequence[Period], zone: ZoneInfo) -> dict[str, Fact]:
    now, before = total(of.lines), total(of.before)
    facts: dict[str, Fact] = {
        "period": words.span(of.period, zone),
        "cost_usd": words.cost_fact(now),
        "calls": now.calls,
        "tokens": now.tokens,
        "success_rate": words.success(now),
        "active_agents": sum(agent is not None for agent in by_agent(of.lines)),
        f"{_BEFORE[of.period.kind].removeprefix('the ').replace(' ', '_')}_usd": (
            words.cost_fact(before) if before.calls else "no calls"
        ),
        "change": words.change(now, before),
        **doubts(now, of.seen),
        "month_so_far_usd": words.cost_fact(of.month_so_far),
        "month_expected_usd": (
            None if of.month_so_far.unknown else usd_text(round(of.month_expected, -4))
        ),
        "open_alerts": of.seen.alerted.open,
        "open_issues": of.seen.open_issues,
        **_done(of),
    }
    if missed:
        facts["not_told_before"] = _missed(missed)
    return facts


def _done(of: Gathered) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    if of.seen.refused:
        facts["refused_calls"] = of.seen.refused_calls
        facts["kept_usd"] = None if of.kept is None else usd_text(round(of.kept, -4))
    if isinstance(of.savings, Savings) and of.savings.suggestions:
        found = of.savings.suggestions
        low, high = (sum(getattr(one, side) for one in found) for side in ("low", "high"))
        facts["could_save_a_month"] = f"{dollars(low)} to {dollars(high)}"
    return facts


def _missed(missed: Sequence[Period]) -> str:
    names = [one.name for one in missed]
    shown = ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"
    return f"{shown}: the manager was not running or had nothing to tell"


def _sections(of: Gathered, zone: ZoneInfo) -> Iterator[Section]:
    agents = by_agent(of.lines)
    if agents:
        kind = of.period.kind
        before = by_agent(of.before)
        yield agents_table("By agent", agents, before, _AGAINST[kind], _TOP, trends(of.days))
        yield models_table(by_model(of.lines), _TOP)
    yield cost_by_day(of.days, zone)
    if of.limits:
        yield _limits(of.limits)
    if of.issues.first:
        yield issues_section(of.issues, zone)
    if isinstance(of.savings, str):
        yield Section("Savings", of.savings)
    elif of.savings.suggestions:
        yield _savings(of.savings)
    yield deeds_section(of)


def _limits(limits: Sequence[LimitLine]) -> Section:
    rows = tuple(
        (
            f"{one.line.who}, {one.line.name}",
            _at_least(one) + one.line.shown(one.line.spent),
            one.line.shown(one.line.limit),
            f"{one.percent} %",
            "–" if one.expected is None else one.line.shown(one.expected),
        )
        for one in limits[:_LIMITS]
    )
    more = len(limits) - len(rows)
    text = f"Month's end: if it goes on like the last {PACE_DAYS} days."
    text += f" {more:,} more: `manager-agent budget list`" if more > 0 else ""
    return Section("Budgets", text, ("Limit", "Spent", "Of", "Used", "Month's end"), rows)


def _at_least(one: LimitLine) -> str:
    unknown = one.line.unpriced_calls and one.line.unit == "usd"
    return "at least " if unknown else ""


def _savings(savings: Savings) -> Section:
    shown = savings.suggestions[:_SAVINGS]
    rows = tuple(
        (
            f"{dollars(one.low)} to {dollars(one.high)}",
            one.kind.replace("_", " "),
            words.name(one.agent),
            words.name(one.model),
            f"{one.calls:,}",
        )
        for one in shown
    )
    how = {one.kind: one.how_to_try for one in shown}
    lines = [f"{kind.replace('_', ' ')}: {said}" for kind, said in how.items()]
    if not savings.exact:
        lines.append(
            f"Reckoned from {savings.looked:,} of {savings.calls:,} calls, spread over the time."
        )
    text = "\n".join(lines)
    return Section("Savings", text, ("A month", "What", "Agent", "Model", "Calls"), rows)
