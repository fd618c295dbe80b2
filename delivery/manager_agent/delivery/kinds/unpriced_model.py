"""Unpriced model: calls go out that no price is known for, so their cost is unknown."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, iso, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "unpriced_model",
        "warning",
        None,
        "17 calls of openai/gpt-9-preview (48,210 tokens) in the last 24 h at unknown cost: no "
        "price is known; `manager-agent prices check` prints the line to add",
        {
            "provider": "openai",
            "model": "gpt-9-preview",
            "agents": "research-agent, writer",
            "calls": 17,
            "input_tokens": 41_900,
            "output_tokens": 6310,
            "first_seen": iso(now - timedelta(hours=5)),
            "last_seen": iso(now),
            "remedy": "manager-agent prices check",
        },
    )
    yield one
    yield resolved(one, "no price for openai/gpt-9-preview")


KIND = Kind(
    title=titled("Model without a price", "model"),
    samples=_samples,
    labels={
        "model": "Model",
        "provider": "Provider",
        "agents": "Agents",
        "calls": "Calls in 24 h",
        "input_tokens": "Input tokens",
        "output_tokens": "Output tokens",
        "first_seen": "First seen",
        "last_seen": "Last seen",
    },
    hidden=frozenset({"remedy", "agent"}),
    over=lambda message: f"Calls of {message.facts.get('model')} have a price now.",
    advice=lambda message: (
        "`manager-agent prices check` prints the line to add under `prices.custom`. "
        "Until then this model's cost is unknown, and no budget in USD counts it."
    ),
)
