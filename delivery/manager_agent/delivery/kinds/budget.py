"""Budget: an agent has used a share of its limit."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.facts import clock, moment, value
from manager_agent.delivery.kind import Kind, about, day, harmless, hour, iso, said, sample
from manager_agent.rules.message import Fact, Message, Severity

_SPAN = {"hour": "hourly", "day": "daily", "month": "monthly"}


def _title(message: Message) -> str:
    tokens = " token" if message.facts.get("unit") == "tokens" else ""
    budget = f"{_SPAN.get(said(message, 'period') or '', '')}{tokens} budget".strip()
    used = message.facts.get("percent")
    if message.severity == "critical":
        share = "used up"
    else:
        share = "alert" if used is None else f"{value('percent', used)} used"
    return about(f"{budget[:1].upper()}{budget[1:]} {share}", message.agent)


def _done(message: Message) -> str | None:
    enforcement = message.facts.get("enforcement")
    over = message.state == "resolved" or message.severity != "critical"
    if over or enforcement not in ("hard", "firm"):
        return None
    at = moment(message.facts.get("resets_at"))
    until = f" until {clock(at)}" if at else ""
    return (
        f"Calls that the guard sees are refused{until}. Calls of agents without it are counted "
        "and go out."
    )


def _advice(message: Message) -> str:
    limits = "To change the limit, edit `agent_budgets` in the configuration."
    agent = harmless(message.agent)
    if agent is None:
        return f"See its calls in the table `llm_calls`. {limits}"
    span, unit = (
        said(message, "period"),
        "tokens" if message.facts.get("unit") == "tokens" else "usd",
    )
    option = f"--{_SPAN.get(span or '', 'daily')}-{unit}"
    return (
        "See where it went: `manager-agent sql "
        f"\"SELECT * FROM usage_hour WHERE agent = '{agent}' ORDER BY ts DESC LIMIT 20\"`. "
        f"To raise the limit now: `manager-agent budget set {agent} {option} …`."
    )


def _usd(now: datetime, severity: Severity, spent: str, percent: int) -> Message:
    resets = hour(now) + timedelta(hours=1)
    return sample(
        now,
        "budget",
        severity,
        "research-agent",
        f"research-agent spent ${spent} of its $2.00 hourly limit ({percent} %), resets "
        f"{resets:%H:%M} UTC",
        {
            "agent": "research-agent",
            "period": "hour",
            "unit": "usd",
            "spent_usd": spent,
            "limit_usd": "2.00",
            "percent": percent,
            "window": f"hour:{iso(hour(now))}",
            "resets_at": iso(resets),
            "enforcement": "hard",
            "priority": 1,
            "unpriced_calls": 0,
        },
    )


def _tokens(now: datetime) -> Message:
    facts: dict[str, Fact] = {
        "agent": "indexer",
        "period": "day",
        "unit": "tokens",
        "spent_tokens": 1_048_200,
        "limit_tokens": 1_000_000,
        "percent": 104,
        "window": f"day:{day(now):%Y-%m-%d}",
        "resets_at": iso(day(now) + timedelta(days=1)),
        "enforcement": "soft",
        "priority": 3,
        "unpriced_calls": 0,
    }
    headline = (
        "indexer used 1,048,200 tokens of its 1,000,000 daily token limit (104 %), resets "
        f"{day(now) + timedelta(days=1):%Y-%m-%d %H:%M} UTC"
    )
    return sample(now, "budget", "critical", "indexer", headline, facts)


def _samples(now: datetime) -> Iterator[Message]:
    yield _usd(now, "info", "1.02", 51)
    yield _usd(now, "warning", "1.66", 83)
    yield _usd(now, "critical", "2.00", 100)
    yield _tokens(now)


KIND = Kind(
    title=_title,
    samples=_samples,
    labels={
        "agent": "Agent",
        "spent_usd": "Spent",
        "spent_tokens": "Tokens used",
        "limit_usd": "Limit",
        "limit_tokens": "Token limit",
        "percent": "Used",
        "period": "Period",
        "resets_at": "Resets",
        "priority": "Priority",
        "unpriced_calls": "Calls without a price",
    },
    hidden=frozenset({"unit", "window", "enforcement"}),
    done=_done,
    advice=_advice,
)
