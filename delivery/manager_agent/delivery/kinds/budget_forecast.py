"""Budget forecast: by an agent's usual rhythm its limit will not last to the end of the window."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, day, harmless, iso, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    resets = day(now) + timedelta(days=1)
    yield sample(
        now,
        "budget_forecast",
        "info",
        "support-bot",
        "support-bot will have spent $14.55 ($12.90 to $16.40) of its $10.00 daily limit when it "
        f"resets {resets:%Y-%m-%d %H:%M} UTC; $5.00 so far",
        {
            "who": "support-bot",
            "period": "day",
            "spent_usd": "5.00",
            "limit_usd": "10.00",
            "expected_usd": "14.55",
            "low_usd": "12.90",
            "high_usd": "16.40",
            "chance_percent": 99,
            "resets_at": iso(resets),
            "enforcement": "hard",
            "unpriced_calls": 0,
        },
    )


def _advice(message: Message) -> str:
    agent = harmless(message.agent)
    of = f" {agent}" if agent else ""
    more = f" To raise it: `manager-agent budget set{of} --daily-usd …`." if agent else ""
    return f"See what could be cheaper: `manager-agent suggest`.{more}"


KIND = Kind(
    title=titled("Budget will not last", "who"),
    samples=_samples,
    labels={
        "who": "Whose limit",
        "spent_usd": "Spent so far",
        "limit_usd": "Limit",
        "expected_usd": "Expected at the end",
        "low_usd": "At least",
        "high_usd": "At most",
        "chance_percent": "Chance to pass it",
        "period": "Period",
        "resets_at": "Resets",
        "unpriced_calls": "Calls without a price",
    },
    hidden=frozenset({"enforcement", "agent"}),
    advice=_advice,
)
