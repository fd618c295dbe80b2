"""The life of one alert: pending, firing, resolved. Written once, for every rule."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from manager_agent.rules.alert import Alert, Reason
from manager_agent.rules.finding import Finding

Outcome = (
    Reason
    | Literal[
        "waits",  # still pending
        "continues",  # nothing new but the numbers
        "missing",  # gone, not for long enough to be over
        "kept",  # its rule could not look: as it was
        "remembered",  # over, kept so that its return is not told again
        "forgotten",  # over for good
    ]
)
"""What became of an alert: a reason to record, or nothing that is."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert after one tick and why it is so; `found`: whether its finding was made."""

    reason: Outcome
    alert: Alert
    found: bool = False


def seen(alert: Alert | None, finding: Finding, now: datetime) -> Transition:
    """Return the alert now that its finding was made."""
    if alert is None:
        return _waiting("pending", Alert(finding, "pending", since=now), now)
    if alert.state == "pending":
        # A clock put back must not make it wait for as long as it was put back.
        return _waiting("waits", replace(alert, finding=finding, since=min(alert.since, now)), now)
    return _again(alert, finding)


def unseen(alert: Alert, now: datetime) -> Transition:
    """Return the alert now that its finding was not made."""
    if alert.state == "pending":
        return Transition("dropped", alert)
    if alert.state == "firing":
        missing = now if alert.missing is None else min(alert.missing, now)
        if now - missing < alert.finding.keep:
            return Transition("missing", replace(alert, missing=missing))
        return Transition("resolved", over(alert, now))
    return Transition("remembered" if may_return(alert, now) else "forgotten", alert)


def withdrawn(alert: Alert, now: datetime) -> Transition:
    """Return the alert now that nobody looks for it any more."""
    if alert.state == "firing":
        return Transition("withdrawn", over(alert, now))
    return unseen(alert, now)


def over(alert: Alert, now: datetime) -> Alert:
    """Return the alert as resolved."""
    return replace(alert, state="resolved", resolved=now, missing=None)


def may_return(alert: Alert, now: datetime) -> bool:
    """Return whether a resolved alert would still be the same alert if its finding came back."""
    return alert.finding.until is not None and now < alert.finding.until


def _waiting(outcome: Literal["pending", "waits"], alert: Alert, now: datetime) -> Transition:
    if now - alert.since < alert.finding.hold:
        return Transition(outcome, alert, found=True)
    level = alert.finding.level
    return Transition("fired", replace(alert, state="firing", fired=now, peak=level), found=True)


def _again(alert: Alert, finding: Finding) -> Transition:
    current = replace(alert, finding=finding, state="firing", resolved=None, missing=None)
    if alert.peak is None or finding.level > alert.peak:
        return Transition("worsened", replace(current, peak=finding.level), found=True)
    if alert.state == "resolved":
        return Transition("reopened", current, found=True)
    if finding.severity != alert.finding.severity:
        return Transition("changed", current, found=True)
    return Transition("continues", current, found=True)
