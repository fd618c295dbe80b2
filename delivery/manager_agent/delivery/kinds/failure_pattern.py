"""Failure pattern: several agents have the same trouble with a provider."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, iso, resolved, said, sample, titled
from manager_agent.rules.message import Message


def _advice(message: Message) -> str | None:
    remedy = said(message, "remedy")
    return f"{remedy[:1].upper()}{remedy[1:].rstrip('.')}." if remedy else None


def _samples(now: datetime) -> Iterator[Message]:
    since = now - timedelta(minutes=4)
    one = sample(
        now,
        "failure_pattern",
        "critical",
        None,
        f"48 of 52 calls to anthropic failed since {since:%H:%M} UTC: the provider is overloaded; "
        "shared by 3 agents (research-agent, support-bot, writer); wait, or use another provider",
        {
            "provider": "anthropic",
            "kind": "overloaded",
            "errors": 48,
            "calls": 52,
            "agents": "research-agent, support-bot, writer",
            "affected": 3,
            "models": "claude-sonnet-4-5",
            "error_types": "overloaded_error (529) x48",
            "since": iso(since),
            "remedy": "wait, or use another provider",
        },
    )
    yield one
    yield resolved(one, "anthropic: the provider is overloaded, for several agents")


KIND = Kind(
    title=titled("Provider trouble shared by several agents", "provider"),
    samples=_samples,
    labels={
        "provider": "Provider",
        "models": "Models",
        "error_types": "Types of errors",
        "errors": "Failed calls",
        "calls": "Calls",
        "agents": "Agents",
        "since": "Since",
    },
    hidden=frozenset({"kind", "affected", "remedy", "agent"}),
    over=lambda message: f"Calls to {message.facts.get('provider')} succeed again.",
    advice=_advice,
)
