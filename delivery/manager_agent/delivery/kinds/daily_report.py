"""Daily report: a day's cost with its trend, budgets, issues, savings, and what was done."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, day, sample
from manager_agent.rules.message import Message, Section

SUMS = {
    "cost_usd": "Cost",
    "calls": "Calls",
    "tokens": "Tokens",
    "success_rate": "Success",
    "active_agents": "Active agents",
}
"""The sums that each report begins with."""

UNTOLD = frozenset({"period"})
"""What the title and the sentence tell already."""

DOUBTS = {
    "change": "Change",
    "unpriced_calls": "Calls without a price",
    "calls_without_tokens": "Calls without tokens",
    "estimated_calls": "Calls with estimated cost",
    "estimated_usd": "Of it estimated",
    "open_alerts": "Open alerts",
    "open_issues": "Open issues",
    "refused_calls": "Calls refused",
}
"""What a report says of its sums, and of what is open."""

ROLLUP = {
    "month_so_far_usd": "Month so far",
    "month_expected_usd": "Month expected",
    "kept_usd": "Kept by the manager",
    "could_save_a_month": "Could save a month",
    "not_told_before": "Reports that were missed",
}
"""What the reports of days and weeks say beyond that."""


def chart(message: Message) -> str:
    """Return the mark of all reports."""
    return "📊"


BUDGETS = Section(
    "Budgets",
    "Month's end: if it goes on like the last 7 days.",
    columns=("Limit", "Spent", "Of", "Used", "Month's end"),
    rows=(
        ("research-agent, daily limit", "$22.10", "$24.00", "92 %", "–"),
        ("group research, monthly limit", "$402.75", "$500.00", "81 %", "$526.30"),
        ("support-bot, monthly limit", "$131.40", "$300.00", "44 %", "$171.20"),
    ),
)
SAVINGS = Section(
    "Savings",
    "`manager-agent suggest` says how, with the queries that prove it.",
    columns=("A month", "What", "Agent", "Model", "Calls"),
    rows=(
        ("$55.10 to $61.20", "cache the prompt", "support-bot", "gpt-4o", "9,440"),
        ("$12.40", "a smaller model", "writer", "gpt-4o", "214"),
    ),
)
DEEDS = Section(
    "What the manager did",
    "Blocked: 212 calls refused; about $9.41 kept, at what their agents' calls cost in the mean of "
    "14 days\nApprovals: 3 given, 1 denied, 0 ran out\nCircuit breakers: opened 2 times, recovered "
    "2 times\nAlerts: 6 fired, 4 resolved, 2 open",
    columns=("Refused", "Why", "Calls"),
    rows=(("research-agent", "over budget", "198"), ("writer", "denied", "14")),
)


def _samples(now: datetime) -> Iterator[Message]:
    today = day(now)
    yesterday = today - timedelta(days=1)
    seen = f"{yesterday + timedelta(hours=13, minutes=38):%Y-%m-%d %H:%M} UTC"
    agents = Section(
        "By agent",
        columns=("Agent", "Cost", "Day before", "Calls", "Success", "Trend"),
        rows=(
            ("research-agent", "$22.10", "+112 %", "3,118", "99.1 %", "▂▂▂▂▃▂▂▂▂▃▃▃▄█"),
            ("support-bot", "$11.94", "+4 %", "9,440", "99.9 %", "▅▅▆▅▅▂▂▅▅▆▅▅▂▅"),
            ("indexer", "$6.40", "-12 %", "214", "100 %", "·······█▅▃▃▂▂▂"),
            ("crm-sync", "at least $2.08", "new", "801", "94.2 %", "·············█"),
        ),
    )
    models = Section(
        "By model",
        columns=("Model", "Cost", "Calls", "Tokens"),
        rows=(
            ("openai/gpt-4o", "$31.20", "4,911", "18,220,400"),
            ("anthropic/claude-sonnet-4-5", "$9.22", "2,104", "4,911,032"),
            ("openai/gpt-4o-mini", "$2.10", "6,344", "6,721,709"),
            ("openai/gpt-9-preview", "unknown", "17", "48,210"),
        ),
    )
    costs = (10, 11, 9, 10, 14, 8, 8, 15, 13, 14, 14, 13, 12, 22)
    days = Section(
        "Cost by day",
        "▃▄▃▃▅▃▃▅▅▅▅▅▄█  $24.02 to $42.52 a day",
        ("Day", "research-agent", "support-bot", "indexer", "crm-sync", "others", "all"),
        tuple(
            (
                f"{today - timedelta(days=14 - n):%a %m-%d}",
                f"${cost}.10",
                "$11.94",
                "$6.40",
                "$2.08" if n == 13 else "$0.00",
                "$0.00",
                f"at least ${cost + 20}.52" if n == 13 else f"${cost + 18}.44",
            )
            for n, cost in enumerate(costs)
        ),
    )
    issues = Section(
        "Issues",
        "",
        ("Priority", "Issue", "Errors", "Agents", "First", "Last"),
        (
            ("2", "OpenAI gpt-4o: invalid value", "37", "crm-sync, writer", seen, seen),
            ("3", "Anthropic: overloaded", "48", "research-agent and 2 more", seen, seen),
        ),
    )
    yield sample(
        now,
        "daily_report",
        "info",
        None,
        f"{yesterday:%Y-%m-%d}: at least $42.52 for 13,573 calls of 4 agents, about 41 % more than "
        "the day before ($30.16); $9.41 kept",
        {
            "period": f"{yesterday:%Y-%m-%d}",
            "cost_usd": "42.52",
            "calls": 13_573,
            "tokens": 29_901_351,
            "success_rate": "99.4 %",
            "active_agents": 4,
            "day_before_usd": "30.16",
            "change": "about +41 %",
            "unpriced_calls": 17,
            "month_so_far_usd": "812.40",
            "month_expected_usd": "1044.00",
            "open_alerts": 2,
            "open_issues": 2,
            "refused_calls": 212,
            "kept_usd": "9.41",
            "could_save_a_month": "$67.50 to $73.60",
        },
        sections=(agents, models, days, BUDGETS, issues, SAVINGS, DEEDS),
        of_alert=False,
    )


KIND = Kind(
    title=lambda message: "Daily report",
    samples=_samples,
    labels={
        **SUMS,
        "day_before_usd": "Day before",
        **DOUBTS,
        **ROLLUP,
    },
    hidden=UNTOLD,
    mark=chart,
)
