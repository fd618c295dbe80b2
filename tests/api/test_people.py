"""Breakers and approvals over the API, with the real decisions behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from manager_agent.api.app import build
from manager_agent.api.services import BusyError, People, Services
from manager_agent.contract.approval import DecideApproval
from manager_agent.contract.guard import Outcomes, Question
from manager_agent.contract.token import Token, Tokens, digest_of
from manager_agent.control.approvals import Approvals, Rules
from manager_agent.control.approver import Approvers
from manager_agent.control.breakers import FleetBreakers
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.breaker import Terms
from tests.api.conftest import NOW, Live
from tests.api.test_http import DOCUMENT, same_members
from tests.control.breaker_fleet import MemoryBreakers
from tests.control.test_approvals import ASKED, MemoryApprovals

NOW_US = int(NOW.timestamp() * 1_000_000)
TERMS = Terms()


@dataclass
class Desk:
    """Decides at once, in the test's thread."""

    breakers: FleetBreakers
    approvals: Approvals
    kept: MemoryBreakers

    def people(self) -> People:
        def put(command: Any) -> None:
            try:
                self.breakers.decide([command], NOW_US)
            except KeeperError as error:
                raise BusyError(str(error)) from error

        def decide(command: DecideApproval) -> None:
            self.approvals.decide([command], NOW_US)

        return People(
            lambda: self.breakers.views,
            put,
            self.breakers.state_of,
            lambda: self.approvals.views,
            decide,
        )

    def fail(self, agent: str, family: str, times: int) -> None:
        counts = {"failed": times, "streak": times}
        self.breakers.decide([Outcomes("h1", agent, "openai", family, counts)], NOW_US)

    def ask(self, id_: str, **values: Any) -> None:
        question: Question = replace(ASKED, id=id_, **values)
        self.approvals.decide([question], NOW_US)


@pytest.fixture
def desk() -> Desk:
    kept = MemoryBreakers()
    approvals = Approvals(MemoryApprovals(), Rules(), NOW_US)
    return Desk(FleetBreakers(kept, TERMS, draw=lambda: 0.0), approvals, kept)


@pytest.fixture
def client(services: Services, desk: Desk) -> Iterator[TestClient]:
    with TestClient(build(replace(services, people=desk.people()))) as found:
        yield found


def post(client: TestClient, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/api/v1/{path}", json=body)
    return answer.status_code, answer.json()


def test_breakers_are_listed_with_all_that_is_documented(client: TestClient, desk: Desk) -> None:
    desk.fail("a", "gpt-4o", 5)
    desk.fail("b", "o3", 2)
    post(client, "breakers/c/open", why="a deploy")

    found = client.get("/api/v1/breakers").json()["breakers"]

    assert {one["key"]: (one["state"], one["failures_in_row"]) for one in found} == {
        "b": ("closed", 2),
        "c": ("open", 0),
        "openai/gpt-4o": ("open", 0),
        "openai/o3": ("closed", 2),
    }
    for one in found:
        same_members(one, DOCUMENT["components"]["schemas"]["Breaker"])
    tripped = next(one for one in found if one["key"] == "openai/gpt-4o")
    assert tripped["reason"] == "5 failures in a row"
    assert tripped["retry_at"] == "2026-11-23T12:35:00Z"
    opened = client.get("/api/v1/breakers?state=open").json()["breakers"]
    assert {one["key"] for one in opened} == {"c", "openai/gpt-4o"}


@pytest.mark.parametrize(
    ("path", "key", "agent", "family"),
    [
        ("research", "research", "research", None),
        ("agent:team/research", "agent:team/research", "team/research", None),
        ("agent%3Ateam%2Fresearch", "agent:team/research", "team/research", None),
        ("openai/gpt-4o", "openai/gpt-4o", None, "gpt-4o"),
        ("openai%2Fgpt-4o", "openai/gpt-4o", None, "gpt-4o"),
        ("open", "open", "open", None),
    ],
)
def test_a_breaker_is_held_and_reset(
    client: TestClient, path: str, key: str, agent: str | None, family: str | None
) -> None:
    status, held = post(client, f"breakers/{path}/open", for_seconds=600, why="a deploy")

    assert status == 200
    assert (held["key"], held["agent"], held["family"]) == (key, agent, family)
    assert held["state"] == "open"
    assert held["held"] == {
        "to": "open",
        "until": "2026-11-23T12:40:00Z",
        "by": "api testclient",
        "why": "a deploy",
    }
    status, held = post(client, f"breakers/{path}/close")
    assert (status, held["state"], held["held"]["until"]) == (200, "closed", None)
    status, reset = post(client, f"breakers/{path}/reset")
    assert (status, reset["state"], reset["held"]) == (200, "closed", None)
    same_members(reset, DOCUMENT["components"]["schemas"]["Breaker"])


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("breakers/a/open", {"for": 3}, "'for' is not known"),
        ("breakers/a/open", {"for_seconds": -1}, "for_seconds = -1"),
        ("breakers/a/open", {"for_seconds": 0}, "holds nothing"),
        ("breakers/a/reset", {"for_seconds": 5}, "'for_seconds' is not known"),
        ("breakers/openai//open", {}, "PROVIDER/FAMILY"),
        ("breakers/agent:/open", {}, "PROVIDER/FAMILY"),
        ("approvals/q/approve", {"amount_usd": "much"}, "amount_usd = 'much'"),
        ("approvals/q/deny", {"amount_usd": 1}, "'amount_usd' is not known"),
    ],
)
def test_what_is_wrong_is_said(
    client: TestClient, path: str, body: dict[str, Any], said: str
) -> None:
    status, problem = post(client, path, **body)

    assert status == 400
    assert said in problem["detail"]
    assert problem["type"] == "urn:manager-agent:problem:bad-request"


