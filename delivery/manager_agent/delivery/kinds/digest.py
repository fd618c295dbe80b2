"""Digest: what there was to tell while it could not be delivered, as one message."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, sample
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    rows = (
        ("Cost spike", "4", "research-agent, writer", "09:12", "21:40"),
        ("Budget", "9", "research-agent, support-bot, indexer", "08:00", "23:51"),
        ("Circuit breaker", "2", "", "11:07", "11:26"),
    )
    yield sample(
        now,
        "digest",
        "critical",
        None,
        "15 messages could not be delivered in 16 h and are summed up here; 3 of their alerts are "
        "still open",
        {"messages": 15, "critical": 3, "still_open": 3},
        of_alert=False,
        sections=(
            Section("What happened", "", ("Kind", "Count", "Agents", "First", "Last"), rows),
        ),
    )


KIND = Kind(
    title=lambda message: "What happened meanwhile",
    samples=_samples,
    labels={"messages": "Messages", "critical": "Critical", "still_open": "Still open"},
    advice=lambda message: "All of them: `manager-agent alerts list --all`.",
    mark=lambda message: "🗂️",
)
