"""Still open: the reminder of what people were told of long ago, and is still so."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, sample
from manager_agent.rules.message import Fact, Message


def _labels(message: Message) -> Mapping[str, Fact]:
    """Number the alerts, so that a number alone is no label."""
    return {f"no. {key}" if key.isdigit() else key: fact for key, fact in message.facts.items()}


def _samples(now: datetime) -> Iterator[Message]:
    since = f"{now - timedelta(hours=26):%Y-%m-%d %H:%M} UTC"
    yield sample(
        now,
        "still_open",
        "warning",
        None,
        "2 alerts still open",
        {
            "1": "17 calls of openai/gpt-9-preview at unknown cost: no price is known "
            f"(since {since})",
            "2": f"indexer spent $6.40 in the last 24 h and no limit bounds it (since {since})",
        },
        of_alert=False,
    )


KIND = Kind(
    title=lambda message: "Still open",
    samples=_samples,
    facts=_labels,
    advice=lambda message: (
        "See them all: `manager-agent alerts list`. To hear no more of one: "
        "`manager-agent alerts silence rule=… --for 7d`."
    ),
)
