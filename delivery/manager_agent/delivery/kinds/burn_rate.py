"""Burn rate: a limit is used up so fast that it will be gone before its window ends."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, day, harmless, iso, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    gone = now + timedelta(minutes=50)
    one = sample(
        now,
        "burn_rate",
        "critical",
        "research-agent",
        f"at this pace the daily budget of research-agent is gone at {gone:%H:%M} UTC: $8.00 in 60 "
        "minutes, $16.00 of its $24.00 so far",
        {
            "who": "research-agent",
            "period": "day",
            "unit": "usd",
            "used_usd": "8.00",
            "spent_usd": "16.00",
            "limit_usd": "24.00",
            "minutes": 60,
            "calls": 412,
            "times_even_pace": 8.0,
            "gone_at": iso(gone),
            "resets_at": iso(day(now) + timedelta(days=1)),
            "enforcement": "hard",
            "unpriced_calls": 0,
        },
    )
    yield one
    yield resolved(one, "research-agent: daily budget burns fast")


def _advice(message: Message) -> str:
    agent = harmless(message.agent)
    look = "See who spends: `manager-agent agents`."
    return f"{look} To stop it: `manager-agent pause {agent}`." if agent else look


KIND = Kind(
    title=titled("Budget burns fast", "who"),
    samples=_samples,
    labels={
        "who": "Whose limit",
        "used_usd": "Used lately",
        "used_tokens": "Used lately",
        "minutes": "Minutes looked at",
        "times_even_pace": "Times the even pace",
        "spent_usd": "Spent so far",
        "spent_tokens": "Tokens so far",
        "limit_usd": "Limit",
        "limit_tokens": "Token limit",
        "gone_at": "Gone at",
        "period": "Period",
        "resets_at": "Resets",
        "calls": "Calls",
        "unpriced_calls": "Calls without a price",
    },
    hidden=frozenset({"unit", "enforcement", "agent"}),
    text=lambda message: message.headline[:1].upper() + message.headline[1:],
    over=lambda message: f"At its present pace the budget of {message.facts.get('who')} lasts.",
    advice=_advice,
)
