"""Issues report: similar errors as one entry each, the most pressing first."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, iso, sample
from manager_agent.delivery.kinds import daily_report
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    seen = iso(now - timedelta(minutes=52))[11:16]
    table = Section(
        "By priority",
        columns=("Issue", "P", "Count", "Agents", "First", "Last"),
        rows=(
            ("Key refused", "1", "12", "writer", seen, "14:40"),
            ("Requests refused", "2", "37", "crm-sync, writer", seen, "14:41"),
            ("Provider overloaded", "3", "48", "research-agent and 2 more", "14:02", "14:14"),
        ),
    )
    words = Section(
        "What to do",
        "writer: 12 failed calls, the key is refused. Put in a key that is valid.\n"
        "OpenAI gpt-4o: 37 failed calls, Invalid value for <str>. Correct the request.",
    )
    yield sample(
        now,
        "issues_report",
        "info",
        None,
        "3 issues are open: 97 failed calls of 4 agents, $0.42 burnt",
        {"issues": 3, "errors": 97, "agents": 4, "cost_usd": "0.42"},
        sections=(table, words),
    )


KIND = Kind(
    title=lambda message: "Issues",
    samples=_samples,
    labels={
        "issues": "Open issues",
        "errors": "Failed calls",
        "agents": "Agents",
        "cost_usd": "Burnt",
    },
    hidden=daily_report.UNTOLD,
    advice=lambda message: (
        "To mark one as done: `POST /api/v1/issues/{id}/resolve`; it comes back when it does."
    ),
    mark=lambda message: "🧾",
)
