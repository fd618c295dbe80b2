"""An issue as people, rules and SQL see it: its facts with what they mean at a moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from manager_agent.analytics.frames import ISSUES
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.issues.issue import Issue, Pattern, micros, moment
from manager_agent.rules.issues.kinds import ABOUT
from manager_agent.rules.issues.mask import bare
from manager_agent.rules.issues.standing import (
    Priority,
    Trend,
    priorities,
    priority_of,
    trend_of,
)
from manager_agent.rules.issues.tldr import tldr

_ALIKE_PERCENT = 50


@dataclass(frozen=True, slots=True)
class IssueView:
    """One issue at a moment. `patterns`: the one seen most first. `cause`: its template."""

    issue: Issue
    patterns: tuple[Pattern, ...]
    cause: str
    tldr: str
    trend: Trend
    priority: Priority

    @property
    def agents(self) -> list[str]:
        """The agents that share it, the one with most errors first."""
        counts = self.issue.sum.agents
        return sorted(counts, key=lambda name: (-counts[name], name))


def views(
    issues: Iterable[Issue], patterns: Iterable[Pattern], now: datetime, policy: BudgetPolicy
) -> list[IssueView]:
    """Return issues as they are seen at `now`, what matters most first."""
    mine: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        mine.setdefault(pattern.issue_id, []).append(pattern)
    found = [_view(issue, mine.get(issue.issue_id, []), now, policy) for issue in issues]
    return sorted(
        found,
        key=lambda one: (
            one.issue.state == "resolved",
            one.priority.level,
            -one.issue.sum.last_us,
            one.issue.issue_id,
        ),
    )


def alike(view: IssueView, others: Iterable[IssueView]) -> list[IssueView]:
    """Return the issues that may be the same trouble, for people to merge: of its kind, and alike
    in their words."""
    words = set(map(bare, view.cause.split()))
    found = []
    for other in others:
        if other.issue.issue_id == view.issue.issue_id or other.issue.kind != view.issue.kind:
            continue
        its = set(map(bare, other.cause.split()))
        if len(words & its) * 100 >= len(words | its) * _ALIKE_PERCENT:
            found.append(other)
    return found


def frame_of(found: Sequence[IssueView]) -> pl.DataFrame:
    """Return `Frames.issues` of those that are not resolved."""
    rows = [_row(view) for view in found if view.issue.state != "resolved"]
    return pl.DataFrame(rows, schema=ISSUES)


def _view(
    issue: Issue, patterns: Sequence[Pattern], now: datetime, policy: BudgetPolicy
) -> IssueView:
    now_us = micros(now)
    order = tuple(sorted(patterns, key=lambda one: (-one.tally.count, one.template.template_id)))
    cause = order[0].template.text if order else ""
    return IssueView(
        issue,
        order,
        cause,
        tldr(issue, cause, now, now_us, policy.zone),
        trend_of(issue, now_us),
        priority_of(issue, now_us, priorities(policy)),
    )


def _row(view: IssueView) -> dict[str, Any]:
    issue, scope, about = view.issue, view.issue.scope, ABOUT[view.issue.kind]
    return {
        "issue_id": issue.issue_id,
        "kind": issue.kind,
        "state": issue.state,
        "title": issue.title,
        "tldr": view.tldr,
        "cause": view.cause,
        "action": about.action,
        "transient": about.transient,
        "provider": scope.provider or None,
        "family": scope.family or None,
        "tool": scope.tool or None,
        "http_status": scope.status,
        "agents": view.agents,
        "first_seen": moment(issue.sum.first_us),
        "last_seen": moment(issue.sum.last_us),
        "count": issue.sum.count,
        "last_day": view.trend.last_day,
        "cost": issue.sum.cost,
        "unpriced": issue.sum.unpriced,
        "priority": view.priority.level,
        "regressions": issue.regressions,
    }
