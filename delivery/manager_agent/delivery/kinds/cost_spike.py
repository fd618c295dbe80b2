"""Cost spike: an agent spends far more in an hour than it does in hours like this one."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from manager_agent.delivery.kind import Kind, harmless, hour, iso, resolved, sample, titled
from manager_agent.rules.message import Fact, Message

_CAUSES = {
    "from_volume_usd": "From more calls",
    "from_mix_usd": "From other models",
    "from_input_usd": "From longer input",
    "from_output_usd": "From longer output",
    "from_cache_usd": "From fewer cache hits",
    "from_price_usd": "From prices",
}


def _facts(message: Message) -> Mapping[str, Fact]:
    """Add how far above normal it is; leave out causes that explain nothing."""
    told = {
        key: fact
        for key, fact in message.facts.items()
        if not (key in _CAUSES and _decimal(fact) == 0) and not (key == "model" and fact is None)
    }
    spent, normal = _decimal(told.get("spent_usd")), _decimal(told.get("normal_usd"))
    if spent is not None and normal:
        told["over_percent"] = float(round(spent * 100 / normal - 100))
    return told


def _decimal(fact: Fact) -> Decimal | None:
    try:
        amount = Decimal(str(fact))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 30 else None


def _advice(message: Message) -> str | None:
    agent = harmless(message.agent)
    if agent is None:
        return "See its calls in the table `llm_calls`."
    return (
        f"To stop it: `manager-agent pause {agent}`. To hear no more of it for a while: "
        f"`manager-agent alerts silence rule=cost_spike agent={agent} --for 2h`."
    )


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "cost_spike",
        "critical",
        "research-agent",
        "research-agent spent $14.20 in the last hour, 11.8 times the normal $1.20 of "
        "the same hour "
        "of the week, 4 weeks: calls +$8.10, input tokens a call +$4.40",
        {
            "agent": "research-agent",
            "model": None,
            "spent_usd": "14.20",
            "normal_usd": "1.20",
            "most_normal_usd": "2.61",
            "excess_usd": "13.00",
            "ratio": 11.8,
            "first_bad_hour": iso(hour(now) - timedelta(hours=1)),
            "compared_with": "week",
            "samples": 4,
            "change_usd": "13.00",
            "from_volume_usd": "8.10",
            "from_mix_usd": "0.50",
            "from_input_usd": "4.40",
            "from_output_usd": "0.00",
            "from_cache_usd": "0.00",
            "from_price_usd": "0.00",
            "top_models": "gpt-4o $13.10, gpt-4o-mini $1.10",
            "top_conversations": "conv-8812 $9.75, conv-8790 $2.02, conv-8801 $0.88",
        },
    )
    yield one
    yield resolved(one, "research-agent: cost spike")


KIND = Kind(
    title=titled("Cost spike"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "spent_usd": "Spent in the last hour",
        "normal_usd": "Normal",
        "most_normal_usd": "Threshold",
        "over_percent": "Over normal",
        "first_bad_hour": "Since",
        "model": "Model",
        **_CAUSES,
        "top_models": "Top models",
        "top_conversations": "Top conversations",
    },
    hidden=frozenset({"ratio", "compared_with", "samples", "change_usd", "excess_usd"}),
    facts=_facts,
    over=lambda message: f"{message.agent} spends as it normally does again.",
    advice=_advice,
)
