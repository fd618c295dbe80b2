"""Status, dashboard, agents, alerts and calls say what is stored, and null where unknown."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from manager_agent.analytics.frames import BudgetRow
from manager_agent.api.agents import Health as AgentHealth
from manager_agent.api.agents import health
from manager_agent.api.routes.manager import dashboard_of
from manager_agent.api.services import Health, Services
from manager_agent.api.standing import standings
from manager_agent.contract.budget import BudgetPolicy, Group
from manager_agent.control.views import AccountView, PauseView
from manager_agent.rules.alert import AlertRow

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
Live = Any


def alert(agent: str = "planner", severity: str = "warning", state: Any = "firing") -> AlertRow:
    return AlertRow(
        alert_id=f"{agent}-{severity}-{state}",
        revision=1,
        ts=NOW,
        rule="budget",
        agent=agent,
        severity=severity,
        state=state,
        title="a title",
        message="a message",
        resolved_ts=NOW if state == "resolved" else None,
        evidence_json='{"spent_usd": "0.42"}',
    )


def budget(spent: int, limit: int = 1_000_000_000, unit: Any = "usd") -> BudgetRow:
    return BudgetRow(
        agent="planner",
        period="hour",
        unit=unit,
        limit=limit,
        spent=spent,
        window_start=NOW - timedelta(minutes=30),
        resets_at=NOW + timedelta(minutes=30),
        unpriced_calls=0,
        priority=1,
        enforcement="hard",
    )


def account(spent: int, reserved: int, in_doubt: int, opened: bool = True) -> AccountView:
    """Return what the ledger says of `budget` in USD."""
    return AccountView(
        *("agent", "planner", "hour", "usd", 1_000_000_000, spent, reserved, in_doubt),
        external=0,
        starts_us=0,
        resets_at=0,
        enforcement="hard",
        priority=1,
        opened=opened,
    )


def get(client: TestClient, path: str, **params: Any) -> Any:
    response = client.get(f"/api/v1{path}", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def test_status_of_a_manager_that_is_well(live: Live, client: TestClient) -> None:
    live.add_call("planner", NOW - timedelta(minutes=2))
    live.add_call("coder", NOW - timedelta(days=3))
    live.add_call("forgotten", NOW - timedelta(days=40))
    live.alerts = [alert(), alert(state="resolved")]

    assert get(client, "/manager/status") == {
        "status": "ok",
        "version": "1.2.3",
        "uptime_seconds": 300.0,
        "agents": 2,
        "open_alerts": 1,
        "database": "ok",
        "slack": "off",
        "delivery": [],
        "budgets": {
            "holders": 0,
            "paused": 0,
            "waiting": 1,
            "reserved_usd": 2.5,
            "reserved_tokens": 7,
            "in_doubt_usd": 0.0,
            "in_doubt_tokens": 0,
        },
        "reasons": [],
    }


def test_status_of_a_manager_that_is_not_well_says_why(live: Live, client: TestClient) -> None:
    live.health = Health(False, ("the disk is full",))

    found = get(client, "/manager/status")

    assert (found["status"], found["database"]) == ("degraded", "ok")
    assert found["reasons"] == ["the disk is full"]


def test_status_answers_without_a_database(live: Live, client: TestClient) -> None:
    live.con.execute("DROP VIEW usage_hour")

    found = get(client, "/manager/status")

    assert (found["status"], found["database"], found["agents"]) == ("degraded", "failing", None)


def test_dashboard_totals_are_of_the_current_clock_hour_day_and_month(
    live: Live, client: TestClient
) -> None:
    live.add_call("planner", NOW - timedelta(minutes=30), cost="1")  # 12:00, this hour
    live.add_call("planner", NOW - timedelta(minutes=31), cost="2", error="down")  # last hour
    live.add_call("coder", NOW - timedelta(hours=12, minutes=31), cost="4")  # yesterday
    live.add_call("coder", NOW - timedelta(days=23), cost="8")  # last month
    live.add_call(None, NOW, cost="16")  # no agent named

    totals = get(client, "/manager/dashboard")["totals"]

    assert totals == {
        "hour": {
            "cost_usd": 17.0, "calls": 2, "tokens": 400, "success_rate": 1.0, "unpriced_calls": 0,
        },
        "day": {
            "cost_usd": 19.0, "calls": 3, "tokens": 600, "success_rate": 2 / 3, "unpriced_calls": 0,
        },
        "month": {
            "cost_usd": 23.0, "calls": 4, "tokens": 800, "success_rate": 0.75, "unpriced_calls": 0,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "hour"),
    [
        pytest.param("Asia/Kolkata", 3, 1, id="half an hour off: 18:00 there, day from 18:30 UTC"),
        pytest.param("America/New_York", 2, 2, id="07:30 there, day from 05:00 UTC"),
    ],
)
def test_dashboard_follows_the_calendar_of_its_zone(
    live: Live, services: Services, zone: str, day: int, hour: int
) -> None:
    live.add_call("planner", datetime(2026, 11, 23, 12, 29, tzinfo=UTC))
    live.add_call("planner", datetime(2026, 11, 23, 12, 31, tzinfo=UTC))
    live.add_call("planner", datetime(2026, 11, 22, 18, 30, tzinfo=UTC))
    live.add_call("planner", datetime(2026, 11, 22, 18, 29, tzinfo=UTC))

    found = dashboard_of(replace(services, zone=ZoneInfo(zone)), NOW)

    totals = found["totals"]

    assert (totals["day"]["calls"], totals["hour"]["calls"]) == (day, hour)


def test_no_calls_cost_nothing_and_have_no_success_rate(client: TestClient) -> None:
    found = get(client, "/manager/dashboard")

    assert found["totals"]["hour"] == {
        "cost_usd": 0.0, "calls": 0, "tokens": 0, "success_rate": None, "unpriced_calls": 0,
    }  # fmt: skip
    assert (found["agents"], found["alerts"], found["issues"]) == ([], [], [])
    assert found["generated_at"] == "2026-11-23T12:30:00Z"


def test_what_is_unknown_is_null_never_0(live: Live, client: TestClient) -> None:
    live.add_call("planner", NOW, cost=None, tokens=None)

    hour = get(client, "/manager/dashboard")["totals"]["hour"]

    assert (hour["cost_usd"], hour["tokens"], hour["unpriced_calls"]) == (None, None, 1)


def test_an_agent_on_the_dashboard(live: Live, client: TestClient) -> None:
    live.add_call("planner", NOW - timedelta(seconds=90), error="older")
    live.add_call("planner", NOW - timedelta(seconds=40), error="upstream down")
    live.add_call("planner", NOW - timedelta(seconds=30))
    live.budgets = [budget(100_000_000), budget(70, 100, "tokens")]
    live.accounts = [account(420_000_000, reserved=400_000_000, in_doubt=20_000_000)]
    live.policy = BudgetPolicy(groups={"all": Group(frozenset({"planner"}))})
    live.paused = [PauseView("group", "all", "", "ann", 0)]
    live.alerts = [alert()]

    found = get(client, "/manager/dashboard")

    assert found["agents"] == [
        {
            "agent": "planner",
            "health": "warning",
            "priority": 1,
            "budgets": [
                {
                    "period": "hour", "unit": "usd", "limit": 1.0, "spent": 0.42,
                    "reserved": 0.4, "in_doubt": 0.02, "left": 0.18, "added": [],
                    "resets_at": "2026-11-23T13:00:00Z", "unpriced_calls": 0,
                },
                {
                    "period": "hour", "unit": "tokens", "limit": 100, "spent": 70,
                    "reserved": 0, "in_doubt": 0, "left": 30, "added": [],
                    "resets_at": "2026-11-23T13:00:00Z", "unpriced_calls": 0,
                },
            ],
            "breaker": "closed",
            "calls_last_minute": 2,
            "success_rate": 1 / 3,
            "last_seen": "2026-11-23T12:29:30Z",
            "last_error": "server_error: upstream down",
            "paused": True,
            "hour": {
                "cost_usd": 0.75, "calls": 3, "tokens": 600, "success_rate": 1 / 3,
                "unpriced_calls": 0,
            },
        }
    ]  # fmt: skip
    assert found["alerts"] == get(client, "/alerts")["alerts"]


def test_an_agent_that_has_a_budget_and_never_called_is_listed(
    live: Live, client: TestClient
) -> None:
    live.budgets = [budget(0)]

    (found,) = get(client, "/agents")["agents"]

    assert (found["agent"], found["health"], found["last_seen"]) == ("planner", "idle", None)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("alerts", "budgets", "last_seen", "expected"),
    [
        pytest.param([], [], NOW, "ok", id="it calls and nothing is wrong"),
        pytest.param([], [], NOW - HOUR, "ok", id="its last call is an hour ago"),
        pytest.param([], [], NOW - HOUR - HOUR, "idle", id="longer ago"),
        pytest.param([], [], None, "idle", id="it never called"),
        pytest.param([alert(severity="info")], [], NOW, "ok", id="information is no warning"),
        pytest.param([alert(severity="warning")], [], None, "warning", id="a warning fires"),
        pytest.param([alert(severity="critical")], [], NOW, "critical", id="a critical fires"),
        pytest.param([alert(severity="critical", state="resolved")], [], NOW, "ok", id="resolved"),
        pytest.param([], [budget(799_999_999)], NOW, "ok", id="below 80 % of a limit"),
        pytest.param([], [budget(800_000_000)], NOW, "warning", id="80 % of a limit"),
        pytest.param([], [budget(1_000_000_000)], NOW, "critical", id="at a limit"),
    ],
)
def test_health_of_an_agent(
    alerts: list[AlertRow], budgets: list[BudgetRow], last_seen: Any, expected: AgentHealth
) -> None:
    assert health(alerts, standings(budgets, ()), last_seen, NOW) == expected


def test_what_was_spent_is_told_by_the_calls_until_the_ledger_books(
    live: Live, client: TestClient
) -> None:
    live.budgets = [budget(100_000_000)]
    live.accounts = [account(0, reserved=0, in_doubt=0, opened=False)]

    (agent,) = get(client, "/agents")["agents"]

    assert [row["spent"] for row in agent["budgets"]] == [0.1]


def test_a_ledger_that_does_not_answer_is_told(live: Live, client: TestClient) -> None:
    live.trouble = Exception("the manager stops")

    answer = client.get("/api/v1/agents")

    assert (answer.status_code, answer.json()["detail"]) == (503, "the manager stops")


@pytest.mark.parametrize("name", ["planner", "team/planner one", "plänner?"])
def test_one_agent_by_its_name(live: Live, client: TestClient, name: str) -> None:
    live.add_call(name, NOW)

    assert get(client, f"/agents/{quote(name)}")["agent"] == name


def test_an_agent_nobody_knows(client: TestClient) -> None:
    response = client.get("/api/v1/agents/nobody")

    assert response.status_code == 404
    assert response.json()["type"] == "urn:manager-agent:problem:unknown-agent"
    assert "'nobody'" in response.json()["detail"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["firing", "resolved"]),
        ({"state": "firing"}, ["firing"]),
        ({"state": "resolved"}, ["resolved"]),
    ],
    ids=["all", "firing", "resolved"],
)
def test_alerts_by_state(
    live: Live, client: TestClient, params: dict[str, str], expected: list[str]
) -> None:
    live.alerts = [alert(), alert(state="resolved")]

    found = get(client, "/alerts", **params)["alerts"]

    assert [row["state"] for row in found] == expected
    assert found[0]["evidence"] == {"spent_usd": "0.42"}


def test_calls_are_the_newest_first_with_the_columns_of_llm_calls(
    live: Live, client: TestClient
) -> None:
    live.add_call("planner", NOW - timedelta(minutes=2), cost="0.000000001")
    live.add_call("coder", NOW - timedelta(minutes=1), cost=None)

    newest, oldest = get(client, "/calls")["calls"]

    assert (newest["agent"], newest["cost_usd"]) == ("coder", None)
    assert (oldest["agent"], oldest["cost_usd"]) == ("planner", 1e-9)
    assert oldest["ts"] == "2026-11-23T12:28:00Z"
    columns = [row[0] for row in live.con.execute("DESCRIBE llm_calls").fetchall()]
    assert list(newest) == columns


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"agent": "planner"}, 2),
        ({"agent": "nobody"}, 0),
        ({"status": "error"}, 1),
        ({"limit": "1"}, 1),
        ({"since": "2026-11-23T12:29:00Z"}, 1),
        ({"since": "2026-11-23T13:29:00+01:00"}, 1),
        ({"since": "2026-11-20", "until": "2026-11-23T12:29:00"}, 3),
        ({"agent": "' OR 1=1 --"}, 0),
    ],
    ids=str,
)
def test_calls_are_filtered(
    live: Live, client: TestClient, params: dict[str, str], count: int
) -> None:
    live.add_call("planner", NOW - timedelta(days=2))
    live.add_call("planner", NOW - timedelta(minutes=3))
    live.add_call("coder", NOW - timedelta(minutes=2), error="down")
    live.add_call("coder", NOW - timedelta(minutes=1))
    if "until" not in params and params.get("agent") == "planner":
        params = params | {"since": "2026-11-20"}

    assert len(get(client, "/calls", **params)["calls"]) == count


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/calls?agnet=planner", "did you mean 'agent'"),
        ("/calls?limit=0", "limit = '0'"),
        ("/calls?limit=1001", "1000"),
        ("/calls?limit=%C2%B2", "limit"),
        ("/calls?since=yesterday", "since = 'yesterday'"),
        ("/calls?status=bad", "error, ok"),
        ("/alerts?state=open", "firing, resolved"),
        ("/alerts?severity=critical", "unknown parameter 'severity'"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    client: TestClient, path: str, named: str
) -> None:
    response = client.get(f"/api/v1{path}")

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert named in response.json()["detail"], json.dumps(response.json())
