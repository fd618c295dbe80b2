"""Manager trouble: a part of the manager does not work, so what it says is not the whole truth."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, about, resolved, said, sample
from manager_agent.rules.message import Message

_WORDS = {
    "disk": "disk nearly full",
    "facts": "calls cannot be stored",
    "budgets": "budgets cannot be stored",
    "rule": "a rule is broken",
    "delivery": "messages reach nobody",
    "snapshot": "SQL shows old data",
    "slow": "rules are slow",
}
_ADVICE = {
    "disk": "Make room on its disk, or lower `storage.live_days` and `storage.archive_days`.",
    "facts": "Look at its log and its disk; senders keep their spans for a while and try again.",
    "budgets": "Look at its log and its disk; limits hold by what guards were lent.",
    "rule": "`manager-agent rules list` shows which, and the error; the others go on.",
    "delivery": "`manager-agent doctor` says what to change; nothing is lost meanwhile.",
}


def _samples(now: datetime) -> Iterator[Message]:
    disk = "412 MB of 100 GB are free, less than 512 MB: no spans are taken in"
    one = sample(
        now,
        "manager_trouble",
        "critical",
        None,
        f"the manager: the disk is nearly full: {disk}",
        {"trouble": "disk", "about": None, "said": disk},
    )
    yield one
    yield resolved(one, "the manager: the disk is nearly full")


KIND = Kind(
    title=lambda message: about(
        "Manager in trouble", _WORDS.get(said(message, "trouble") or "", said(message, "trouble"))
    ),
    samples=_samples,
    labels={"about": "What", "said": "What it says"},
    hidden=frozenset({"trouble"}),
    facts=lambda message: {key: fact for key, fact in message.facts.items() if fact is not None},
    text=lambda message: message.headline[:1].upper() + message.headline[1:],
    over=lambda message: "The manager works as it should again.",
    advice=lambda message: _ADVICE.get(
        said(message, "trouble") or "", "See what is wrong: `manager-agent status`."
    ),
)
