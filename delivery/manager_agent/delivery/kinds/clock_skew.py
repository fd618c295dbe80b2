"""Clock skew: an agent's calls carry times that are far from those at which they arrive."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "clock_skew",
        "warning",
        "indexer",
        "calls of indexer end up to 0:05:12 after they arrive: the clock of its machine is ahead",
        {
            "agent": "indexer",
            "direction": "ahead",
            "seconds": 312,
            "calls": 41,
            "least_seconds": -312.4,
            "most_seconds": -309.8,
        },
    )
    yield one
    yield resolved(one, "indexer: its clock is ahead")


KIND = Kind(
    title=titled("Clock is wrong"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "direction": "Its clock is",
        "seconds": "Seconds off",
        "calls": "Calls looked at",
    },
    hidden=frozenset({"least_seconds", "most_seconds"}),
    text=lambda message: message.headline[:1].upper() + message.headline[1:],
    over=lambda message: f"Times of calls by {message.agent} agree with ours again.",
    advice=lambda message: "Look at the time service of its machine (NTP), or at its collector.",
)
