"""One step of the rule engine: what was remembered and what is found -> what to keep and to say."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, get_args

from manager_agent.rules.alert import Alert, AlertRow, Reason, row
from manager_agent.rules.finding import Finding
from manager_agent.rules.lifecycle import Outcome, Transition, may_return, seen, unseen, withdrawn
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Message
from manager_agent.rules.quiet import is_quiet, quieted
from manager_agent.rules.reminder import reminded
from manager_agent.rules.silence import Silence

_RECORDED: dict[str, Reason] = {reason: reason for reason in get_args(Reason)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_REMEMBERED = 10_000
"""Alerts that are over and remembered; beyond it the oldest are forgotten before their time."""


@dataclass(frozen=True, slots=True)
class Step:
    """All consequences of one tick, as data; the store commits them together.

    `messages`: for the outbox. `alerts`: one row for each alert that changed. Both ordered by
    rule and subject.
    """

    memory: Memory
    messages: tuple[Message, ...] = ()
    alerts: tuple[AlertRow, ...] = ()


def step(
    memory: Memory,
    findings: Iterable[Finding],
    now: datetime,
    failed: Collection[str] = (),
    *,
    silences: Iterable[Silence] = (),
    gone: Collection[str] = (),
    remind: timedelta | None = None,
) -> Step:
    """Return what follows from `findings` at `now` (UTC); pure, equal for equal arguments.

    `failed` names the rules that could not look this time: their alerts stay as they are, since
    silence from a broken rule is no news. `gone`: those that look no more; their alerts are
    withdrawn. Of findings with one identity the highest level counts. `silences`: all there are;
    `now` says which hold. `remind`: how often people are told what is still open.
    """
    count = _Revisions(memory.revision, now)
    became = [_became(*pair, now, failed, gone) for pair in _pairs(memory, findings)]
    done = quieted([_identified(one, count) for one in became], silences, now)
    kept: list[Alert] = []
    messages: list[Message] = []
    rows: list[AlertRow] = []
    for one in done:
        after, message = _told(one, now)
        reason = _RECORDED.get(after.reason)
        if reason is not None:
            after = replace(after, alert=replace(after.alert, revision=count.next()))
            rows.append(row(after.alert, reason, now, told=message is not None))
        messages += [message] if message else []
        kept += _kept(after, now)
    last, reminder = reminded(kept, memory.reminded, now, remind)
    if reminder is not None:
        messages.append(replace(reminder, key=f"{reminder.kind}:{count.next()}"))
    return Step(Memory(_bounded(kept), count.last, last), tuple(messages), tuple(rows))


class _Revisions:
    """Gives out revisions: microseconds since 1970 where the clock allows.

    So they go on rising even if the memory of earlier ones was lost with its file.
    """

    def __init__(self, last: int, now: datetime) -> None:
        self.last = last
        self._floor = (now - _EPOCH) // timedelta(microseconds=1)

    def next(self) -> int:
        self.last = max(self.last + 1, self._floor)
        return self.last


def _pairs(
    memory: Memory, findings: Iterable[Finding]
) -> Iterator[tuple[Alert | None, Finding | None]]:
    """Yield each alert with its finding, and what has only one of the two, ordered by identity."""
    alerts = {alert.finding.key: alert for alert in memory.alerts}
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if finding.key not in found or finding.level > found[finding.key].level:
            found[finding.key] = finding
    for key in sorted(alerts.keys() | found.keys()):
        yield alerts.get(key), found.get(key)


def _became(
    alert: Alert | None,
    finding: Finding | None,
    now: datetime,
    failed: Collection[str],
    gone: Collection[str],
) -> Transition:
    if finding is not None:
        return seen(alert, finding, now)
    if alert is None:
        raise ValueError("neither an alert nor a finding was given")
    if alert.finding.rule in failed:
        return Transition("kept", alert)
    return withdrawn(alert, now) if alert.finding.rule in gone else unseen(alert, now)


def _identified(done: Transition, count: _Revisions) -> Transition:
    """Give an alert its id: 16 hex digits, another one each time that its finding comes anew."""
    if done.alert.alert_id:
        return done
    finding = done.alert.finding
    text = f"{finding.rule}\n{finding.subject}\n{count.next()}"
    identifier = sha256(text.encode()).hexdigest()[:16]
    return replace(done, alert=replace(done.alert, alert_id=identifier))


def _told(done: Transition, now: datetime) -> tuple[Transition, Message | None]:
    """Return what to tell people, if anything, and the alert that knows of it.

    A message's key is used once in the life of an alert.
    """
    alert = done.alert
    if is_quiet(alert):
        return done, None
    level = alert.finding.level
    if done.found and alert.state == "firing" and (alert.told is None or level > alert.told):
        reason: Outcome = "told" if done.reason == "continues" else done.reason
        told = replace(done, reason=reason, alert=replace(alert, told=level))
        return told, _message(alert, "firing", f"firing:{level}", alert.finding.headline, now)
    heard = alert.told is not None and alert.finding.tell_resolved and not alert.resolved_told
    if done.reason == "resolved" and heard:
        over = replace(done, alert=replace(alert, resolved_told=True))
        return over, _message(
            alert, "resolved", "resolved", f"Resolved: {alert.finding.title}", now
        )
    return done, None


def _kept(done: Transition, now: datetime) -> list[Alert]:
    if done.reason in ("dropped", "forgotten"):
        return []
    if done.reason in ("resolved", "withdrawn") and not may_return(done.alert, now):
        return []
    return [done.alert]


def _bounded(kept: Sequence[Alert]) -> tuple[Alert, ...]:
    over = sorted(alert.revision for alert in kept if alert.state == "resolved")
    if len(over) <= MOST_REMEMBERED:
        return tuple(kept)
    oldest = over[len(over) - MOST_REMEMBERED]
    return tuple(a for a in kept if a.state != "resolved" or a.revision >= oldest)


def _message(
    alert: Alert, state: Literal["firing", "resolved"], what: str, headline: str, now: datetime
) -> Message:
    finding = alert.finding
    return Message(
        key=f"{alert.alert_id}:{what}",
        alert_id=alert.alert_id,
        kind=finding.rule,
        state=state,
        severity=finding.severity,
        agent=finding.agent,
        headline=headline,
        ts=now,
        facts=finding.evidence,
    )
