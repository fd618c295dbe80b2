"""Hourly summary: what the last hour cost, against the same hour yesterday."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, hour, sample
from manager_agent.delivery.kinds import daily_report
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    end = hour(now)
    start = end - timedelta(hours=1)
    agents = Section(
        "Agents by cost",
        columns=("Agent", "Cost", "Calls", "Tokens", "Success", "Yesterday"),
        rows=(
            ("research-agent", "$14.20", "412", "1,840,200", "99.3 %", "$1.20"),
            ("support-bot", "$2.11", "1,204", "611,480", "99.9 %", "$2.04"),
            ("crm-sync", "at least $0.42", "41", "38,100", "17.1 %", "$0.40"),
            ("writer", "$0.11", "9", "12,004", "100 %", "–"),
        ),
    )
    still = Section(
        "Still open",
        "Cost spike: research-agent, since 13:00 UTC\nMany calls fail: crm-sync, since 14:31 UTC",
    )
    yield sample(
        now,
        "hourly_summary",
        "info",
        None,
        f"{start:%H:%M} to {end:%H:%M} UTC: at least $16.84 in 1,666 calls of 4 agents, "
        "4.6 times as "
        "much as in the same hour yesterday",
        {
            "cost_usd": "16.84",
            "yesterday_usd": "3.64",
            "calls": 1666,
            "tokens": 2_501_784,
            "success_percent": 97.8,
            "agents": 4,
            "open_alerts": 2,
            "open_issues": 1,
        },
        sections=(agents, still),
    )


KIND = Kind(
    title=lambda message: "Hourly summary",
    samples=_samples,
    labels={**daily_report.SUMS, "yesterday_usd": "Same hour yesterday"},
    hidden=daily_report.UNTOLD,
    mark=daily_report.chart,
)
