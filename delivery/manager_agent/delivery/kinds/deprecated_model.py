"""Deprecated model: calls go to a model whose provider has announced its end."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    ends = (now + timedelta(days=12)).date()
    yield sample(
        now,
        "deprecated_model",
        "warning",
        "writer",
        f"anthropic/claude-3-opus-20240229 ends in 12 days ({ends}), and 1 agent called it 214 "
        "times in two days; use claude-opus-4-1",
        {
            "provider": "anthropic",
            "model": "claude-3-opus-20240229",
            "ends": ends.isoformat(),
            "instead": "claude-opus-4-1",
            "agents": "writer",
            "calls": 214,
            "source": "https://docs.anthropic.com/en/docs/about-claude/model-deprecations",
        },
    )


KIND = Kind(
    title=titled("Model is being retired", "model"),
    samples=_samples,
    labels={
        "model": "Model",
        "provider": "Provider",
        "ends": "Ends",
        "instead": "Use instead",
        "agents": "Agents",
        "calls": "Calls in two days",
        "source": "Announced at",
    },
    hidden=frozenset({"agent"}),
    advice=lambda message: "Move these agents to the other model before it ends.",
)
