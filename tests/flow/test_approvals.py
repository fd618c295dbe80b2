"""Calls that wait for people, through kills of either side, with the official SDK."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flow.test_breakers import OK, agent, asked, llm, pending
from tests.harness.llm_server import LlmServer, Reply, answering
from tests.harness.manager import Manager, manager, until

__all__ = ["llm"]
pytestmark = pytest.mark.slow

_MODELS: dict[str, Any] = {"approval": {"models": ["gpt-4o"], "timeout_seconds": 120}}
_CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}],
}
_STREAM = Reply(
    [f"data: {json.dumps(_CHUNK)}\n\n".encode(), b"data: [DONE]\n\n"],
    content_type="text/event-stream",
)


def say(running: Manager, id_: str, word: str, **body: Any) -> tuple[int, dict[str, Any]]:
    url = f"{running.where['api']}/api/v1/approvals/{id_}/{word}"
    answer = httpx.post(url, json=body, timeout=60, trust_env=False)
    return answer.status_code, answer.json()


def restarted(running: Manager, tmp_path: Path) -> Manager:
    """Kill the manager, and start it again where agents look for it."""
    ports = {name: int(running.where[name].rpartition(":")[2]) for name in ("otlp_grpc", "api")}
    running.kill()
    running.reap()
    return Manager(tmp_path / "data", _MODELS, **ports)


@pytest.fixture
def again() -> Iterator[list[Manager]]:
    """Managers that were started again; none is left behind."""
    found: list[Manager] = []
    yield found
    for one in found:
        one.reap()


def test_kills_lose_no_answer_and_apply_none_twice(
    llm: LlmServer, tmp_path: Path, again: list[Manager]
) -> None:
    with manager(tmp_path / "data", _MODELS) as first, agent(first, llm, "a", tmp_path) as one:
        one.begin("call gpt-4o hello")
        [waiting] = until("it waits", lambda: pending(first, 1))
        again.append(second := restarted(first, tmp_path))
        [still] = until("the question is there", lambda: pending(second, 1))
        assert still["id"] == waiting["id"]

        assert say(second, waiting["id"], "approve")[0] == 200
        assert one.end() == {"status": 200}
        status, problem = say(second, waiting["id"], "approve")
        assert (status, problem["type"]) == (409, "urn:manager-agent:problem:decided-before")
        assert len(llm.hits) == 1

        with agent(second, llm, "b", tmp_path) as other:
            other.begin("call gpt-4o hello")
            [asks] = until("the other waits", lambda: pending(second, 1))
            other.kill()
        assert say(second, asks["id"], "approve")[0] == 200
        again.append(third := restarted(second, tmp_path))
        with agent(third, llm, "b", tmp_path) as heir:
            assert heir.do("call gpt-4o hello") == {"status": 200}, "the yes was kept for it"
            assert len(llm.hits) == 2
            heir.begin("call gpt-4o hello")
            [new] = until("a yes is for one call", lambda: pending(third, 1))
            say(third, new["id"], "deny", why="enough")
            assert heir.end()["code"] == "denied"
        assert len(llm.hits) == 2
        refused = third.sql("SELECT subject FROM control_events WHERE kind = 'approval_refused'")
        assert refused == [{"subject": waiting["id"]}]


def test_streams_wait_and_who_stops_waiting_leaves_the_yes_for_the_next(tmp_path: Path) -> None:
    with (
        answering(_STREAM) as llm,
        manager(tmp_path / "data", _MODELS) as running,
        agent(running, llm, "a", tmp_path) as one,
    ):
        one.begin("stream gpt-4o hello")
        [waiting] = until("it waits", lambda: pending(running, 1))
        assert llm.hits == []
        say(running, waiting["id"], "approve")
        assert one.end() == {"status": 200}

        assert one.do("leave gpt-4o hello")["code"] == "cancelled"
        [left] = until("it is still asked", lambda: pending(running, 1))
        assert len(llm.hits) == 1
        say(running, left["id"], "approve")
        llm.reply = OK
        assert one.do("call gpt-4o hello") == {"status": 200}
        assert len(llm.hits) == 2


def test_a_budget_that_is_used_up_is_extended_and_a_cheaper_model_runs(tmp_path: Path) -> None:
    config = {
        "agent_budgets": {"poor": {"daily_limit_usd": 0.0001}},
        "approval": {
            "budget": True,
            "models": ["gpt-4o"],
            "cheaper": {"gpt-4o": "gpt-4o-mini"},
            "cheaper_agents": ["rich"],
        },
    }
    with (
        answering(OK) as llm,
        manager(tmp_path / "data", config) as running,
        agent(running, llm, "poor", tmp_path) as poor,
        agent(running, llm, "rich", tmp_path) as rich,
    ):
        poor.begin("acall gpt-4.1 hello")
        [waiting] = until("it waits", lambda: pending(running, 1))
        assert waiting["limit_name"] == "daily_limit_usd of agent poor"
        assert llm.hits == []
        status, said = say(running, waiting["id"], "approve", amount_usd="0.01", choice="amount")
        assert (status, said["choice"]) == (200, "amount")
        assert poor.end()["status"] == 200

        rich.begin("call gpt-4o hello")
        [dear] = until("it waits", lambda: pending(running, 1))
        assert dear["cheaper_model"] == "gpt-4o-mini"
        assert 0 < dear["cheaper_cost_usd"] < dear["cost_usd"]
        say(running, dear["id"], "approve", choice="cheaper")
        assert rich.end() == {"status": 200}
        assert json.loads(llm.hits[-1].body)["model"] == "gpt-4o-mini"
        assert asked(running, "pending") == []
