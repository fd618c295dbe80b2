"""Alerts: as they are remembered between ticks, and as users query them."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from manager_agent.rules.finding import Finding

Reason = Literal[
    "pending",  # seen, but not for long enough
    "fired",  # an alert from now on
    "worsened",  # higher than it ever was
    "changed",  # another severity at no new high
    "reopened",  # back, at no new high, while what was told is remembered
    "muted",  # another alert explains it: people are not told
    "unmuted",  # nothing explains it any more
    "silenced",  # a silence covers it: people are not told
    "unsilenced",  # no silence covers it any more
    "told",  # people hear now of what they did not hear of before
    "resolved",  # over
    "withdrawn",  # its rule is switched off or gone: nobody looks any more
    "dropped",  # went away before it became an alert
]
"""Why an alert changed; each change is recorded under one."""

RowState = Literal["pending", "firing", "resolved", "dropped"]


@dataclass(frozen=True, slots=True)
class Mute:
    """Why people are not told: `by` is the alert that explains it, one that they were told of.

    `seen`: when it did last, UTC. It holds for `linger` after that.
    """

    by: str
    why: str
    seen: datetime
    linger: timedelta


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding with its life so far.

    `finding`: as last seen. `since`: first seen, UTC. `alert_id`: its own from the first record on.
    `fired`, `resolved`: UTC, None before. `missing`: since when it is gone without being over yet,
    UTC. `peak`: the highest level there was, None while pending. `told`: the highest level people
    were told, None before. `resolved_told`: whether people heard that it was over. `mute`,
    `silenced_by` (the id of a silence, or empty): why they are not told. `revision`: of its last
    change.
    """

    finding: Finding
    state: Literal["pending", "firing", "resolved"]
    since: datetime
    alert_id: str = ""
    fired: datetime | None = None
    resolved: datetime | None = None
    missing: datetime | None = None
    peak: int | None = None
    told: int | None = None
    resolved_told: bool = False
    mute: Mute | None = None
    silenced_by: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One change of one alert, column for column the DuckDB table `alert_events`.

    `revision` rises with every change of any alert. `ts`: when it fired (while it is pending: since
    when), `resolved_ts`: when it was over, else None; both UTC. `evidence_json`: a JSON object, its
    keys in reading order. `changed_ts`: when it changed, UTC, and `reason` why; None for those that
    were recorded before reasons were. `told`: whether people were told at this change. `muted_by`,
    `muted_why`: the alert that explains it, and how; `silenced_by`: the silence that covers it.
    """

    alert_id: str
    revision: int
    ts: datetime
    rule: str
    agent: str | None
    severity: str
    state: RowState
    title: str
    message: str
    resolved_ts: datetime | None
    evidence_json: str
    changed_ts: datetime | None = None
    reason: Reason | None = None
    told: bool | None = None
    muted_by: str | None = None
    muted_why: str | None = None
    silenced_by: str | None = None


def row(alert: Alert, reason: Reason, at: datetime, told: bool = False) -> AlertRow:
    """Return the change of `alert` that was made at `at` for `reason`."""
    finding, mute = alert.finding, alert.mute
    return AlertRow(
        alert_id=alert.alert_id,
        revision=alert.revision,
        ts=alert.fired or alert.since,
        rule=finding.rule,
        agent=finding.agent,
        severity=finding.severity,
        state="dropped" if reason == "dropped" else alert.state,
        title=finding.title,
        message=finding.headline,
        resolved_ts=alert.resolved,
        evidence_json=json.dumps(dict(finding.evidence), ensure_ascii=False),
        changed_ts=at,
        reason=reason,
        told=told,
        muted_by=None if mute is None else mute.by,
        muted_why=None if mute is None else mute.why,
        silenced_by=alert.silenced_by or None,
    )
