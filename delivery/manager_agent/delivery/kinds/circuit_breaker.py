"""Circuit breaker: one has opened, tries calls one by one, or has closed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.facts import clock, moment
from manager_agent.delivery.kind import Kind, about, harmless, resolved, said, sample, sentences
from manager_agent.rules.message import Fact, Message

_STATES = {
    "open": "Circuit breaker open",
    "half_open": "Circuit breaker half open",
}


def _title(message: Message) -> str:
    words = _STATES.get(said(message, "state") or "", "Circuit breaker not closed")
    return about(words, said(message, "breaker"))


def _done(message: Message) -> str | None:
    if message.state == "resolved":
        return None
    at = moment(message.facts.get("until"))
    if said(message, "state") == "half_open":
        return "One call at a time is let through to try; three that succeed in a row close it."
    if said(message, "held_by"):
        return "Calls are refused until it is let go."
    until = f" until {clock(at)}, then one is let through to try" if at else ""
    return f"Calls are refused{until}."


def _advice(message: Message) -> str | None:
    key = said(message, "breaker") or ""
    safe = all(harmless(part) for part in key.split("/"))
    close = f"To let calls pass now: `manager-agent breaker close {key}`." if safe else None
    return sentences(
        "See the calls behind it: `manager-agent breaker list`.",
        close if key else None,
    )


def _open(now: datetime) -> Message:
    until = now + timedelta(minutes=5)
    facts: dict[str, Fact] = {
        "breaker": "openai/gpt-4o",
        "state": "open",
        "reason": "5 failures in a row",
        "since": now.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds"),
        "openings": 1,
        "held_by": None,
        "provider": "openai",
        "family": "gpt-4o",
        "agents": "research-agent, support-bot, writer",
        "errors_last_hour": 17,
        "shared_by": "3 agents",
        "first_error": (now - timedelta(minutes=1)).isoformat(timespec="seconds"),
        "error_types": "overloaded x15, APITimeoutError x2",
        "last_error": "HTTP 529: the server is overloaded, please try again later",
    }
    headline = (
        "The breaker of openai's gpt-4o is open: 5 failures in a row; calls are refused until "
        f"{until:%H:%M:%S} UTC"
    )
    return sample(now, "circuit_breaker", "critical", None, headline, facts)


def _samples(now: datetime) -> Iterator[Message]:
    opened = _open(now)
    yield opened
    half: dict[str, Fact] = {**opened.facts, "state": "half_open", "until": None}
    yield sample(
        now,
        "circuit_breaker",
        "critical",
        None,
        "The breaker of openai's gpt-4o is half open: 5 failures in a row; calls are "
        "tried one by one",
        half,
    )
    yield resolved(opened, "the breaker of openai's gpt-4o is not closed")


KIND = Kind(
    title=_title,
    over_title=lambda message: about("Circuit breaker closed", said(message, "breaker")),
    samples=_samples,
    labels={
        "breaker": "Breaker",
        "reason": "Why",
        "since": "Since",
        "until": "Until",
        "agents": "Agents",
        "errors_last_hour": "Errors in the last hour",
        "first_error": "Failing since",
        "error_types": "Types of errors",
        "last_error": "Last error",
        "openings": "Openings in a row",
        "held_by": "Held by",
    },
    hidden=frozenset({"state", "shared_by", "agent", "provider", "family"}),
    facts=lambda message: {
        key: fact
        for key, fact in message.facts.items()
        if fact is not None or key in ("breaker", "reason")
    },
    over=lambda message: f"The breaker of {message.facts.get('breaker')} is closed: calls go out.",
    done=_done,
    advice=_advice,
)
