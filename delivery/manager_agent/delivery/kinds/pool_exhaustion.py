"""Pool exhaustion: a limit that agents share has been used to a share people asked for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.facts import value
from manager_agent.delivery.kind import Kind, about, day, iso, said, sample
from manager_agent.rules.message import Message


def _title(message: Message) -> str:
    used = message.facts.get("percent")
    share = "used up" if message.severity == "critical" else "alert"
    if message.severity != "critical" and used is not None:
        share = f"{value('percent', used)} used"
    return about(f"Shared budget {share}", said(message, "who"))


def _samples(now: datetime) -> Iterator[Message]:
    resets = day(now) + timedelta(days=1)
    yield sample(
        now,
        "pool_exhaustion",
        "warning",
        None,
        "group research spent $41.00 of its $50.00 daily limit (82 %), resets "
        f"{resets:%Y-%m-%d %H:%M} UTC; most by research-agent, indexer",
        {
            "who": "group research",
            "period": "day",
            "unit": "usd",
            "spent_usd": "41.00",
            "limit_usd": "50.00",
            "percent": 82,
            "spenders": "research-agent, indexer",
            "resets_at": iso(resets),
            "enforcement": "hard",
            "unpriced_calls": 0,
        },
    )


KIND = Kind(
    title=_title,
    samples=_samples,
    labels={
        "who": "Whose limit",
        "spent_usd": "Spent",
        "spent_tokens": "Tokens used",
        "limit_usd": "Limit",
        "limit_tokens": "Token limit",
        "percent": "Used",
        "period": "Period",
        "spenders": "Most by",
        "resets_at": "Resets",
        "unpriced_calls": "Calls without a price",
    },
    hidden=frozenset({"unit", "enforcement", "agent"}),
    advice=lambda message: (
        "See who spends: `manager-agent agents`. Limits that agents share are under `groups` and "
        "`fleet` in the configuration; `manager-agent budget set` changes them at once."
    ),
)
