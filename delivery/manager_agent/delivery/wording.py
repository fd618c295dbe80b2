"""Facts into words: a message becomes a card, which each notifier draws in its own way.

A kind with words of its own has a file in `kinds/`. All others get the general form, so a new rule
needs no edit here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from manager_agent.delivery.catalog import catalog
from manager_agent.delivery.facts import Field, field
from manager_agent.delivery.kind import Button, Kind, about, said
from manager_agent.delivery.text import WORD_LIMIT, clean, sentence, shorten
from manager_agent.rules.message import Fact, Message, Section

__all__ = ["Card", "about", "card", "fields"]

_RESOLVED = "Resolved: "
_ALERTS = "/api/v1/alerts"


@dataclass(frozen=True, slots=True)
class Card:
    """What to show. All text is cleaned, but for that of sections; advice may hold `code spans`.

    `severity`: `info`, `warning`, `critical`, or `resolved` for good news. `reference`: names the
    alert, so that a repeated message is recognised. `ts`: UTC. `done`: what the manager did about
    it. `link`: where more is to be seen. `mark`: a sign in place of that of the severity.
    """

    severity: str
    title: str
    text: str
    fields: tuple[Field, ...]
    advice: str | None
    kind: str
    reference: str
    ts: datetime
    done: str | None = None
    sections: tuple[Section, ...] = ()
    buttons: tuple[Button, ...] = ()
    link: str | None = None
    mark: str | None = None


def card(message: Message, dashboard_url: str | None = None) -> Card:
    """Return the card for `message`.

    `dashboard_url`: where the manager's API or dashboard is reached by people, such as
    `https://manager.example`; None leaves the link out.
    """
    kind = catalog().get(message.kind, _GENERAL)
    over = message.state == "resolved"
    return Card(
        severity="resolved" if over else message.severity,
        title=_titled(kind, message),
        text=_text(kind, message),
        fields=_fields(kind, message),
        advice=None if over else _cleaned(kind.advice(message)),
        kind=shorten(clean(message.kind), WORD_LIMIT),
        reference=shorten(clean(message.alert_id), WORD_LIMIT),
        ts=message.ts,
        done=_cleaned(kind.done(message)),
        sections=message.sections,
        buttons=kind.buttons(message),
        link=f"{dashboard_url.rstrip('/')}{_ALERTS}" if dashboard_url else None,
        mark=kind.mark(message),
    )


def fields(agent: str | None, facts: Mapping[str, Fact]) -> tuple[Field, ...]:
    """Return who it is about and the facts, in the order given, less those that say nothing."""
    who = {"agent": agent} if agent and "agent" not in facts else {}
    return tuple(field(key, fact) for key, fact in {**who, **facts}.items() if _tells(key, fact))


def _fields(kind: Kind, message: Message) -> tuple[Field, ...]:
    """Return the facts: those that the kind names in its order, then the others as they came."""
    agent = message.agent
    who = {"agent": agent} if agent and "agent" not in message.facts else {}
    facts = {**who, **kind.facts(message)}
    first = {key: facts[key] for key in kind.labels if key in facts}
    told = tuple(
        field(key, fact, kind.labels.get(key))
        for key, fact in {**first, **facts}.items()
        if key not in kind.hidden and _tells(key, fact)
    )
    return told[: kind.over_facts] if message.state == "resolved" else told


def _tells(key: str, fact: Fact) -> bool:
    # Amounts show their unit, the reset tells the window, the advice holds the remedy; no
    # unpriced calls is as it should be; and how a budget binds would promise that calls stop.
    silent = ("unit", "window", "remedy", "enforcement")
    return key not in silent and not (key == "unpriced_calls" and fact == 0)


def _titled(kind: Kind, message: Message) -> str:
    if message.state != "resolved":
        return clean(kind.title(message))
    return clean(kind.over_title(message) or f"{_RESOLVED}{kind.title(message)}")


def _text(kind: Kind, message: Message) -> str:
    if message.state == "resolved":
        return sentence(kind.over(message) or message.headline.removeprefix(_RESOLVED))
    return sentence(kind.text(message) or message.headline)


def _cleaned(text: str | None) -> str | None:
    return clean(text) if text else None


def _title(message: Message) -> str:
    words = clean(message.kind).replace("_", " ").strip() or "alert"
    return about(words[:1].upper() + words[1:], message.agent)


def _advice(message: Message) -> str | None:
    """Return the general advice: the command that a rule gives under `remedy`."""
    remedy = said(message, "remedy")
    return f"Run `{clean(remedy).replace('`', '')}`." if remedy else None


_GENERAL = Kind(title=_title, samples=lambda now: (), advice=_advice)
