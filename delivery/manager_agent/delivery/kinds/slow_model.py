"""Slow model: an agent's calls of a model take much longer than they used to."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "slow_model",
        "info",
        "support-bot",
        "Half of the calls of openai/gpt-4o by support-bot took 6.4 s or more in the last 15 min "
        "(one in twenty 14.9 s); usual is 2.1 s",
        {
            "agent": "support-bot",
            "provider": "openai",
            "model": "gpt-4o",
            "p50_ms": 6400,
            "p95_ms": 14900,
            "usual_ms": 2100,
            "calls": 38,
            "past_calls": 2140,
        },
    )
    yield one
    yield resolved(one, "support-bot: openai/gpt-4o is slow")


KIND = Kind(
    title=titled("Slow model", "model"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "model": "Model",
        "provider": "Provider",
        "p50_ms": "Half take longer than",
        "p95_ms": "One in twenty longer than",
        "usual_ms": "Usual",
        "calls": "Calls",
    },
    hidden=frozenset({"past_calls"}),
    over=lambda message: f"{message.facts.get('model')} answers {message.agent} as fast as usual.",
    advice=lambda message: "Where it matters, try another model; it says when it is over.",
)
