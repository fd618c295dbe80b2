"""Calls by hand and budgets over REST: what is taken, what is answered, all mistakes at once."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from manager_agent.analytics.frames import BudgetRow
from manager_agent.api.app import build
from manager_agent.api.budgets import checked
from manager_agent.api.services import BusyError, Services
from manager_agent.api.standing import standings
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.command import RecordCall, SetBudget
from manager_agent.contract.usage import Usage
from manager_agent.store.control_file import ControlStoreError

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
Live = Any
USD = 10**9


def row(
    spent: int, limit: int, *, unit: Any = "usd", period: Any = "hour", enforcement: Any = "hard"
) -> BudgetRow:
    hours = {"hour": 1, "day": 24, "month": 720}[period]
    return BudgetRow(
        *("planner", period, unit, limit, spent, NOW, NOW + timedelta(hours=hours)),
        unpriced_calls=0,
        priority=1,
        enforcement=enforcement,
    )


def test_a_call_is_taken_as_it_is_told(live: Live, client: TestClient) -> None:
    body = {
        "agent_id": "planner",
        "timestamp": "2026-11-23T13:29:00+01:00",
        "model": "gpt-4o",
        "input_tokens": 100,
        "output_tokens": 50,
        "total_tokens": 150,
        "cost_usd": 0.1,
        "duration_ms": 1500,
        "success": False,
        "error_message": "no\nluck" * 500,
        "error_type": "RateLimitError",
        "provider": "openai",
        "operation": "embeddings",
        "cache_read_tokens": 10,
        "cache_write_tokens": 5,
        "reasoning_tokens": 7,
        "conversation_id": "c",
        "user_id": "u",
        "response_id": "r",
        "call_id": "0123456789ABCDEF0123456789abcdef",
    }

    answer = client.post("/api/v1/calls", json=body)

    call_id = "0123456789abcdef0123456789abcdef"
    assert (answer.status_code, answer.json()) == (200, {"call_id": call_id, "agent": "planner"})
    assert live.recorded == [
        RecordCall(
            call_id=call_id,
            agent="planner",
            started=NOW - timedelta(minutes=1),
            model="gpt-4o",
            provider="openai",
            operation="embeddings",
            usage=Usage(100, 50, 10, 5, reasoning_tokens=7),
            cost_usd=Decimal("0.1"),
            duration_ms=1500.0,
            success=False,
            error_type="RateLimitError",
            error_message=("no\nluck" * 500)[:500],
            conversation_id="c",
            user_id="u",
            response_id="r",
        )
    ]


def test_all_but_the_agent_may_be_left_out(live: Live, client: TestClient) -> None:
    for body in ({"agent_id": "a"}, {"agent_id": "a", "duration_ms": 60_000, "cost_usd": None}):
        assert client.post("/api/v1/calls", json=body).status_code == 200

    first, second = live.recorded
    assert first.call_id != second.call_id
    assert first == RecordCall(first.call_id, "a", NOW)
    assert second.started == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        pytest.param({"total_tokens": 9}, Usage(9, None), id="a total alone is input"),
        pytest.param({"total_tokens": 9, "input_tokens": 4}, Usage(4, 5), id="output is the rest"),
        pytest.param({"total_tokens": 9, "output_tokens": 4}, Usage(5, 4), id="input is the rest"),
        pytest.param({"input_tokens": 4}, Usage(4, None), id="output is unknown"),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, Usage(0, 0), id="0 is known"),
    ],
)
def test_a_total_makes_up_for_what_is_unknown(
    said: Any, usage: Usage, live: Live, client: TestClient
) -> None:
    assert client.post("/api/v1/calls", json={"agent_id": "a", **said}).status_code == 200
    assert live.recorded[0].usage == usage


def test_any_text_is_an_id_and_belongs_to_its_agent(live: Live, client: TestClient) -> None:
    for agent, call_id in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"), ("a", "1" + "0" * 31)):
        client.post("/api/v1/calls", json={"agent_id": agent, "call_id": call_id})

    one, again, other_agent, other, half_zero = [call.call_id for call in live.recorded]
    assert one == again
    assert len({one, other_agent, other, half_zero}) == 4
    assert all(int(call_id[16:], 16) for call_id in (one, other_agent, other, half_zero))


def test_all_mistakes_of_a_call_are_told_at_once(live: Live, client: TestClient) -> None:
    body = {
        "timestamp": "yesterday",
        "model": 7,
        "input_tokens": -1,
        "output_tokens": 1.5,
        "cost_usd": "cheap",
        "duration_ms": True,
        "success": "yes",
        "inputtokens": 3,
    }

    answer = client.post("/api/v1/calls", json=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()["errors"]
    assert answer.json()["detail"] == "; ".join(told)
    assert [error.split()[0] for error in told] == [
        "'inputtokens'",
        *("agent_id", "duration_ms", "timestamp", "model"),
        *("input_tokens", "output_tokens", "cost_usd", "success"),
    ]
    assert "did you mean 'input_tokens'?" in told[0]
    assert live.recorded == []


def test_several_calls_are_taken_together_or_not_at_all(live: Live, client: TestClient) -> None:
    good = client.post("/api/v1/calls", json={"calls": [{"agent_id": "a"}, {"agent_id": "b"}]})
    assert [each["agent"] for each in good.json()["calls"]] == ["a", "b"]
    assert [call.agent for call in live.recorded] == ["a", "b"]

    bad = client.post("/api/v1/calls", json={"calls": [{"agent_id": "c"}, {"cost": 1}, 7]})
    assert bad.status_code == 400
    assert [error.split(":")[0] for error in bad.json()["errors"]] == [
        *("calls[1]", "calls[1]", "calls[2]")
    ]
    odd: list[Any] = [{"calls": []}, {"calls": [{}] * 201}, {"calls": {}}, {"calls": [], "x": 1}]
    for body in odd:
        assert client.post("/api/v1/calls", json=body).status_code == 400
    assert len(live.recorded) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"timestamp": "2026-11-23T13:30:00"}, "is in the future.*counts as UTC"),
        ({"timestamp": "1999-12-31T00:00:00Z"}, "must be in 2000 or later"),
        ({"total_tokens": 5, "input_tokens": 6}, "total_tokens = 5 is less than"),
        ({"cost_usd": 100_001}, r"must be USD, a number from 0 to 100,000"),
        ({"cost_usd": float("nan")}, "must be USD"),
        ({"agent_id": "a" * 501}, "at most 500 characters"),
        ({"agent_id": "a\n"}, "must be a text"),
    ],
)
def test_what_cannot_be_is_refused(body: Any, said: str, client: TestClient) -> None:
    content = json.dumps({"agent_id": "a", **body})
    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/calls", content=content, headers=headers)

    assert answer.status_code == 400
    assert re.search(said, answer.json()["detail"])


def test_a_manager_that_cannot_store_says_later(live: Live, client: TestClient) -> None:
    live.trouble = BusyError("the disk is full; try again later")

    answer = client.post("/api/v1/calls", json={"agent_id": "a"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "the disk is full" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("rows", "estimate", "reason", "allowed", "decisive"),
    [
        pytest.param([], 5, "no_budget", True, None, id="no budget"),
        pytest.param([row(0, USD)], USD, "within_budget", True, 0, id="to the last nano-dollar"),
        pytest.param([row(1, USD)], USD, "over_budget", False, 0, id="one nano-dollar too much"),
        pytest.param([row(USD, USD)], 0, "over_budget", False, 0, id="used up lets nothing pass"),
        pytest.param([row(0, 0)], 0, "over_budget", False, 0, id="a limit of 0"),
        pytest.param(
            [row(USD, USD, enforcement="observe")], 0, "observed", True, 0, id="only watched"
        ),
        pytest.param(
            [row(99, 100, unit="tokens")], USD, "within_budget", True, 0, id="USD are no tokens"
        ),
        pytest.param([row(100, 100, unit="tokens")], 0, "over_budget", False, 0, id="tokens"),
        pytest.param(
            [row(USD, USD), row(USD, USD, period="month"), row(USD, USD, period="day")],
            *(0, "over_budget", False, 1),
            id="the one that ends last is in the way",
        ),
        pytest.param(
            [row(0, USD), row(9, 10, period="day"), row(USD, 2 * USD, period="month")],
            *(0, "within_budget", True, 1),
            id="else the one with the least left is told",
        ),
    ],
)
def test_a_check_names_the_limit_that_decides(
    rows: list[BudgetRow], estimate: int, reason: str, allowed: bool, decisive: int | None
) -> None:
    standing = standings(rows, ())

    found = checked(standing, estimate)

    assert (found.allowed, found.reason) == (allowed, reason)
    assert found.row == (None if decisive is None else standing[decisive])


def test_a_check_tells_the_sums(live: Live, client: TestClient) -> None:
    live.budgets = [row(USD // 4, USD, period="day")]

    said = client.get("/api/v1/budgets/planner/check", params={"estimated_cost": "0.8"}).json()

    assert {name: said[name] for name in said if name != "budgets"} == {
        "agent": "planner",
        "allowed": False,
        "reason": "over_budget",
        "limit_name": "daily_limit_usd of agent planner",
        "unit": "usd",
        "limit": 1.0,
        "spent": 0.25,
        "reserved": 0.0,
        "remaining": 0.75,
        "resets_at": "2026-11-24T12:30:00Z",
        "estimated_cost_usd": 0.8,
    }
    nobody = client.get("/api/v1/budgets/no%2Fbody/check").json()
    assert (nobody["agent"], nobody["allowed"], nobody["limit_name"]) == ("no/body", True, None)


@pytest.mark.parametrize("estimate", ["-1", "much", "nan", "1e400"])
def test_an_estimate_is_an_amount(estimate: str, client: TestClient) -> None:
    answer = client.get("/api/v1/budgets/a/check", params={"estimated_cost": estimate})

    assert answer.status_code == 400
    assert "estimated_cost" in answer.json()["detail"]


def test_a_budget_is_set_exactly(live: Live, client: TestClient) -> None:
    body = {"daily_limit_usd": "0.1", "hourly_token_limit": 5, "priority": 1, "why": "because"}

    assert client.put("/api/v1/budgets/team%2Fa", json=body).status_code == 200
    assert live.commands == [
        SetBudget(
            "team/a",
            Limits(
                daily_limit_usd=Decimal("0.1"), hourly_token_limit=5, priority=1, enforcement="firm"
            ),
            NOW,
            "api testclient",
            "because",
        )
    ]


def test_all_mistakes_of_a_budget_are_told_at_once(live: Live, client: TestClient) -> None:
    body = {
        "daily_limit_usd": -1,
        "hourly_token_limit": 1.5,
        "priority": 9,
        "enforcement": "strict",
        "agent_id": "b",
        "daily_limt_usd": 1,
    }

    answer = client.put("/api/v1/budgets/a", json=body)

    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == len(body)
    assert live.commands == []


def test_only_what_was_set_can_be_removed(live: Live, client: TestClient) -> None:
    assert client.delete("/api/v1/budgets/a").status_code == 404
    client.put("/api/v1/budgets/a", json={})

    assert client.delete("/api/v1/budgets/a", params={"why": "done"}).status_code == 200
    assert live.commands[-1] == SetBudget("a", None, NOW, "api testclient", "done")


def test_a_budget_that_cannot_be_kept_says_later(live: Live, client: TestClient) -> None:
    live.trouble = ControlStoreError("disk I/O error")

    assert client.put("/api/v1/budgets/a", json={}).status_code == 503


def test_budgets_are_listed_with_where_they_come_from(live: Live, client: TestClient) -> None:
    live.policy = BudgetPolicy(
        default=Limits(daily_limit_usd=Decimal(10)), agents={"a": Limits(priority=1), "b": Limits()}
    )
    live.budgets = [row(0, USD)]
    client.put("/api/v1/budgets/b", json={})

    found = client.get("/api/v1/budgets").json()["budgets"]

    assert [(entry["agent"], entry["source"]) for entry in found] == [
        ("a", "configured"),
        ("b", "set"),
        ("default", "configured"),
        ("planner", "default"),
    ]
    assert found[3]["daily_limit_usd"] == 10.0
    assert len(found[3]["budgets"]) == 1


def test_without_any_budget_none_is_told(client: TestClient) -> None:
    found = client.get("/api/v1/budgets/a").json()

    assert (found["source"], found["priority"], found["budgets"]) == ("none", None, [])


def test_usage_of_a_window_is_told(live: Live, client: TestClient) -> None:
    live.add_call("planner", NOW - timedelta(minutes=3), cost="0.25", tokens=100)
    live.add_call("planner", NOW - timedelta(minutes=2), cost=None, tokens=None, error="boom")
    live.add_call("planner", NOW - timedelta(hours=3), cost="1")
    live.add_call("coder", NOW - timedelta(minutes=1))

    hour = client.get("/api/v1/agents/planner/usage", params={"period": "hour"}).json()

    assert hour == {
        "period": "hour",
        "start": "2026-11-23T12:00:00Z",
        "end": "2026-11-23T13:00:00Z",
        "agent": "planner",
        "calls": 2,
        "errors": 1,
        "tokens": 200,
        "cost_usd": 0.25,
        "unpriced_calls": 1,
        "mean_duration_ms": 0.0,
        "last_call": "2026-11-23T12:28:00Z",
    }
    day = client.get("/api/v1/usage").json()
    assert [(each["agent"], each["calls"]) for each in day["agents"]] == [
        ("coder", 1),
        ("planner", 3),
    ]


def test_nothing_used_is_0_and_unknown_is_null(live: Live, client: TestClient) -> None:
    live.add_call("blind", NOW, cost=None, tokens=None)

    blind, nobody = (
        client.get(f"/api/v1/agents/{name}/usage").json() for name in ("blind", "no/body")
    )

    assert (blind["calls"], blind["tokens"], blind["cost_usd"]) == (1, None, None)
    assert (nobody["calls"], nobody["tokens"], nobody["cost_usd"]) == (0, 0, 0.0)
    assert (nobody["last_call"], nobody["mean_duration_ms"]) == (None, None)


def test_windows_are_those_of_the_zone(services: Services) -> None:
    tokyo = replace(services, zone=ZoneInfo("Asia/Tokyo"))
    client = TestClient(build(tokyo), base_url="http://localhost")

    day = client.get("/api/v1/usage", params={"period": "day"}).json()

    assert (day["start"], day["end"]) == ("2026-11-22T15:00:00Z", "2026-11-23T15:00:00Z")
    assert client.get("/api/v1/usage", params={"period": "week"}).status_code == 400
