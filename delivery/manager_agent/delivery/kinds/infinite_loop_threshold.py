"""Infinite loop threshold: more calls a minute than people named in `thresholds`."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, harmless, sample, titled
from manager_agent.rules.message import Message


def _advice(message: Message) -> str:
    agent = harmless(message.agent)
    stop = f"To stop it: `manager-agent pause {agent}`. " if agent else ""
    return f"{stop}The limit is `thresholds.infinite_loop_calls_per_minute` in the configuration."


def _samples(now: datetime) -> Iterator[Message]:
    since = now - timedelta(seconds=58)
    yield sample(
        now,
        "infinite_loop_threshold",
        "warning",
        "indexer",
        "indexer made 26 calls in 60 s, more than 10: 26 calls for $0.31 since "
        f"{since:%H:%M:%S} UTC",
        {
            "agent": "indexer",
            "calls_in_60_s": 26,
            "limit_calls_in_60_s": 10,
            "since": since.isoformat(timespec="seconds"),
            "last": now.isoformat(timespec="seconds"),
            "calls": 26,
            "cost_usd": "0.31",
            "distinct_prompts": 2,
        },
    )


KIND = Kind(
    title=titled("Too many calls in a minute"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "calls_in_60_s": "Calls in 60 s",
        "limit_calls_in_60_s": "Threshold",
        "cost_usd": "Cost",
        "calls": "Calls in all",
        "since": "Since",
        "distinct_prompts": "Different prompts",
    },
    hidden=frozenset({"last"}),
    advice=_advice,
)
