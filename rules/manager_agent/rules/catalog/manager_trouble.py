"""Manager trouble: what is wrong with the manager itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Severity
from manager_agent.rules.rule import rule

_TITLES = {
    "disk": "the disk is nearly full",
    "facts": "calls cannot be stored",
    "budgets": "budgets cannot be stored",
    "rule": "a rule is broken",
    "delivery": "messages reach nobody",
    "snapshot": "SQL shows old data",
    "slow": "looks at the rules are slow",
}
_CRITICAL = frozenset({"disk", "facts", "budgets"})
_AT_ONCE = frozenset({*_CRITICAL, "delivery"})
"""What does not pass by itself within a look or two."""


@rule
class ManagerTrouble:
    """Tells when the manager cannot do its work.

    A rule that raises, a message that a notifier refused for good, a disk that is nearly full, a
    snapshot that cannot be published, looks that take longer than they may.

    It is told wherever alerts still go, and `manager-agent status` shows it in any case.
    """

    patience_minutes: Annotated[float, Field(ge=0)] = 3.0
    """Minutes for which a rule must raise, a snapshot fail or looks be slow before it is told."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name everything that is wrong."""
        for row in frames.health.iter_rows(named=True):
            yield self._finding(row)

    def _finding(self, row: dict[str, Any]) -> Finding:
        trouble, about = row["trouble"], row["about"]
        severity: Severity = "critical" if trouble in _CRITICAL else "warning"
        patience = timedelta(minutes=self.patience_minutes)
        title = f"the manager: {_TITLES[trouble]}"
        return Finding(
            rule="manager_trouble",
            subject=f"{trouble}|{about}",
            agent=None,
            severity=severity,
            title=f"{title}, {about}" if about else title,
            headline=f"{title}: {row['said']}",
            evidence={"trouble": trouble, "about": about or None, "said": row["said"]},
            hold=timedelta(0) if trouble in _AT_ONCE else patience,
            tell_resolved=True,
        )
