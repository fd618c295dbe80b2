"""Alerts: as they are remembered between ticks, and as users query them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from manager_agent.rules.finding import Finding
from manager_agent.rules.message import State


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding with its life so far.

    `finding`: as last seen. `since`: first seen, UTC. `alert_id`: empty while pending.
    `fired`, `resolved`: UTC, None before. `told`: the highest level people were told, None
    before. `resolved_told`: whether people heard that it was over. `revision`: of its last change.
    """

    finding: Finding
    state: Literal["pending", "firing", "resolved"]
    since: datetime
    alert_id: str = ""
    fired: datetime | None = None
    resolved: datetime | None = None
    told: int | None = None
    resolved_told: bool = False
    revision: int = 0


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One change of one alert, column for column the DuckDB table `alert_events`.

    `revision` rises with every change of any alert. `ts`: when it fired, `resolved_ts`: when it
    was over, else None; both UTC. `evidence_json`: a JSON object, its keys in reading order.
    """

    alert_id: str
    revision: int
    ts: datetime
    rule: str
    agent: str | None
    severity: str
    state: State
    title: str
    message: str
    resolved_ts: datetime | None
    evidence_json: str


def row(alert: Alert) -> AlertRow:
    """Return `alert` as users see it. Raises `ValueError` for one that is pending."""
    if alert.state == "pending" or alert.fired is None:
        raise ValueError(f"alert {alert.finding.key} is pending; only fired alerts have rows")
    finding = alert.finding
    return AlertRow(
        alert_id=alert.alert_id,
        revision=alert.revision,
        ts=alert.fired,
        rule=finding.rule,
        agent=finding.agent,
        severity=finding.severity,
        state=alert.state,
        title=finding.title,
        message=finding.headline,
        resolved_ts=alert.resolved,
        evidence_json=json.dumps(dict(finding.evidence), ensure_ascii=False),
    )
