"""Limits changed, corrected and paused over REST: what reaches the ledger, and what is refused."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.control.commands import Correct, PauseCalls, ResumeCalls, SetLimit
from manager_agent.control.views import AccountView, AddedView, HolderView, PauseView
from tests.api.test_by_hand import USD, row

Live = Any
BY = "api testclient"
RESEARCH = BudgetPolicy(
    groups={"research": Group(frozenset({"planner", "reader"}), Limits())}, fleet=None
)


def account(
    scope: Any,
    name: str,
    limit: int | None,
    spent: int,
    reserved: int,
    *added: AddedView,
) -> AccountView:
    return AccountView(
        *(scope, name, "day", "usd", limit, spent, reserved, 0),
        external=0,
        starts_us=0,
        resets_at=86_400_000_000,
        enforcement="firm",
        priority=0,
        added=added,
    )


def test_single_limits_of_an_agent_reach_the_ledger(live: Live, client: TestClient) -> None:
    body = {"daily_limit_usd": "2.50", "hourly_token_limit": None, "why": "launch"}

    answer = client.patch("/api/v1/budgets/team%2Fa", json=body)

    assert answer.status_code == 200, answer.text
    assert live.told == [
        SetLimit("agent", "team/a", "day", "usd", 2_500_000_000, BY, "launch"),
        SetLimit("agent", "team/a", "hour", "tokens", None, BY, "launch"),
    ]
    assert live.commands == []


def test_single_limits_of_all_without_an_entry_keep_the_others(
    live: Live, client: TestClient
) -> None:
    live.policy = BudgetPolicy(Limits(hourly_token_limit=5, priority=2))

    client.patch("/api/v1/budgets/default", json={"daily_limit_usd": 1})

    (command,) = live.commands
    limits = command.limits
    assert (limits.hourly_token_limit, limits.daily_limit_usd, limits.priority) == (5, 1, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "no limit is named"),
        ({"why": "x"}, "no limit is named"),
        ({"daily_limit_usd": -1}, "daily_limit_usd = -1"),
        ({"daily_token_limit": 1.5}, "daily_token_limit = 1.5"),
        ({"daily_usd": 1}, "did you mean 'daily_limit_usd'?"),
        ({"priority": 1, "daily_limit_usd": 1}, "'priority' is not known"),
    ],
)
@pytest.mark.parametrize("path", ["budgets/a", "groups/research/budget", "fleet/budget"])
def test_mistakes_change_nothing(
    live: Live, client: TestClient, path: str, body: Any, said: str
) -> None:
    live.policy = RESEARCH

    answer = client.patch(f"/api/v1/{path}", json=body)

    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert live.told == []


@pytest.mark.parametrize(
    ("path", "scope", "name"),
    [("groups/research", "group", "research"), ("fleet", "fleet", "")],
)
def test_shared_limits_are_set_shown_and_given_back(
    live: Live, client: TestClient, path: str, scope: Any, name: str
) -> None:
    live.policy = RESEARCH
    live.accounts = [account(scope, name, 5 * USD, 2 * USD, USD)]

    set_ = client.patch(f"/api/v1/{path}/budget", json={"daily_limit_usd": 5}).json()

    assert live.told == [SetLimit(scope, name, "day", "usd", 5 * USD, BY, "")]
    assert (set_["budgets"][0]["spent"], set_["budgets"][0]["left"]) == (2.0, 2.0)
    assert client.delete(f"/api/v1/{path}/budget").status_code == 404

    live.set_limits.add((scope, name, "day", "usd"))
    assert client.get(f"/api/v1/{path}").json()["source"] == "set"
    client.delete(f"/api/v1/{path}/budget", params={"why": "over"})
    assert live.told[1:] == [SetLimit(scope, name, "day", "usd", None, BY, "over", dropped=True)]


def test_all_limits_are_listed(live: Live, client: TestClient) -> None:
    live.policy = RESEARCH
    live.accounts = [account("group", "research", USD, 0, 0), account("fleet", "", USD, 0, 0)]

    found = client.get("/api/v1/budgets").json()

    assert found["groups"][0]["agents"] == ["planner", "reader"]
    assert found["groups"] == client.get("/api/v1/groups").json()["groups"]
    assert found["fleet"]["budgets"][0]["limit"] == 1.0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, [("hour", "usd", 0), ("day", "tokens", 0)]),
        ({"unit": "tokens", "why": "w"}, [("day", "tokens", 0)]),
        ({"period": "hour"}, [("hour", "usd", 0)]),
        ({"spent_usd": "0.25"}, [("hour", "usd", USD // 4)]),
        ({"spent_tokens": 7}, [("day", "tokens", 7)]),
    ],
)
def test_what_was_spent_is_corrected(
    live: Live, client: TestClient, body: Any, told: list[Any]
) -> None:
    live.budgets = [row(5, USD), row(5, 100, period="day", unit="tokens")]

    answer = client.post("/api/v1/budgets/planner/reset", json=body)

    assert answer.json() == {"corrected": [f"{period} {unit}" for period, unit, _ in told]}
    why = body.get("why", "")
    assert live.told == [
        Correct("agent", "planner", period, unit, spent, BY, why) for period, unit, spent in told
    ]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"period": "week"}, 400, "must be one of hour, day, month"),
        ({"spent_usd": 1, "spent_tokens": 1}, 400, "both given"),
        ({"spent_usd": 1, "unit": "tokens"}, 400, "does not fit"),
        ({"spent_usd": 1}, 400, "name its period"),
        ({"period": "month"}, 404, "it has: hourly_limit_usd, daily_limit_usd"),
    ],
)
def test_what_cannot_be_corrected(
    live: Live, client: TestClient, body: Any, status: int, said: str
) -> None:
    live.budgets = [row(5, USD), row(5, USD, period="day")]

    answer = client.post("/api/v1/budgets/planner/reset", json=body)

    assert (answer.status_code, live.told) == (status, [])
    assert said in answer.json()["detail"]


TRACE = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("path", "scope", "name"),
    [
        ("agents/team%2Fa", "agent", "team/a"),
        ("groups/research", "group", "research"),
        ("fleet", "fleet", ""),
        ("conversations/a%20b", "conversation", "a b"),
        (f"traces/{TRACE.upper()}", "trace", TRACE),
        (f"traces/{TRACE[:16]}", "trace", TRACE[:16]),
    ],
)
def test_what_spends_is_stopped_and_let_go(
    live: Live, client: TestClient, path: str, scope: Any, name: str
) -> None:
    live.policy = RESEARCH
    live.paused = [PauseView(scope, name, "odd", BY, 1_000_000)]

    paused = client.post(f"/api/v1/{path}/pause", json={"why": "odd"})
    shown = {"scope": scope, "name": name or None, "paused": True, "why": "odd", "by": BY}
    assert paused.json() == {**shown, "since": "1970-01-01T00:00:01Z"}
    assert client.get("/api/v1/pauses").json() == {"pauses": [paused.json()]}

    live.paused = []
    resumed = client.post(f"/api/v1/{path}/resume", json={})

    assert resumed.json()["paused"] is False
    assert live.told == [PauseCalls(scope, name, BY, "odd"), ResumeCalls(scope, name, BY, "")]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("traces/xyz", 400, "32 hex digits"),
        ("groups/nobody", 404, "there are: research"),
        (f"agents/{'x' * 201}", 400, "1 to 200"),
        ("conversations/a%09b", 400, "printable"),
    ],
)
@pytest.mark.parametrize("what", ["pause", "resume"])
def test_what_cannot_be_paused(
    live: Live, client: TestClient, path: str, status: int, said: str, what: str
) -> None:
    live.policy = RESEARCH

    answer = client.post(f"/api/v1/{path}/{what}", json={})

    assert (answer.status_code, live.told) == (status, [])
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [("group", "research", "resume --group research"), ("fleet", "", "resume --fleet")],
)
def test_an_agent_that_is_paused_with_others_is_not_said_to_run(
    live: Live, client: TestClient, scope: Any, name: str, said: str
) -> None:
    live.policy = RESEARCH
    live.paused = [PauseView(scope, name, "", "ann", 0)]

    answer = client.post("/api/v1/agents/planner/resume", json={})

    assert answer.status_code == 409
    assert said in answer.json()["detail"]


def test_a_check_counts_what_is_held_and_what_others_share(live: Live, client: TestClient) -> None:
    live.policy = RESEARCH
    live.budgets = [row(0, USD, period="day")]

    def check() -> dict[str, Any]:
        found = client.get("/api/v1/budgets/planner/check", params={"estimated_cost": "0.5"})
        return dict(found.json())

    live.accounts = [account("agent", "planner", USD, USD // 10, USD // 2)]
    assert (check()["allowed"], check()["reserved"], check()["remaining"]) == (False, 0.5, 0.4)

    live.accounts = [account("group", "research", 2 * USD, 0, 3 * USD // 2 + 1)]
    assert check()["limit_name"] == "daily_limit_usd of group research"

    live.accounts, live.paused = [], [PauseView("fleet", "", "", "ann", 0)]
    assert (check()["allowed"], check()["reason"]) == (False, "paused")


@pytest.mark.parametrize("scope", ["agent", "fleet"])
def test_what_was_added_to_a_limit_is_told_and_counts(
    live: Live, client: TestClient, scope: Any
) -> None:
    live.policy = BudgetPolicy(fleet=Limits())
    live.budgets = [row(0, USD, period="day")]
    name = "planner" if scope == "agent" else ""
    more = AddedView(USD // 2, 3_600_000_000, "ann")
    live.accounts = [account(scope, name, USD, USD, USD // 4, more)]

    found = client.get("/api/v1/budgets").json()
    entry = found["budgets"][0] if scope == "agent" else found["fleet"]

    (shown,) = entry["budgets"]
    assert shown["limit"] == 1.0
    assert shown["added"] == [{"amount": 0.5, "until": "1970-01-01T01:00:00Z", "by": "ann"}]
    assert shown["left"] == 0.25
    check = client.get("/api/v1/budgets/planner/check", params={"estimated_cost": "0.2"}).json()
    assert check["allowed"]


def test_a_ledger_that_cannot_store_says_later(live: Live, client: TestClient) -> None:
    live.trouble = Exception("the disk is full")

    answer = client.post("/api/v1/fleet/pause", json={})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the disk is full" in answer.json()["detail"]


def test_processes_that_may_spend_are_listed(live: Live, client: TestClient) -> None:
    live.holders = [
        HolderView("h1", "host", 7, "1.0", "", 0, 1_000_000, True, ("planner",), USD // 2, 9)
    ]

    assert client.get("/api/v1/holders").json()["holders"] == [
        {
            "holder": "h1",
            "host": "host",
            "pid": 7,
            "guard_version": "1.0",
            "environment": None,
            "connected": True,
            "agents": ["planner"],
            "held_usd": 0.5,
            "held_tokens": 9,
            "opened_at": "1970-01-01T00:00:00Z",
            "heard_at": "1970-01-01T00:00:01Z",
        }
    ]
