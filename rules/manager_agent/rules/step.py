"""One step of the rule engine: what was remembered and what is found -> what to keep and to say."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from manager_agent.rules.alert import Alert, AlertRow, row
from manager_agent.rules.finding import Finding
from manager_agent.rules.lifecycle import Reason, Transition, may_return, seen, unseen
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Message

_CHANGES: frozenset[Reason] = frozenset({"fired", "worsened", "changed", "reopened", "resolved"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    memory: Memory, findings: Iterable[Finding], now: datetime, failed: Collection[str] = ()
) -> Step:
    """Return what follows from `findings` at `now` (UTC); pure, equal for equal arguments.

    `failed` names the rules that could not look this time: their alerts stay as they are, since
    silence from a broken rule is no news. Of findings with one identity the highest level counts.
    """
    revision = memory.revision
    kept: list[Alert] = []
    messages: list[Message] = []
    rows: list[AlertRow] = []
    for alert, finding in _pairs(memory, findings):
        if finding is None and alert is not None and alert.finding.rule in failed:
            kept.append(alert)
            continue
        done = _advance(alert, finding, now, _following(revision, now))
        if done.reason in _CHANGES:
            revision = done.alert.revision
            rows.append(row(done.alert))
        message = _message(done, now)
        messages += [message] if message else []
        kept += _kept(done, now, told=message is not None)
    return Step(Memory(tuple(kept), revision), tuple(messages), tuple(rows))


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


def _advance(
    alert: Alert | None, finding: Finding | None, now: datetime, revision: int
) -> Transition:
    if finding is not None:
        return seen(alert, finding, now, revision)
    if alert is None:
        raise ValueError("neither an alert nor a finding was given")
    return unseen(alert, now, revision)


def _following(revision: int, now: datetime) -> int:
    """Return the next revision: microseconds since 1970 where the clock allows.

    So revisions go on rising even if the memory of earlier ones was lost with its file.
    """
    return max(revision + 1, (now - _EPOCH) // timedelta(microseconds=1))


def _kept(done: Transition, now: datetime, told: bool) -> list[Alert]:
    alert = done.alert
    if done.reason in ("dropped", "forgotten"):
        return []
    if done.reason == "resolved":
        over = replace(alert, resolved_told=alert.resolved_told or told)
        return [over] if may_return(alert, now) else []
    return [alert]


def _message(done: Transition, now: datetime) -> Message | None:
    """Return what to tell people, if anything; its key is used once in the life of an alert."""
    alert = done.alert
    finding = alert.finding
    if done.reason in ("fired", "worsened"):
        key, headline = f"{alert.alert_id}:firing:{alert.told}", finding.headline
    elif done.reason == "resolved" and finding.tell_resolved and not alert.resolved_told:
        key, headline = f"{alert.alert_id}:resolved", f"Resolved: {finding.title}"
    else:
        return None
    return Message(
        key=key,
        alert_id=alert.alert_id,
        kind=finding.rule,
        state="resolved" if done.reason == "resolved" else "firing",
        severity=finding.severity,
        agent=finding.agent,
        headline=headline,
        ts=now,
        facts=finding.evidence,
    )
