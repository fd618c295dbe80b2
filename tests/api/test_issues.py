"""Issues over the API, with the real desk and store behind it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from manager_agent.api.app import build
from manager_agent.api.services import Issues, Services
from manager_agent.app.issue_desk import IssueDesk
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.testing import frames
from manager_agent.store.issues import IssueStore
from tests.api.conftest import NOW
from tests.api.test_http import DOCUMENT

CALL: dict[str, Any] = {
    "ts": NOW,
    "agent": "writer",
    "provider": "openai",
    "model": "gpt-4o",
    "status": "error",
    "error_type": "RateLimitError",
    "error_message": "Error code: 429 - slow down, request 17",
    "cost": 5_000_000,
}
OTHER = "Error code: 429 - {'error': {'message': 'You are sending requests too quickly.'}}"


@pytest.fixture
def client(services: Services, tmp_path: Path) -> Iterator[TestClient]:
    with IssueStore(tmp_path / "control.sqlite") as store:
        desk = IssueDesk(store, BudgetPolicy, lambda: NOW)
        calls = [
            {**CALL, "call_id": "c1"},
            {**CALL, "call_id": "c2", "agent": "reader"},
            {**CALL, "call_id": "c3", "error_message": OTHER},
            {**CALL, "call_id": "c4", "error_type": "AuthenticationError", "http_status": 401},
        ]
        desk.follow(frames(calls=calls), NOW)
        issues = Issues(desk.all, desk.resolve, desk.merge, desk.split)
        app = build(replace(services, issues=issues))
        yield TestClient(app, base_url="http://localhost")


def listed(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/issues{query}").json()["issues"]
    return found


def by_kind(client: TestClient, kind: str) -> list[str]:
    return [one["issue_id"] for one in listed(client, f"?kind={kind}")]


def test_they_are_listed_with_all_that_is_promised(client: TestClient) -> None:
    found = listed(client)
    promised = DOCUMENT["components"]["schemas"]["Issue"]["properties"].keys()

    assert all(one.keys() == promised for one in found)
    assert [one["kind"] for one in found] == ["auth", "rate_limit", "rate_limit"]
    (slow,) = [one for one in found if one["count"] == 2]
    assert (slow["agents"], slow["cost_usd"], slow["state"]) == (["reader", "writer"], 0.01, "new")
    assert [one["count"] for one in listed(client, "?agent=reader")] == [2]
    assert listed(client, "?state=resolved") == []


def test_why_they_are_grouped(client: TestClient) -> None:
    (slow,) = [one for one in listed(client) if one["count"] == 2]
    found = client.get(f"/api/v1/issues/{slow['issue_id']}").json()

    promised = DOCUMENT["components"]["schemas"]["IssueGrouping"]["properties"].keys()
    assert found.keys() == promised
    (pattern,) = found["patterns"]
    assert pattern["template"] == "slow down, request <num>"
    assert pattern["matched"] == {
        "kind": "rate_limit",
        "provider": "openai",
        "family": "gpt-4o",
    }


def test_merged_and_split_again(client: TestClient) -> None:
    one, other = by_kind(client, "rate_limit")
    merged = client.post(f"/api/v1/issues/{one}/merge", json={"issues": [other]}).json()
    back = client.post(f"/api/v1/issues/{one}/split", json={"pattern": other}).json()

    assert (merged["count"], len(merged["patterns"])) == (3, 2)
    assert back == {"issue_id": other}
    assert sorted(by_kind(client, "rate_limit")) == sorted([one, other])


def test_resolved(client: TestClient) -> None:
    (auth,) = by_kind(client, "auth")
    found = client.post(f"/api/v1/issues/{auth}/resolve", json={"why": "renewed"}).json()

    assert (found["state"], found["why"]) == ("resolved", "renewed")
    assert found["resolved_by"].startswith("api ")
    assert found["tldr"].endswith("renewed.")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("nonesuch/resolve", {}, 404, id="no such issue"),
        pytest.param("{auth}/merge", {"issues": ["{slow}"]}, 409, id="of another kind"),
        pytest.param("{auth}/merge", {"issues": []}, 400, id="with nothing"),
        pytest.param("{auth}/merge", {"issues": "x"}, 400, id="with no list"),
        pytest.param("{auth}/split", {}, 400, id="what is to be split"),
        pytest.param("{auth}/split", {"pattern": "{auth}"}, 409, id="its only pattern"),
        pytest.param("{auth}/resolve", {"whom": "x"}, 400, id="unknown member"),
    ],
)
def test_what_cannot_be_done_says_why(
    client: TestClient, path: str, body: dict[str, Any], status: int
) -> None:
    names = {"auth": by_kind(client, "auth")[0], "slow": by_kind(client, "rate_limit")[0]}
    said = {
        key: [one.format(**names) for one in value]
        if isinstance(value, list)
        else value.format(**names)
        for key, value in body.items()
    }
    answer = client.post(f"/api/v1/issues/{path.format(**names)}", json=said)

    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert len(listed(client)) == 3
