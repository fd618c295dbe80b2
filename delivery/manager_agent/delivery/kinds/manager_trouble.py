"""Manager trouble: a part of the manager does not work, so what it says is not the whole truth."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, about, iso, resolved, said, sample
from manager_agent.rules.message import Message


def _advice(message: Message) -> str:
    remedy = said(message, "remedy")
    more = f" {remedy[:1].upper()}{remedy[1:].rstrip('.')}." if remedy else ""
    return f"See what is wrong: `manager-agent doctor`.{more}"


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "manager_trouble",
        "critical",
        None,
        "The manager cannot write its database: the disk is full; spans are refused, and "
        "agents keep "
        "them for a while",
        {
            "part": "database",
            "error": "No space left on device",
            "since": iso(now - timedelta(minutes=3)),
            "refused_spans": 1204,
            "remedy": "free space on its disk, or archive more days: `storage.live_days`",
        },
    )
    yield one
    yield resolved(one, "the manager cannot write its database")


KIND = Kind(
    title=lambda message: about("Manager in trouble", said(message, "part")),
    samples=_samples,
    labels={"part": "Part", "error": "Error", "since": "Since", "refused_spans": "Spans refused"},
    hidden=frozenset({"remedy"}),
    over=lambda message: f"The manager's {said(message, 'part') or 'part'} works again.",
    advice=_advice,
)
