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
        "Top agents by cost",
        columns=("Agent", "Cost", "Against yesterday", "Calls", "Success"),
        rows=(
            ("research-agent", "$14.20", "+1,083 %", "412", "99.3 %"),
            ("support-bot", "$2.11", "+3 %", "1,204", "99.9 %"),
            ("crm-sync", "at least $0.42", "about +5 %", "41", "17.1 %"),
            ("writer", "$0.11", "new", "9", "100 %"),
        ),
    )
    span = f"{start:%Y-%m-%d %H:%M} UTC to {end:%H:%M} UTC"
    yield sample(
        now,
        "hourly_summary",
        "info",
        None,
        f"{span}: at least $16.84 for 1,666 calls of 4 agents, about 363 % more than the same time "
        "yesterday ($3.64)",
        {
            "period": span,
            "cost_usd": "16.84",
            "calls": 1666,
            "tokens": 2_501_784,
            "success_rate": "97.8 %",
            "active_agents": 4,
            "yesterday_usd": "3.64",
            "change": "about +363 %",
            "unpriced_calls": 3,
            "open_alerts": 2,
            "open_issues": 1,
            "refused_calls": 12,
        },
        sections=(agents,),
        of_alert=False,
    )


KIND = Kind(
    title=lambda message: "Hourly summary",
    samples=_samples,
    labels={
        **daily_report.SUMS,
        "yesterday_usd": "Same time yesterday",
        **daily_report.DOUBTS,
    },
    hidden=daily_report.UNTOLD,
    mark=daily_report.chart,
)
