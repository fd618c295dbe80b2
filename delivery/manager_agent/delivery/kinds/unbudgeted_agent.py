"""Unbudgeted agent: an agent spends, and no limit bounds what it can spend."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, about, harmless, sample
from manager_agent.rules.message import Message


def _advice(message: Message) -> str:
    agent = harmless(message.agent)
    if agent:
        return f"Set one: `manager-agent budget set {agent} --daily-usd …`."
    return "Set `agent_budgets.default` in the configuration: it holds for all that have no entry."


def _samples(now: datetime) -> Iterator[Message]:
    yield sample(
        now,
        "unbudgeted_agent",
        "warning",
        "indexer",
        "indexer spent $6.40 in the last 24 h and no limit bounds it; `manager-agent budget set "
        "indexer --daily-usd …` sets one",
        {"agent": "indexer", "spent_usd": "6.40"},
    )
    yield sample(
        now,
        "unbudgeted_agent",
        "info",
        None,
        "3 agents spent $21.75 in the last 24 h and no limit bounds them; limits are set under "
        "`agent_budgets`",
        {
            "agents": 3,
            "spent_usd": "21.75",
            "top_agents": "research-agent $14.20, indexer $6.40, writer $1.15",
        },
    )


KIND = Kind(
    title=lambda message: (
        about("No budget", message.agent) if message.agent else "No budgets are set"
    ),
    samples=_samples,
    labels={
        "agent": "Agent",
        "agents": "Agents",
        "spent_usd": "Spent in 24 h",
        "top_agents": "Most by",
    },
    advice=_advice,
)
