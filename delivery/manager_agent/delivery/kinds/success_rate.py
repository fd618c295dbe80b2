"""Success rate: too few of an agent's calls succeed, over a longer time than a burst."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "success_rate",
        "warning",
        "writer",
        "84.2 % of the calls of writer succeeded in the last 60 min (19 of 120 failed); at least "
        "90 % should",
        {
            "agent": "writer",
            "success_percent": 84.2,
            "least_percent": 90.0,
            "errors": 19,
            "calls": 120,
            "minutes": 60,
        },
    )
    yield one
    yield resolved(one, "writer: too few calls succeed")


KIND = Kind(
    title=titled("Too few calls succeed"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "success_percent": "Succeeded",
        "least_percent": "Should be at least",
        "errors": "Failed calls",
        "calls": "Calls",
        "minutes": "Minutes looked at",
    },
    over=lambda message: f"Enough calls of {message.agent} succeed again.",
    advice=lambda message: "See what fails: `manager-agent report issues`.",
)
