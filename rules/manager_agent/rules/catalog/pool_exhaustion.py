"""Pool exhaustion: agents that share a limit have spent a share of it that people are warned at."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.limits import Line, clock, pools
from manager_agent.rules.message import Severity
from manager_agent.rules.rule import rule


@rule
class PoolExhaustion:
    """Tells once per window when a group or the fleet reaches each share in `budgets.warn_at`.

    As `budget` does for agents; it names those who spent most. It has no settings of its own:
    limits are under `groups` and `fleet`.
    """

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every shared limit that reached a share, with the highest share it reached."""
        for line in pools(frames):
            reached = [share for share in frames.policy.warn_at if _reaches(line, share)]
            if reached:
                yield _finding(line, max(reached), now, frames.policy.zone)


def _reaches(line: Line, share: Decimal) -> bool:
    part, whole = share.as_integer_ratio()
    return line.spent > 0 and line.spent * whole >= line.limit * part


def _severity(share: Decimal) -> Severity:
    if share >= 1:
        return "critical"
    return "warning" if share >= Decimal("0.8") else "info"


def _finding(line: Line, share: Decimal, now: datetime, zone: ZoneInfo) -> Finding:
    least = "at least " if line.unit == "usd" and line.unpriced_calls else ""
    percent = line.spent * 100 // line.limit if line.limit else None
    known = "" if percent is None else f" ({percent:,} %)"
    most = f"; most by {', '.join(line.spenders)}" if line.spenders else ""
    return Finding(
        rule="pool_exhaustion",
        subject=line.subject(zone),
        agent=None,
        severity=_severity(share),
        title=f"{line.who}: {line.name}",
        headline=f"{line.who} spent {least}{line.shown(line.spent)} of its "
        f"{line.shown(line.limit)} {line.name}{known}, resets "
        f"{clock(line.resets_at, now, zone)}{most}",
        evidence={
            "who": line.who,
            "period": line.period,
            "unit": line.unit,
            **line.facts(spent=line.spent, limit=line.limit),
            "percent": percent,
            "spenders": ", ".join(line.spenders),
            "resets_at": line.resets_at.astimezone(zone).isoformat(timespec="minutes"),
            "enforcement": line.enforcement,
            "unpriced_calls": line.unpriced_calls,
        },
        level=int(share * 1_000_000),
        until=line.resets_at,
    )