def test_a_page_of_another_site_cannot_open_one(client: TestClient) -> None:
    assert client.post("/api/v1/breakers/a/open", content="{}").status_code == 415


def test_what_cannot_be_stored_is_not_done(client: TestClient, desk: Desk) -> None:
    desk.kept.fail = True

    status, problem = post(client, "breakers/a/open")

    assert (status, problem["type"]) == (503, "urn:manager-agent:problem:later")
    assert client.get("/api/v1/breakers?state=open").json() == {"breakers": []}


def test_the_dashboard_shows_what_stands_before_an_agent(
    client: TestClient, desk: Desk, live: Live
) -> None:
    for agent in ("a", "b", "c"):
        live.add_call(agent, NOW)
    desk.fail("a", "gpt-4o", 5)
    post(client, "breakers/b/open")

    agents = client.get("/api/v1/manager/dashboard").json()["agents"]

    assert {one["agent"]: one["breaker"] for one in agents} == {
        "a": "open",
        "b": "open",
        "c": "closed",
    }


def test_approvals_are_listed_newest_first(client: TestClient, desk: Desk) -> None:
    desk.ask("ask-1")
    desk.ask("ask-2", fingerprint="2", bound_nano=0)
    post(client, "approvals/ask-1/approve", amount_usd="0.75", why="fine")

    found = client.get("/api/v1/approvals").json()["approvals"]

    assert [one["id"] for one in found] == ["ask-2", "ask-1"]
    for one in found:
        same_members(one, DOCUMENT["components"]["schemas"]["Approval"])
    assert found[0]["cost_usd"] is None
    assert found[1]["cost_usd"] == 0.5
    assert found[1]["approved_usd"] == 0.75
    assert found[1]["by"] == "api testclient"
    assert found[1]["why"] == "fine"
    pending = client.get("/api/v1/approvals?state=pending").json()["approvals"]
    assert [one["id"] for one in pending] == ["ask-2"]


def test_the_first_answer_holds(client: TestClient, desk: Desk) -> None:
    desk.ask("ask-1")

    assert post(client, "approvals/ask-1/deny", why="no")[1]["state"] == "denied"
    assert post(client, "approvals/ask-1/deny")[0] == 409, "a second press is told so"
    status, problem = post(client, "approvals/ask-1/approve")
    assert (status, problem["type"]) == (409, "urn:manager-agent:problem:decided-before")
    status, problem = post(client, "approvals/none/approve")
    assert (status, problem["type"]) == (404, "urn:manager-agent:problem:unknown-approval")


def test_who_answers_is_known_by_their_token(services: Services, desk: Desk) -> None:
    desk.approvals = Approvals(
        MemoryApprovals(), Rules(approvers=Approvers(frozenset({"ops"}))), NOW_US
    )
    tokens = Tokens([Token("ops", digest_of("s1")), Token("intern", digest_of("s2"))])
    served = build(replace(services, people=desk.people(), tokens=tokens))
    desk.ask("ask-1")

    def answer(secret: str) -> int:
        with TestClient(served, headers={"authorization": f"Bearer {secret}"}) as client:
            return post(client, "approvals/ask-1/approve")[0]

    assert answer("s2") == 403
    assert answer("s1") == 200
    assert desk.approvals.views[0].by == "ops"
