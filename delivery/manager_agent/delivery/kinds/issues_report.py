"""Issues report: similar errors as one entry each, the most pressing first."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, sample
from manager_agent.delivery.kinds import daily_report
from manager_agent.rules.message import Message, Section


def _samples(now: datetime) -> Iterator[Message]:
    first = f"{now - timedelta(minutes=52):%Y-%m-%d %H:%M} UTC"
    last = f"{now:%Y-%m-%d %H:%M} UTC"
    entries = (
        Section(
            "P1 OpenAI: the key is refused (new)",
            f"12 errors; agents: writer; first {first}; last {last}\nwriter: 12 failed calls since "
            f"{first}, the key is refused. 1 agent (writer 12); nothing burnt. To do: put in a key "
            "that is valid.\n`5f1c2b9a77d04e31`",
        ),
        Section(
            "P2 OpenAI gpt-4o: invalid value (new)",
            f"37 errors; agents: crm-sync, writer; first {first}; last {last}; $0.42 burnt\nOpenAI "
            f"gpt-4o: 37 failed calls since {first}, the request is not accepted. Most often: "
            "Invalid value for <str>. To do: correct the request.\n`a0e1d9c377b04412`",
        ),
        Section("9 more issues", "`manager-agent sql` on the table `issues` shows all of them."),
    )
    yield sample(
        now,
        "issues_report",
        "info",
        None,
        f"{now:%Y-%m-%d}: 11 issues; the first: OpenAI: the key is refused, 12 errors",
        {
            "period": f"{now:%Y-%m-%d}",
            "issues": 11,
            "of_priority_1": 1,
            "new": 2,
            "back_again": 0,
            "burnt": "$0.42",
        },
        sections=entries,
        of_alert=False,
    )


KIND = Kind(
    title=lambda message: "Issues",
    samples=_samples,
    labels={
        "issues": "Issues",
        "of_priority_1": "Of priority 1",
        "new": "New",
        "back_again": "Back again",
        "burnt": "Burnt",
    },
    hidden=daily_report.UNTOLD,
    advice=lambda message: (
        "To mark one as done: `POST /api/v1/issues/{id}/resolve`; it comes back when it does."
    ),
    mark=lambda message: "🧾",
)
