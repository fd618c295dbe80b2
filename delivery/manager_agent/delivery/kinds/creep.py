"""Creep: calls of an agent become dearer week by week, too slowly for a spike."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "creep",
        "warning",
        "support-bot",
        "support-bot pays $3.40 a day more for gpt-4o than two weeks ago for as many "
        "calls: prompts "
        "grew from 2,100 to 4,300 tokens; 61 % of the input came from the cache, now 22 %",
        {
            "agent": "support-bot",
            "model": "gpt-4o",
            "causes": "input_tokens, cached_share",
            "more_per_day_usd": "3.40",
            "cost_per_call_then_usd": "0.0052",
            "cost_per_call_now_usd": "0.0101",
            "input_tokens_then": 2100,
            "input_tokens_now": 4300,
            "output_tokens_then": 310,
            "output_tokens_now": 305,
            "cached_percent_then": 61,
            "cached_percent_now": 22,
            "calls_of_week": 4810,
        },
    )
    yield one
    yield resolved(one, "support-bot: calls of gpt-4o creep up")


KIND = Kind(
    title=titled("Calls become dearer"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "model": "Model",
        "more_per_day_usd": "More a day",
        "cost_per_call_then_usd": "A call, two weeks ago",
        "cost_per_call_now_usd": "A call, now",
        "input_tokens_then": "Input tokens, then",
        "input_tokens_now": "Input tokens, now",
        "output_tokens_then": "Output tokens, then",
        "output_tokens_now": "Output tokens, now",
        "cached_percent_then": "From the cache, then",
        "cached_percent_now": "From the cache, now",
        "calls_of_week": "Calls in a week",
    },
    hidden=frozenset({"causes"}),
    over=lambda message: (
        f"Calls of {message.facts.get('model')} by {message.agent} cost what they did."
    ),
    advice=lambda message: "See what would make them cheaper: `manager-agent suggest`.",
)
