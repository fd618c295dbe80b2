"""Silent agent: one that called at these hours of the day before has stopped calling."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, hour, iso, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    last = hour(now) - timedelta(hours=3)
    yield sample(
        now,
        "silent_agent",
        "warning",
        "crm-sync",
        "crm-sync has made no call for 2 h or more; on both days before it called at "
        "this time. Its "
        f"last call was in the hour from {last:%Y-%m-%d %H:%M} UTC",
        {"agent": "crm-sync", "silent_hours": 2, "last_hour_with_calls": iso(last)},
    )


KIND = Kind(
    title=titled("Silent agent"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "silent_hours": "Hours without a call",
        "last_hour_with_calls": "Last hour with calls",
    },
    over=lambda message: f"{message.agent} calls again.",
    advice=lambda message: (
        "Look whether it runs, and whether its spans arrive: `manager-agent doctor` on its machine."
    ),
)
