"""Each number of a report is the answer to a question about the calls themselves.

The history has failures, unpriced and estimated calls, calls without tokens, a nameless agent,
corrections and deltas; reports read rollups, the questions here read `llm_calls`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from manager_agent.analytics.report_used import by_agent, by_model, total, used
from manager_agent.analytics.savings.suggest import Savings, Suggestion
from manager_agent.app.reports.gathered import Gathered, gathered
from manager_agent.app.reports.hourly import hour, hourly_summary
from manager_agent.app.reports.period import Kind, Period, period, period_before
from manager_agent.app.reports.rollup import rollup
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.stored_time import naive
from manager_agent.rules.message import Message, Section
from tests.harness.history import History

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
Gather = Callable[[Kind, ZoneInfo], Gathered]
AGENTS = ("coder", "researcher", "writer", None)
POLICY = BudgetPolicy(
    default=Limits(daily_limit_usd=Decimal(1), monthly_limit_usd=Decimal(20)),
    fleet=Limits(monthly_limit_usd=Decimal(100), monthly_token_limit=10**9),
    zone=BERLIN,
)


def made() -> History:
    """Return five weeks of calls, some of them corrected after they were counted."""
    of, dice = History(), Random(7)
    calls = pa.Table.from_pylist([_call(number, dice) for number in range(1500)])
    of.con.register("calls", calls)
    of.con.execute("INSERT INTO calls_sealed BY NAME SELECT * FROM calls")
    of.roll_up()
    _correct(of)
    _beside(of)
    return of


def _call(number: int, dice: Random) -> dict[str, Any]:
    source = dice.choices(["local", "provider", "estimated", "unpriced", None], [9, 3, 2, 1, 1])[0]
    nano = dice.randrange(10**9) if source not in (None, "unpriced") else None
    return {
        "call_id": f"c{number}",
        "revision": 1,
        "ts": naive(NOW - timedelta(days=35) * dice.random()),
        "agent": dice.choice(AGENTS),
        "provider": "openai",
        "request_model": dice.choice(["gpt-4o", "gpt-4o-mini"]),
        "input_tokens": None if source is None else dice.randrange(5000),
        "output_tokens": None if source is None else dice.randrange(900),
        "cost_usd": None if nano is None else Decimal(nano).scaleb(-9),
        "cost_source": source,
        "status": "error" if dice.random() < 0.05 else "ok",
        "duration_ms": dice.random() * 1000,
    }


def _correct(of: History) -> None:
    """Replace calls as a merge window does: a minus row, a new revision, deltas of the rollups."""
    where = "WHERE revision = 1 AND cost_usd > 0 AND CAST(substr(call_id, 2) AS BIGINT) % 20 = 0"
    of.con.execute(
        f"""
        INSERT INTO calls_retracted SELECT call_id, revision, ts FROM calls_sealed {where};
        INSERT INTO calls_sealed
        SELECT * REPLACE (2 AS revision, cost_usd + 0.25 AS cost_usd) FROM calls_sealed {where};
        """
    )
    for grain in ("minute", "hour", "day"):
        of.con.execute(
            f"""
            INSERT INTO usage_{grain}_deltas BY NAME
            SELECT date_trunc('{grain}', ts) AS ts, agent, provider,
                request_model AS response_model, 0 AS calls, 0.25 AS cost_usd
            FROM calls_sealed WHERE revision = 2
            """
        )


def _beside(of: History) -> None:
    yesterday = naive(NOW - timedelta(days=1))
    refusals = [("coder", "over_budget")] * 7 + [("writer", "paused")] * 2
    events: list[tuple[str, str, Any]] = [
        ("approval", "pending", "approved"),
        ("approval", "pending", {"approved": "2.5", "until_us": 7}),
        ("approval", "pending", "denied"),
        ("breaker", "closed", "open"),
        ("breaker", "half_open", "closed"),
        ("breaker", "closed", "closed"),
    ]
    for agent, reason in refusals:
        of.con.execute(
            "INSERT INTO decisions BY NAME"
            " SELECT ? AS ts, ? AS agent, 'refuse' AS decision, ? AS reason",
            [yesterday, agent, reason],
        )
    for kind, before, after in events:
        of.con.execute(
            "INSERT INTO control_events VALUES (?, ?, 'x', 'manager', ?)",
            [yesterday, kind, json.dumps({"before": before, "after": after, "why": None})],
        )
    of.alert("coder", yesterday, state="firing", severity="critical", rule="budget")
    over = {"state": "resolved", "resolved_ts": naive(NOW)}
    of.alert("coder", yesterday, severity="info", rule="loop", **over)


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    of = made()
    yield of
    of.con.close()


@pytest.fixture(scope="module")
def gather(history: History) -> Gather:
    @cache
    def made_of(kind: Kind, zone: ZoneInfo) -> Gathered:
        policy = BudgetPolicy(POLICY.default, fleet=POLICY.fleet, zone=zone)
        return gathered(history.con, period_before(kind, NOW, zone, HOUR), policy)

    return made_of


def asked(of: History, what: str, found: Period, more: str = "") -> Any:
    """Return one number about the calls of a period."""
    where = f"ts >= '{naive(found.start)}' AND ts < '{naive(found.end)}' {more}"
    [(answer,)] = of.rows(f"SELECT {what} FROM llm_calls WHERE {where}")
    return answer


def usd(text: object) -> Decimal:
    return Decimal(str(text))


def section(message: Message, title: str) -> Section:
    return next(one for one in message.sections if one.title == title)


@pytest.mark.parametrize("zone", [BERLIN, KOLKATA], ids=str)
@pytest.mark.parametrize("kind", ["daily", "weekly"])
def test_a_report_says_what_the_calls_say(
    history: History, gather: Gather, kind: Kind, zone: ZoneInfo
) -> None:
    of = gather(kind, zone)
    found = of.period
    before = period_before(kind, found.start, zone, HOUR)
    facts = rollup(of, [], found.key, NOW, zone).facts

    assert usd(facts["cost_usd"]) == asked(history, "sum(cost_usd)", found)
    assert facts["calls"] == asked(history, "count(*)", found)
    assert facts["tokens"] == asked(history, "sum(input_tokens + output_tokens)", found)
    failed = asked(history, "count(*)", found, "AND status = 'error'")
    assert (
        facts["success_rate"]
        == f"{round(100 - failed * 100 / asked(history, 'count(*)', found), 1)} %"
    )
    assert facts["active_agents"] == asked(history, "count(DISTINCT agent)", found)
    assert facts["unpriced_calls"] == asked(
        history, "count(*)", found, "AND cost_source = 'unpriced'"
    )
    estimated = "AND cost_source = 'estimated'"
    assert facts["estimated_calls"] == asked(history, "count(*)", found, estimated)
    assert usd(facts["estimated_usd"]) == asked(history, "sum(cost_usd)", found, estimated)
    unknown = "AND cost_source IS NULL AND status = 'ok'"
    assert facts.get("calls_without_tokens", 0) == asked(history, "count(*)", found, unknown)
    earlier = facts["day_before_usd" if kind == "daily" else "week_before_usd"]
    assert usd(earlier) == asked(history, "sum(cost_usd)", before)


def test_its_tables_add_up(history: History) -> None:
    found = period_before("daily", NOW, BERLIN, HOUR)
    [lines] = used(history.con, [(found.start, found.end)])

    for agent, of in by_agent(lines).items():
        mine = "AND agent IS NULL" if agent is None else f"AND agent = '{agent}'"
        assert Decimal(of.cost).scaleb(-9) == asked(history, "sum(cost_usd)", found, mine)
        assert of.calls == asked(history, "count(*)", found, mine)
    for model, of in by_model(lines).items():
        mine = f"AND provider || '/' || request_model = '{model}'"
        assert Decimal(of.cost).scaleb(-9) == asked(history, "sum(cost_usd)", found, mine)
    assert total(lines) == total(used(history.con, [(found.start, found.end)])[0])


@pytest.mark.parametrize("zone", [BERLIN, KOLKATA], ids=str)
def test_each_day_and_the_month_are_their_calls(
    history: History, gather: Gather, zone: ZoneInfo
) -> None:
    of = gather("daily", zone)
    found = of.period

    for window, lines in of.days:
        day = Period("daily", window.start, window.end, "")
        assert Decimal(total(lines).cost).scaleb(-9) == asked(history, "sum(cost_usd)", day)
    month = Period("daily", of.month.start, found.end, "")
    assert Decimal(of.month_so_far.cost).scaleb(-9) == asked(history, "sum(cost_usd)", month)
    week = Period("daily", of.days[-7][0].start, found.end, "")
    left = Decimal(str((of.month.end - found.end) / timedelta(days=1)))
    expected = (
        asked(history, "sum(cost_usd)", month) + asked(history, "sum(cost_usd)", week) / 7 * left
    )
    assert abs(Decimal(of.month_expected).scaleb(-9) - expected) < Decimal("0.000001")


def test_limits_are_as_their_windows_hold(history: History, gather: Gather) -> None:
    of = gather("daily", BERLIN)
    found = of.period
    month = Period("daily", of.month.start, found.end, "")

    spent = {(one.line.who, one.line.period, one.line.unit): one.line.spent for one in of.limits}
    for agent in ("coder", "researcher", "writer"):
        mine = f"AND agent = '{agent}'"
        for window, name in ((found, "day"), (month, "month")):
            amount = Decimal(spent[agent, name, "usd"]).scaleb(-9)  # type: ignore[index]
            assert amount == asked(history, "sum(cost_usd)", window, mine)
    named = "AND agent IS NOT NULL"
    tokens = asked(history, "sum(input_tokens + output_tokens)", month, named)
    assert spent["the fleet", "month", "tokens"] == tokens


def test_what_was_kept_is_the_refused_calls_at_what_calls_cost(
    history: History, gather: Gather
) -> None:
    of = gather("daily", BERLIN)
    found = of.period
    fortnight = Period("daily", of.days[0][0].start, found.end, "")
    expected = Decimal(0)
    for agent, refused in (("coder", 7), ("writer", 2)):
        mine = f"AND agent = '{agent}'"
        priced = "count(*) FILTER (WHERE cost_source IS DISTINCT FROM 'unpriced')"
        mean = asked(history, f"sum(cost_usd) / {priced}", fortnight, mine)
        expected += refused * Decimal(str(mean))

    assert of.kept is not None
    assert abs(Decimal(of.kept).scaleb(-9) - expected) < Decimal("0.00001")
    deeds = section(rollup(of, [], found.key, NOW, BERLIN), "What the manager did")
    assert "9 calls refused" in deeds.text
    assert "Approvals: 2 given, 1 denied" in deeds.text
    assert "opened 1 time, recovered 1 time" in deeds.text
    assert "2 fired, 0 resolved, 2 open" in deeds.text


def test_what_nobody_knows_the_cost_of_is_not_kept_for_nothing(history: History) -> None:
    with history.con.cursor() as con:
        con.execute("BEGIN")
        con.execute(
            "INSERT INTO decisions BY NAME"
            " SELECT ? AS ts, 'stranger' AS agent, 'refuse' AS decision",
            [naive(NOW - timedelta(days=1))],
        )
        found = period_before("daily", NOW, BERLIN, HOUR)
        of = gathered(con, found, POLICY)
        con.execute("ROLLBACK")

    assert of.kept is None
    assert rollup(of, [], found.key, NOW, BERLIN).facts["kept_usd"] is None


@pytest.mark.parametrize("zone", [BERLIN, KOLKATA], ids=str)
def test_an_hour_says_what_its_calls_say(history: History, zone: ZoneInfo) -> None:
    for back in range(1, 25, 4):
        found = period("hourly", NOW - back * HOUR, zone, HOUR)
        facts = hourly_summary(hour(history.con, found, zone), found.key, NOW, zone).facts

        assert facts["calls"] == asked(history, "count(*)", found)
        if facts["cost_usd"] is not None:
            assert usd(facts["cost_usd"]) == asked(history, "coalesce(sum(cost_usd), 0)", found)
        yesterday = Period("hourly", found.start - 24 * HOUR, found.end - 24 * HOUR, "")
        if facts["yesterday_usd"] not in (None, "no calls"):
            assert usd(facts["yesterday_usd"]) == asked(history, "sum(cost_usd)", yesterday)


def test_a_report_says_why_it_has_no_savings_and_of_what_it_reckoned_them(gather: Gather) -> None:
    of = gather("daily", BERLIN)
    one = Suggestion(
        *("retry_waste", "coder", "openai", "gpt-4o", 9, 10**10),
        *(10**9, 2 * 10**9, 0.1, "the query", "retry with a pause"),
    )

    def told(savings: Savings | str) -> Message:
        return rollup(replace(of, savings=savings), [], of.period.key, NOW, BERLIN)

    none = told("Could not be looked for: no memory")
    sample, whole = told(Savings([one], 100, 50)), told(Savings([one], 100, 100))
    assert section(none, "Savings").text == "Could not be looked for: no memory"
    assert "could_save_a_month" not in none.facts
    assert "from 50 of 100 calls" in section(sample, "Savings").text
    assert section(whole, "Savings").text == "retry waste: retry with a pause"
    assert sample.facts["could_save_a_month"] == "$1.00 to $2.00"
