"""The reminder: what people were told of long ago, and is still so."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from manager_agent.rules.alert import Alert
from manager_agent.rules.amounts import counted
from manager_agent.rules.message import Fact, Message
from manager_agent.rules.quiet import is_quiet

STILL_OPEN = "still_open"
"""The `kind` of the message."""

_SHOWN = 20
_ORDER = {"critical": 0, "warning": 1, "info": 2}


def reminded(
    alerts: Sequence[Alert], last: datetime | None, now: datetime, every: timedelta | None
) -> tuple[datetime | None, Message | None]:
    """Return when people were reminded last, and what to tell them now, if anything.

    They are reminded once in `every` of alerts that fired at least as long ago, that they were told
    of, and that are not quiet. A clock put back makes nobody wait longer than that. The message's
    key is to be made unique.
    """
    if every is None:
        return last, None
    last = now if last is None else min(last, now)
    if now - last < every:
        return last, None
    due = [one for one in alerts if _is_due(one, now, every)]
    return now, _message(due, now) if due else None


def _is_due(alert: Alert, now: datetime, every: timedelta) -> bool:
    if alert.state != "firing" or alert.told is None or alert.fired is None or is_quiet(alert):
        return False
    return now - alert.fired >= every


def _message(due: Sequence[Alert], now: datetime) -> Message:
    worst = sorted(due, key=lambda one: (_ORDER[one.finding.severity], one.finding.key))
    agents = {one.finding.agent for one in due}
    shown = worst[:_SHOWN]
    facts: dict[str, Fact] = {
        f"{number}": f"{one.finding.headline} (since {one.fired:%Y-%m-%d %H:%M} UTC)"
        for number, one in enumerate(shown, 1)
    }
    if len(worst) > _SHOWN:
        facts["more"] = len(worst) - _SHOWN
    return Message(
        key=STILL_OPEN,
        alert_id="",
        kind=STILL_OPEN,
        state="firing",
        severity=worst[0].finding.severity,
        agent=agents.pop() if len(agents) == 1 else None,
        headline=f"{counted(len(due), 'alert')} still open",
        ts=now,
        facts=facts,
    )
