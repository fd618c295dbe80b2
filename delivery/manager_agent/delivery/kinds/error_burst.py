"""Error burst: many of an agent's calls fail, all of a sudden."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "error_burst",
        "critical",
        "crm-sync",
        "83 % of the calls of crm-sync failed in the last 10 min (34 of 41); usual is 2 %",
        {
            "agent": "crm-sync",
            "failed_percent": 82.9,
            "usual_percent": 2.0,
            "errors": 34,
            "calls": 41,
            "minutes": 10,
            "past_calls": 5120,
        },
    )
    yield one
    yield resolved(one, "crm-sync: many calls fail")


KIND = Kind(
    title=titled("Many calls fail"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "failed_percent": "Failed",
        "usual_percent": "Usual",
        "errors": "Failed calls",
        "calls": "Calls",
        "minutes": "Minutes looked at",
    },
    hidden=frozenset({"past_calls"}),
    over=lambda message: f"Calls of {message.agent} fail no more than usual.",
    advice=lambda message: "See what fails: `manager-agent report issues`.",
)
