"""Issues as sections of a message: similar errors as one entry, what matters most first."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from manager_agent.analytics.report_seen import SeenIssue, SeenIssues, issues
from manager_agent.app.reports import words
from manager_agent.app.reports.period import Period
from manager_agent.rules.amounts import counted, dollars
from manager_agent.rules.message import Fact, Message, Section

_IN_A_REPORT = 5
_SHOWN = 10
_AGENTS = 3


def issues_section(found: SeenIssues, zone: ZoneInfo) -> Section:
    """Return the first issues of a daily or weekly report, each with its TLDR."""
    shown = found.first[:_IN_A_REPORT]
    lines = [f"P{one.priority or 4}, {one.state}: {one.tldr}" for one in shown]
    more = found.in_all - len(shown)
    if more:
        lines.append(f"{more:,} more: `manager-agent report issues`")
    rows = tuple(_row(one, zone) for one in shown)
    return Section("Issues", "\n".join(lines), _COLUMNS, rows)


def issues_of(con: duckdb.DuckDBPyConnection, found: Period) -> SeenIssues:
    """Read the issues of a period, and those that are still open. Raises `duckdb.Error`."""
    return issues(con, (found.start, found.end), also_open=True)


def issues_report(
    found: SeenIssues, of: Period, key: str, now: datetime, zone: ZoneInfo
) -> Message:
    """Return what people are told of all issues of a period and those still open."""
    shown = found.first[:_SHOWN]
    return Message(
        key=key,
        alert_id="",
        kind="issues_report",
        state="firing",
        severity="info",
        agent=None,
        headline=_headline(found, of, zone),
        ts=now,
        facts=_facts(found, of, zone),
        sections=tuple(_entry(one, zone) for one in shown) + _more(found, len(shown)),
    )


def _headline(found: SeenIssues, of: Period, zone: ZoneInfo) -> str:
    if not found.in_all:
        return f"{words.span(of, zone)}: no issues"
    first = found.first[0]
    return (
        f"{words.span(of, zone)}: {counted(found.in_all, 'issue')};"
        f" the first: {first.title}, {counted(first.count, 'error')}"
    )


def _facts(found: SeenIssues, of: Period, zone: ZoneInfo) -> dict[str, Fact]:
    return {
        "period": words.span(of, zone),
        "issues": found.in_all,
        "of_priority_1": found.first_priority,
        "new": found.new,
        "back_again": found.regressed,
        **({"burnt": dollars(found.burnt)} if found.burnt else {}),
    }


def _entry(one: SeenIssue, zone: ZoneInfo) -> Section:
    facts = [counted(one.count, "error"), f"agents: {_agents(one)}"]
    facts.append(f"first {words.clock(one.first_seen, zone)}")
    facts.append(f"last {words.clock(one.last_seen, zone)}")
    if one.cost:
        facts.append(f"{dollars(one.cost)} burnt")
    return Section(
        f"P{one.priority or 4} {one.title} ({one.state})",
        f"{'; '.join(facts)}\n{one.tldr}\n`{one.issue_id}`",
    )


def _more(found: SeenIssues, shown: int) -> tuple[Section, ...]:
    more = found.in_all - shown
    if more <= 0:
        return ()
    how = '`manager-agent sql "SELECT * FROM issues ORDER BY priority, last_seen DESC"`'
    return (Section(counted(more, "more issue"), how),)


_COLUMNS = ("Priority", "Issue", "Errors", "Agents", "First", "Last")


def _row(one: SeenIssue, zone: ZoneInfo) -> tuple[str, ...]:
    times = (words.clock(each, zone) for each in (one.first_seen, one.last_seen))
    return (str(one.priority or 4), one.title, f"{one.count:,}", _agents(one), *times)


def _agents(one: SeenIssue) -> str:
    names = [name.strip() for name in one.agents.split(",") if name.strip()]
    more = len(names) - _AGENTS
    shown: Sequence[str] = names[:_AGENTS]
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or words.NAMELESS
