"""A backlog in one message: what fired meanwhile, what is still open. Pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from manager_agent.rules.message import Message, Outgoing, Section

LEAST = 4
"""Fewer messages than this are told one by one, however late."""

MOST_LINES = 15
"""Alerts that a digest names; the others are counted."""

REPORTS = ("daily_report", "weekly_report", "issues_report")
"""Worth reading late: the last of each is told whole. A late hourly summary is not."""


@dataclass(frozen=True, slots=True)
class Folded:
    """`digest` stands for the messages under `covered`; those in `single` are told themselves."""

    digest: Message
    covered: tuple[str, ...]
    single: tuple[str, ...]


def is_backlog(batch: Sequence[Outgoing], now: datetime, after_seconds: float | None) -> bool:
    """Return whether `batch`, oldest first, is to be told in sum."""
    if after_seconds is None or len(batch) < LEAST:
        return False
    return now - min(one.queued for one in batch) > timedelta(seconds=after_seconds)


def fold(batch: Sequence[Outgoing], now: datetime, has_card: Callable[[str], bool]) -> Folded:
    """Return the backlog `batch`, oldest first, as a digest and what is told beside it.

    Beside it: critical alerts that are still open, questions that still wait for an answer, the
    last of each report, and the last word on each alert whose card people see (`has_card`).
    """
    messages = [one.message for one in batch]
    last = {message.alert_id or message.key: message for message in messages}
    reports = {message.kind: message.key for message in messages if message.kind in REPORTS}
    single = {
        message.key
        for message in last.values()
        if reports.get(message.kind) == message.key or _alone(message, now, has_card)
    }
    covered = tuple(message.key for message in messages if message.key not in single)
    told = [message for message in messages if message.kind not in _UNTOLD]
    beside = tuple(message.key for message in messages if message.key in single)
    return Folded(_digest(messages, told, covered, now), covered, beside)


_UNTOLD = frozenset({*REPORTS, "hourly_summary", "still_open", "digest"})


def _alone(message: Message, now: datetime, has_card: Callable[[str], bool]) -> bool:
    if message.kind in _UNTOLD or not message.alert_id:
        return False
    if has_card(message.alert_id):
        return True
    if message.state != "firing":
        return False
    if message.kind == "approval":
        return datetime.fromisoformat(str(message.facts["expires_at"])) > now
    return message.severity == "critical"


def _digest(
    messages: Sequence[Message], told: Sequence[Message], covered: Sequence[str], now: datetime
) -> Message:
    last = {message.alert_id or message.key: message for message in told}
    firing = [message for message in last.values() if message.state == "firing"]
    over = len(last) - len(firing)
    reports = sum(message.kind in (*REPORTS, "hourly_summary") for message in messages)
    since = min(message.ts for message in messages)
    return Message(
        key=f"digest:{_name(covered)}",
        alert_id="",
        kind="digest",
        state="firing",
        severity="warning" if firing else "info",
        agent=None,
        headline=(
            f"{_count(len(last), 'alert')} while nothing was sent here: "
            f"{len(firing)} still open, {over} over"
        ),
        ts=now,
        facts={
            "since_at": since.isoformat(),
            "alerts": len(last),
            "still_open": len(firing),
            "over": over,
            "messages": len(messages),
            "reports": reports,
        },
        sections=tuple(_sections(firing, told)),
    )


def _sections(firing: Sequence[Message], told: Sequence[Message]) -> list[Section]:
    found = []
    if firing:
        worst = sorted(firing, key=lambda one: _RANK[one.severity])
        lines = [f"{one.severity}: {one.headline}" for one in worst[:MOST_LINES]]
        more = len(worst) - MOST_LINES
        lines += [f"and {more} more"] if more > 0 else []
        found.append(Section("Still open", "\n".join(lines)))
    by_kind = Counter(message.kind for message in told)
    if by_kind:
        rows = tuple((kind, f"{count:,}") for kind, count in by_kind.most_common(MOST_LINES))
        found.append(Section("What was said", columns=("Kind", "Messages"), rows=rows))
    return found


_RANK = {"critical": 0, "warning": 1, "info": 2}


def _name(keys: Sequence[str]) -> str:
    """Return one name for the same backlog, so that one told twice is recognised."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
