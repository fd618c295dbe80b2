"""Weekly report: a week's cost by agent and day."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, day, sample
from manager_agent.delivery.kinds import daily_report
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    monday = day(now) - timedelta(days=now.weekday() + 7)
    costs = ("$30.16", "$28.90", "$31.44", "$29.02", "$30.16", "$12.08", "$42.52")
    days = Section(
        "Cost by day",
        "▅▅▆▅▅▂█",
        ("Day", "Cost", "Calls"),
        tuple(
            (f"{monday + timedelta(days=n):%a %Y-%m-%d}", cost, f"{9_000 + 611 * n:,}")
            for n, cost in enumerate(costs)
        ),
    )
    agents = Section(
        "By agent",
        columns=("Agent", "Cost", "Week before", "Calls", "Success"),
        rows=(
            ("research-agent", "$101.20", "+31 %", "18,090", "99.2 %"),
            ("support-bot", "$76.44", "+2 %", "61,204", "99.9 %"),
            ("indexer", "$26.64", "-8 %", "1,498", "100 %"),
        ),
    )
    span = f"week {monday:%G-W%V}, from {monday:%Y-%m-%d}"
    yield sample(
        now,
        "weekly_report",
        "info",
        None,
        f"Week from {monday:%Y-%m-%d}: $204.28 in 80,792 calls of 3 agents, 14 % more "
        "than the week "
        "before",
        {
            "period": span,
            "cost_usd": "204.28",
            "calls": 80_792,
            "tokens": 190_442_870,
            "success_rate": "99.7 %",
            "active_agents": 3,
            "week_before_usd": "179.19",
            "change": "+14 %",
            "month_so_far_usd": "812.40",
            "month_expected_usd": "1044.00",
            "open_alerts": 0,
            "open_issues": 2,
            "refused_calls": 640,
            "kept_usd": "112.09",
            "not_told_before": f"{monday - timedelta(days=7):%G-W%V}: the manager was not running",
        },
        sections=(days, agents, daily_report.BUDGETS, daily_report.SAVINGS, daily_report.DEEDS),
        of_alert=False,
    )


KIND = Kind(
    title=lambda message: "Weekly report",
    samples=_samples,
    labels={
        **daily_report.SUMS,
        "week_before_usd": "Week before",
        **daily_report.DOUBTS,
        **daily_report.ROLLUP,
    },
    hidden=daily_report.UNTOLD,
    mark=daily_report.chart,
)
