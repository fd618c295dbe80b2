"""What a kind of message says: its words, and which facts matter. One file of `kinds/` a kind."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

from manager_agent.delivery.text import WORD_LIMIT, clean, shorten
from manager_agent.rules.message import Fact, Message, Section, Severity, State

# Agents name themselves, and people paste the line we advise into a shell and into SQL: a name
# with a quote, a blank or a dollar in it is not put there, nor one that a command takes for an
# option.
_HARMLESS = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.\-]{0,63}")

Words = Callable[[Message], str | None]
"""A sentence about a message, None where there is nothing to say; may hold `code spans`."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button: `action` and `value` come back when it is pressed, `text` is on it."""

    action: str
    text: str
    value: str
    style: Literal["primary", "danger"] | None = None


def nothing(message: Message) -> None:
    """Say nothing."""


def no_buttons(message: Message) -> tuple[Button, ...]:
    """Return no button."""
    return ()


def as_told(message: Message) -> Mapping[str, Fact]:
    """Return the facts as they came."""
    return message.facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The words of one kind of message.

    `title`: what it is and whom it is about, without numbers that change. `samples`: a message of
    each form that this kind takes, as the manager really makes them, for tests, pictures and
    `alerts test`.
    """

    title: Callable[[Message], str]
    samples: Callable[[datetime], Iterable[Message]]

    labels: Mapping[str, str] = field(default_factory=dict)
    """The facts that matter, by key, in the order people need them, with the words for them.
    Facts that are not named follow under the words of their key."""

    hidden: frozenset[str] = frozenset()
    """Keys of facts that say nothing to people: they stay in the table `alerts`."""

    facts: Callable[[Message], Mapping[str, Fact]] = as_told
    """The facts with those that follow from them, such as how far over a limit is."""

    text: Words = nothing
    """The sentence, where the headline is not it."""

    over: Words = nothing
    """The sentence once it is over."""

    over_facts: int = 4
    """How many facts are still worth reading once it is over."""

    over_title: Words = nothing
    """The title once it is over; else it is the title after `Resolved: `."""

    done: Words = nothing
    """What the manager did about it."""

    advice: Words = nothing
    """What people may do about it."""

    mark: Words = nothing
    """A sign before the title, where the one of its severity does not say it."""

    buttons: Callable[[Message], tuple[Button, ...]] = no_buttons
    """What people may press, where the other side can take the answer."""


def about(subject: str, name: str | None) -> str:
    """Return a title: what, and whom it is about."""
    return f"{subject}: {shorten(clean(name), WORD_LIMIT)}" if name else subject


def titled(subject: str, fact: str | None = None) -> Callable[[Message], str]:
    """Return titles that are `subject` and the agent, or the text under the key `fact`."""
    return lambda message: about(subject, said(message, fact) if fact else message.agent)


def said(message: Message, key: str) -> str | None:
    """Return the text under `key`, None where there is none."""
    found = message.facts.get(key)
    return found if isinstance(found, str) and found else None


def harmless(name: str | None) -> str | None:
    """Return a name that may stand in a command that people paste, None for any other."""
    return name if name and _HARMLESS.fullmatch(name) else None


def sentences(*parts: str | None) -> str | None:
    """Return the sentences that there are, in one text."""
    return " ".join(part for part in parts if part) or None


def sample(
    now: datetime,
    kind: str,
    severity: Severity,
    agent: str | None,
    headline: str,
    facts: Mapping[str, Fact],
    *,
    state: State = "firing",
    sections: tuple[Section, ...] = (),
    of_alert: bool = True,
) -> Message:
    """Return a message that shows what `kind` looks like; its key begins with `sample:`.

    Messages of one kind and agent are of one alert, as it worsens; `of_alert`: whether of any.
    """
    alert_id = _digest(kind, agent)
    key = f"sample:{alert_id}:{state}:{_digest(headline, sorted(facts.items()))}"
    named = alert_id if of_alert else ""
    return Message(key, named, kind, state, severity, agent, headline, now, facts, sections)


def resolved(message: Message, title: str) -> Message:
    """Return the sample of a message after it was over, as the lifecycle words it."""
    return replace(
        message,
        key=f"sample:{message.alert_id}:resolved",
        state="resolved",
        headline=f"Resolved: {title}",
    )


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]


def day(now: datetime) -> datetime:
    """Return the midnight (UTC) that `now` follows."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def hour(now: datetime) -> datetime:
    """Return the full hour that `now` follows."""
    return now.replace(minute=0, second=0, microsecond=0)


def iso(at: datetime) -> str:
    """Return a time as facts hold it, to the minute."""
    return at.isoformat(timespec="minutes")
