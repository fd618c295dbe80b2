"""Error issue: a new group of similar errors, or one that was over and is back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import counted, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Severity
from manager_agent.rules.rule import rule

_REMEMBERED = timedelta(hours=24)


@rule
class ErrorIssue:
    """Tells once of each group of similar errors, and once more each time it comes back.

    Errors are grouped by kind, provider, model family and masked message, across agents: an
    outage that ten agents share is one issue. It is over when it was quiet for a while; an issue
    that was resolved, by a quiet day or by people, and comes back is told anew.
    """

    min_errors: Annotated[int, Field(ge=1)] = 5
    """Errors in a day before people are told. Errors of kinds that do not pass by themselves, a
    refused key, no credit, an unknown model, are told from the second on."""

    min_transient_errors: Annotated[int, Field(ge=1)] = 20
    """As min_errors, of kinds that often pass by themselves: rate limits, overload, timeouts."""

    quiet_minutes: Annotated[int, Field(ge=1)] = 60
    """Minutes without such an error until the alert is over."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every issue that goes on and has errors enough."""
        for row in frames.issues.iter_rows(named=True):
            quiet = now - row["last_seen"] >= timedelta(minutes=self.quiet_minutes)
            if not quiet and row["last_day"] >= self._least(row):
                yield _finding(row, now)

    def _least(self, row: dict[str, Any]) -> int:
        if row["kind"] in ("auth", "quota", "model_not_found"):
            return min(2, self.min_errors)
        return self.min_transient_errors if row["transient"] else self.min_errors


def _finding(row: dict[str, Any], now: datetime) -> Finding:
    agents = row["agents"]
    again = row["regressions"]
    return Finding(
        rule="error_issue",
        subject=f"{row['issue_id']}|{again}",
        agent=agents[0] if len(agents) == 1 else None,
        severity=_severity(row),
        title=row["title"] if not again else f"{row['title']} (back again)",
        headline=f"Back again: {row['tldr']}" if again else row["tldr"],
        evidence={
            "issue_id": row["issue_id"],
            "kind": row["kind"],
            "provider": row["provider"],
            "family": row["family"],
            "errors": row["count"],
            "errors_24h": row["last_day"],
            "agents": ", ".join(agents[:10]),
            "affected": counted(len(agents), "agent"),
            "cost_usd": usd_text(row["cost"]),
            "unpriced_calls": row["unpriced"],
            "grouped_by": row["cause"],
            "first_seen": row["first_seen"].isoformat(timespec="minutes"),
            "last_seen": row["last_seen"].isoformat(timespec="minutes"),
            "priority": row["priority"],
            "remedy": row["action"],
        },
        until=now + _REMEMBERED,
        tell_resolved=False,
    )


def _severity(row: dict[str, Any]) -> Severity:
    if row["priority"] == 1:
        return "critical"
    return "info" if row["priority"] == 4 else "warning"
