"""Facts into words: a message becomes a card, which each notifier draws in its own way.

A kind without words of its own gets the general form, so a new rule needs no edit here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from manager_agent.delivery.facts import Field, field, value
from manager_agent.delivery.text import WORD_LIMIT, clean, sentence, shorten
from manager_agent.rules.message import Fact, Message

# Agents name themselves, and people paste the line we advise into a shell and into SQL: a name
# with a quote, a blank or a dollar in it is not put there.
_HARMLESS = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Card:
    """What to show. All text is cleaned; `advice` may hold `code spans`.

    `severity`: `info`, `warning`, `critical`, or `resolved` for good news. `reference`: names the
    alert, so that a repeated message is recognised. `ts`: UTC.
    """

    severity: str
    title: str
    text: str
    fields: tuple[Field, ...]
    advice: str | None
    kind: str
    reference: str
    ts: datetime


def card(message: Message) -> Card:
    """Return the card for `message`."""
    resolved = message.state == "resolved"
    title = _TITLES.get(message.kind, _title)(message)
    advice = None if resolved else _ADVICE.get(message.kind, _advice)(message)
    return Card(
        severity="resolved" if resolved else message.severity,
        title=f"Resolved: {title}" if resolved else title,
        text=sentence(message.headline),
        fields=fields(message.agent, message.facts),
        advice=advice,
        kind=clean(message.kind),
        reference=shorten(clean(message.alert_id), WORD_LIMIT),
        ts=message.ts,
    )


def fields(agent: str | None, facts: Mapping[str, Fact]) -> tuple[Field, ...]:
    """Return who it is about and the facts, in the order given, less those that say nothing."""
    who = {"agent": agent} if agent and "agent" not in facts else {}
    shown = {**who, **facts}
    return tuple(field(key, fact) for key, fact in shown.items() if _tells(key, fact))


def _tells(key: str, fact: Fact) -> bool:
    # Amounts show their unit, the reset tells the window, the advice holds the remedy; no
    # unpriced calls is as it should be; and how a budget binds would promise that calls stop.
    silent = ("unit", "window", "remedy", "enforcement")
    return key not in silent and not (key == "unpriced_calls" and fact == 0)


def about(subject: str, name: str | None) -> str:
    """Return a title: what, and whom it is about."""
    return f"{subject}: {shorten(clean(name), WORD_LIMIT)}" if name else subject


def _title(message: Message) -> str:
    words = clean(message.kind).replace("_", " ").strip() or "alert"
    return about(words[:1].upper() + words[1:], message.agent)


def _budget_title(message: Message) -> str:
    period, used = message.facts.get("period"), message.facts.get("percent")
    tokens = " token" if message.facts.get("unit") == "tokens" else ""
    budget = f"{_PERIODS.get(period, '')}{tokens} budget".strip()
    if message.severity == "critical":
        share = "used up"
    else:
        share = "alert" if used is None else f"{value('percent', used)} used"
    return about(f"{budget[:1].upper()}{budget[1:]} {share}", message.agent)


def _unpriced_title(message: Message) -> str:
    model = message.facts.get("model")
    return about("Model without a price", model if isinstance(model, str) else None)


def _budget_advice(message: Message) -> str:
    limits = "To change the limit, edit `agent_budgets` in the configuration."
    agent = message.agent or ""
    if not _HARMLESS.fullmatch(agent):
        return f"See its calls in the table `llm_calls`. {limits}"
    query = f"SELECT * FROM usage_hour WHERE agent = '{agent}' ORDER BY ts DESC LIMIT 20"
    return f'See where it went: `manager-agent sql "{query}"`. {limits}'


def _unpriced_advice(message: Message) -> str:
    return (
        "`manager-agent prices check` prints the line to add under `prices.custom`. "
        "Until then this model's cost is unknown, and no budget in USD counts it."
    )


def _advice(message: Message) -> str | None:
    """Return the general advice: the command that a rule gives under `remedy`."""
    remedy = message.facts.get("remedy")
    return f"Run `{clean(remedy).replace('`', '')}`." if isinstance(remedy, str) else None


_PERIODS: Mapping[Fact, str] = {"hour": "hourly", "day": "daily", "month": "monthly"}
_TITLES: Mapping[str, Callable[[Message], str]] = {
    "budget": _budget_title,
    "unpriced_model": _unpriced_title,
}
_ADVICE: Mapping[str, Callable[[Message], str | None]] = {
    "budget": _budget_advice,
    "unpriced_model": _unpriced_advice,
}
