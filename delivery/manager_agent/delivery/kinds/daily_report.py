"""Daily report: a day's cost with its trend, budgets, issues, savings, and what was done."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, day, sample
from manager_agent.rules.message import Message, Section

SUMS = {
    "cost_usd": "Cost",
    "calls": "Calls",
    "tokens": "Tokens",
    "success_percent": "Success",
    "agents": "Active agents",
}
"""The sums that each report begins with."""

UNTOLD = frozenset({"period_start", "period_end", "agent"})
"""What the title and the sentence tell already."""


def chart(message: Message) -> str:
    """Return the mark of all reports."""
    return "📊"


BUDGETS = Section(
    "Budgets",
    columns=("Limit of", "Period", "Spent", "Limit", "Used", "Month's end"),
    rows=(
        ("research-agent", "day", "$22.10", "$24.00", "92 %", ""),
        ("support-bot", "month", "$131.40", "$300.00", "44 %", "$171.20"),
        ("group research", "month", "$402.75", "$500.00", "81 %", "$526.30"),
    ),
)
ISSUES = Section(
    "Issues",
    "crm-sync: 37 failed calls since 13:38 UTC, the request is not accepted. To do: correct the "
    "request.\nAnthropic claude-sonnet-4-5: overloaded for 12 min, 3 agents; over.",
)
SAVINGS = Section(
    "What could be cheaper",
    "support-bot: cache the first 2,100 tokens of its prompts, $61.20 a month (`manager-agent "
    "suggest`)\nwriter: gpt-4o-mini does for its short answers, $12.40 a month",
)
DEEDS = Section(
    "What the manager did",
    columns=("", "Times", "Kept"),
    rows=(
        ("Calls refused over budget", "212", "$9.41"),
        ("Loops stopped", "1", "$31.00"),
        ("Calls approved", "3", ""),
        ("Breakers opened and closed", "2", ""),
    ),
)


def _samples(now: datetime) -> Iterator[Message]:
    yesterday = day(now) - timedelta(days=1)
    cost = Section(
        "Cost by agent",
        "Last 14 days: ▂▂▃▂▃▃▂▂▃▃▄▃▄█",
        ("Agent", "Cost", "Change", "Calls", "Tokens", "Success"),
        (
            ("research-agent", "$22.10", "+112 %", "3,118", "14,200,118", "99.1 %"),
            ("support-bot", "$11.94", "+4 %", "9,440", "5,120,992", "99.9 %"),
            ("indexer", "$6.40", "-12 %", "214", "9,880,001", "100 %"),
            ("crm-sync", "at least $2.08", "new", "801", "700,240", "94.2 %"),
        ),
    )
    models = Section(
        "Cost by model",
        columns=("Model", "Cost", "Calls"),
        rows=(
            ("openai/gpt-4o", "$31.20", "4,911"),
            ("anthropic/claude-sonnet-4-5", "$9.22", "2,104"),
            ("openai/gpt-4o-mini", "$2.10", "6,344"),
            ("openai/gpt-9-preview", "unknown", "17"),
        ),
    )
    yield sample(
        now,
        "daily_report",
        "info",
        None,
        f"{yesterday:%Y-%m-%d}: at least $42.52 in 13,573 calls of 4 agents, 41 % more "
        "than the day "
        "before; the month will have cost $1,044.00 if it goes on like this",
        {
            "cost_usd": "42.52",
            "day_before_usd": "30.16",
            "calls": 13_573,
            "tokens": 29_901_351,
            "success_percent": 99.4,
            "agents": 4,
            "month_so_far_usd": "812.40",
            "month_expected_usd": "1044.00",
            "kept_usd": "40.41",
        },
        sections=(cost, models, BUDGETS, ISSUES, SAVINGS, DEEDS),
    )


KIND = Kind(
    title=lambda message: "Daily report",
    samples=_samples,
    labels={
        **SUMS,
        "day_before_usd": "Day before",
        "month_so_far_usd": "Month so far",
        "month_expected_usd": "Month expected",
        "kept_usd": "Kept by the manager",
    },
    hidden=UNTOLD,
    mark=chart,
)
