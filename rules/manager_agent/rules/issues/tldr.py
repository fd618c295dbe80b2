"""An issue in three sentences, made of its facts by templates: what, how much, what to do."""

from datetime import datetime
from zoneinfo import ZoneInfo

from manager_agent.rules.amounts import counted, dollars
from manager_agent.rules.issues.issue import Issue, moment
from manager_agent.rules.issues.kinds import ABOUT
from manager_agent.rules.issues.naming import who
from manager_agent.rules.issues.standing import Trend, trend_of

_NAMED = 3


def tldr(issue: Issue, cause: str, now: datetime, now_us: int, zone: ZoneInfo) -> str:
    """Return what happened, since when, how much, the top cause, and one thing to do.

    `cause`: the template of most of its errors. Times are in `zone`.
    """
    about = ABOUT[issue.kind]
    noun = "execution" if issue.kind == "tool_error" else "call"
    many = counted(issue.sum.count, f"failed {noun}")
    what = f"{who(issue.scope)}: {many} {_when(issue, now, zone)}"
    shared = _shared(issue)
    facts = [part for part in (shared, _burnt(issue), _trend(trend_of(issue, now_us))) if part]
    parts = [f"{what}, {about.words}", "; ".join(facts)]
    if cause:
        parts.append(f"Most often: {cause}")
    if issue.state == "resolved":
        parts.append(f"Resolved by {issue.resolved_by}: {issue.why or 'no reason given'}")
    else:
        parts.append(f"To do: {about.action}")
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def _when(issue: Issue, now: datetime, zone: ZoneInfo) -> str:
    first = moment(issue.sum.first_us).astimezone(zone)
    same_day = first.date() == now.astimezone(zone).date()
    return f"since {first:%H:%M %Z}" if same_day else f"since {first:%Y-%m-%d %H:%M %Z}"


def _shared(issue: Issue) -> str:
    agents = sorted(issue.sum.agents.items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{name} {count:,}" for name, count in agents[:_NAMED])
    more = len(agents) - _NAMED
    return f"{counted(len(agents), 'agent')} ({named}{f' and {more} more' if more > 0 else ''})"


def _burnt(issue: Issue) -> str:
    if issue.kind == "tool_error":
        return ""
    if issue.sum.unpriced == issue.sum.count:
        return "cost unknown"
    least = "at least " if issue.sum.unpriced else ""
    return f"{least}{dollars(issue.sum.cost)} burnt" if issue.sum.cost else "nothing burnt"


def _trend(trend: Trend) -> str:
    if trend.word == "new":
        return ""
    return f"{trend.word}: {trend.last_day:,} in 24 h, {trend.day_before:,} in the 24 before"
