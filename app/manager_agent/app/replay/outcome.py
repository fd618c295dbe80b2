"""Alerts of a replay beside those that fired, each once with how it ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from manager_agent.rules.alert import AlertRow


@dataclass(frozen=True, slots=True)
class Fired:
    """One alert: when it fired and was over (UTC, None: not yet), as last told."""

    alert_id: str
    rule: str
    agent: str | None
    severity: str
    title: str
    message: str
    fired: datetime
    resolved: datetime | None


@dataclass(frozen=True, slots=True)
class Pair:
    """An alert of the replay, one that did fire, or both where they tell of the same."""

    replayed: Fired | None
    live: Fired | None

    @property
    def shown(self) -> Fired:
        """The replay's, else the one that fired."""
        found = self.replayed or self.live
        if found is None:
            raise ValueError("a pair holds at least one alert")
        return found


def alerts_of(rows: Iterable[AlertRow]) -> list[Fired]:
    """Return each alert of a replay, in the order they fired; what was only pending is none."""
    last = {row.alert_id: row for row in rows if row.state in ("firing", "resolved")}
    found = [
        Fired(
            *(row.alert_id, row.rule, row.agent, row.severity, row.title, row.message),
            fired=row.ts,
            resolved=row.resolved_ts,
        )
        for row in last.values()
    ]
    return sorted(found, key=lambda each: (each.fired, each.rule, each.agent or "", each.title))


def paired(
    replayed: Sequence[Fired], live: Sequence[Fired], until: datetime, slack: timedelta
) -> list[Pair]:
    """Return both side by side, in order of time.

    Two tell of the same where rule, agent and title are equal and they overlap, `slack` given.
    """
    left = list(live)
    pairs = []
    for mine in replayed:
        match = next((other for other in left if _same(mine, other, until, slack)), None)
        if match is not None:
            left.remove(match)
        pairs.append(Pair(mine, match))
    pairs += [Pair(None, other) for other in left]
    return sorted(pairs, key=lambda pair: (pair.shown.fired, pair.shown.rule))


def _same(one: Fired, other: Fired, until: datetime, slack: timedelta) -> bool:
    if (one.rule, one.agent, one.title) != (other.rule, other.agent, other.title):
        return False
    ends = one.resolved or until, other.resolved or until
    return one.fired - slack <= ends[1] and other.fired - slack <= ends[0]
