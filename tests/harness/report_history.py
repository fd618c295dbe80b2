"""A small history with a bit of everything, and the reports of it, which golden files hold.

`python -m tests.harness.report_history` writes the files anew; read the difference first.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from manager_agent.analytics.answer import answer
from manager_agent.analytics.savings.suggest import suggestions
from manager_agent.api.routes.reports import shape
from manager_agent.app.reports.desk import ReportDesk
from manager_agent.app.reports.period import KINDS
from manager_agent.app.reports.schedule import Plan
from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.contract.stored_time import naive
from manager_agent.prices.book import PriceBook
from manager_agent.rules.message import Message
from manager_agent.store.control import ControlStore
from manager_agent.store.reports import ReportStore
from tests.harness.history import History

GOLDEN = Path(__file__).parent.parent / "app" / "golden"
NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
POLICY = BudgetPolicy(
    default=Limits(daily_limit_usd=Decimal(2), monthly_limit_usd=Decimal(40)),
    groups={"desk": Group(frozenset({"writer"}), Limits(monthly_token_limit=10**6))},
    zone=BERLIN,
)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_AGENTS = ("coder", "researcher", "support", "translator", "writer", "indexer", None)


def report_history() -> History:
    """Return three weeks of seven agents, one of them idle until last week, one without a name."""
    of = History()
    for day in range(21):
        for place, agent in enumerate(_AGENTS):
            if agent == "indexer" and day > 6:
                continue
            of.call(agent or "", naive(NOW - day * _DAY - place * _HOUR), **_call(day, place))
    of.con.execute("UPDATE calls_sealed SET agent = NULL WHERE agent = ''")
    of.roll_up()
    _refusals(of)
    _issues(of)
    of.alert("coder", naive(NOW - _DAY), state="firing", severity="critical", rule="budget")
    return of


def _call(day: int, place: int) -> dict[str, object]:
    unpriced, guessed = (day + place) % 9 == 0, (day + place) % 7 == 0
    return {
        "provider": "openai",
        "request_model": "house-7b" if unpriced else ("gpt-4o", "gpt-4o-mini")[place % 2],
        "input_tokens": 1000 * (place + 1) + day,
        "output_tokens": 100,
        "cost_usd": None if unpriced else Decimal(place * 3 + day % 5 + 1) / 20,
        "cost_source": "unpriced" if unpriced else "estimated" if guessed else "local",
        "status": "error" if (day + place) % 11 == 0 else "ok",
        "duration_ms": 900.0,
    }


def _refusals(of: History) -> None:
    for number in range(12):
        of.con.execute(
            "INSERT INTO decisions BY NAME"
            " SELECT ? AS ts, 'coder' AS agent, 'refuse' AS decision, 'over_budget' AS reason",
            [naive(NOW - _DAY + number * timedelta(minutes=1))],
        )
    for number, (kind, after) in enumerate((("approval", "approved"), ("breaker", "open"))):
        detail = json.dumps({"before": "pending", "after": after, "why": None})
        of.con.execute(
            "INSERT INTO control_events VALUES (?, ?, 'x', 'manager', ?)",
            [naive(NOW - _DAY + number * _HOUR), kind, detail],
        )


def _issues(of: History) -> None:
    told = (
        ("i1", "OpenAI: the key is refused", "new", 1, 12, "writer"),
        ("i2", "OpenAI gpt-4o: rate limit", "ongoing", 3, 140, "coder, writer, support, indexer"),
    )
    for name, title, state, priority, count, agents in told:
        of.con.execute(
            "INSERT INTO issue_events BY NAME SELECT ? AS issue_id, 1 AS revision, 'auth' AS kind,"
            " ? AS title, ? AS tldr, ? AS first_seen, ? AS last_seen, ? AS count, ? AS agents,"
            " ? AS state, ? AS priority",
            [
                *(name, title, f"{title}: {count} failed calls. To do: see to it."),
                *(naive(NOW - 2 * _DAY), naive(NOW - _DAY), count, agents, state, priority),
            ],
        )


def reports(of: History, control: ControlStore) -> Iterator[Message]:
    """Yield a report of each kind, made at `NOW` of what was over then."""
    desk = ReportDesk(
        plan=Plan(BERLIN),
        read=of.con.cursor,
        policy=lambda: POLICY,
        savings=lambda since, until, now: suggestions(
            partial(answer, of.con), since, until, PriceBook()
        ),
        store=ReportStore(control),
        wake=lambda: None,
    )
    for kind in KINDS:
        yield desk.report(kind, NOW - _DAY if kind == "hourly" else None, NOW)


def drawn(message: Message) -> str:
    """Return a report as its golden file holds it."""
    return json.dumps(shape(message), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    with TemporaryDirectory() as place, ControlStore(Path(place) / "control.sqlite") as kept:
        for report in reports(report_history(), kept):
            (GOLDEN / f"{report.kind}.json").write_text(drawn(report), "utf-8")
