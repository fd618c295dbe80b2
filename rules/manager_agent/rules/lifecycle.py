"""The life of one alert: pending, firing, resolved. Written once, for every rule."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from manager_agent.rules.alert import Alert
from manager_agent.rules.finding import Finding

Reason = Literal[
    "pending",  # seen, but not for long enough
    "fired",  # an alert from now on: people are told
    "worsened",  # a new high: people are told
    "changed",  # another severity at no new high: only recorded
    "continues",  # nothing new but the numbers
    "reopened",  # back at a level that was told before: only recorded
    "resolved",  # over
    "remembered",  # over, kept so that its return is not told again
    "dropped",  # went away before it became an alert
    "forgotten",  # over for good
]


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert after one tick and why it is so."""

    reason: Reason
    alert: Alert


def seen(alert: Alert | None, finding: Finding, now: datetime, revision: int) -> Transition:
    """Return the alert now that its finding was made; `revision` is used if it changes."""
    if alert is None:
        alert = Alert(finding, "pending", since=now)
    if alert.state != "pending":
        return _again(alert, finding, revision)
    alert = replace(alert, finding=finding)
    held = max(now - alert.since, timedelta(0))  # a clock put back is no reason to wait
    if held < finding.hold:
        return Transition("pending", alert)
    return Transition("fired", _fire(alert, now, revision))


def unseen(alert: Alert, now: datetime, revision: int) -> Transition:
    """Return the alert now that its finding was not made; `revision` is used if it changes."""
    if alert.state == "pending":
        return Transition("dropped", alert)
    if alert.state == "firing":
        return Transition(
            "resolved", replace(alert, state="resolved", resolved=now, revision=revision)
        )
    return Transition("remembered" if may_return(alert, now) else "forgotten", alert)


def may_return(alert: Alert, now: datetime) -> bool:
    """Return whether a resolved alert would still be the same alert if its finding came back."""
    return alert.finding.until is not None and now < alert.finding.until


def _fire(alert: Alert, now: datetime, revision: int) -> Alert:
    return replace(
        alert,
        state="firing",
        alert_id=_identifier(alert.finding, revision),
        fired=now,
        told=alert.finding.level,
        revision=revision,
    )


def _again(alert: Alert, finding: Finding, revision: int) -> Transition:
    current = replace(alert, finding=finding)
    changed = replace(current, state="firing", resolved=None, revision=revision)
    if alert.told is None or finding.level > alert.told:
        return Transition("worsened", replace(changed, told=finding.level))
    if alert.state == "resolved":
        return Transition("reopened", changed)
    if finding.severity != alert.finding.severity:
        return Transition("changed", changed)
    return Transition("continues", current)


def _identifier(finding: Finding, revision: int) -> str:
    """Return 16 hex digits; the revision makes each firing of one finding another alert."""
    return sha256(f"{finding.rule}\n{finding.subject}\n{revision}".encode()).hexdigest()[:16]
