"""Digest: what there was to tell while it could not be delivered, as one message."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, iso, sample
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    still = Section(
        "Still open",
        "critical: research-agent spent $14.20 in the last hour, 11.8 times the normal $1.20\n"
        "warning: crm-sync has made no call for 2 h or more\n"
        "warning: 17 calls of openai/gpt-9-preview in the last 24 h at unknown cost",
    )
    rows = (("cost_spike", "4"), ("budget", "9"), ("circuit_breaker", "2"), ("silent_agent", "1"))
    yield sample(
        now,
        "digest",
        "warning",
        None,
        "11 alerts while nothing was sent here: 3 still open, 8 over",
        {
            "since_at": iso(now - timedelta(hours=16)),
            "alerts": 11,
            "still_open": 3,
            "over": 8,
            "messages": 17,
            "reports": 1,
        },
        of_alert=False,
        sections=(still, Section("What was said", "", ("Kind", "Messages"), rows)),
    )


KIND = Kind(
    title=lambda message: "What happened meanwhile",
    samples=_samples,
    labels={
        "alerts": "Alerts",
        "still_open": "Still open",
        "over": "Over",
        "since_at": "Since",
        "messages": "Messages",
        "reports": "Reports among them",
    },
    advice=lambda message: "All of them: `manager-agent alerts list --all`.",
    mark=lambda message: "🗂️",
)
