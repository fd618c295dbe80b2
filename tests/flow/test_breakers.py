"""Breakers and approvals as users have them: agents under `run`, a manager, a provider."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.agents import BIN, run
from tests.harness.llm_server import LlmServer, Reply, answering
from tests.harness.manager import Manager, manager, until
from tests.harness.steered_agent import Steered

pytestmark = pytest.mark.slow

_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
OK = Reply([json.dumps(_ANSWER).encode()])
BROKEN = Reply([b'{"error": {"message": "boom", "type": "server_error"}}'], status=500)
OFTEN = {"monitoring": {"check_interval_seconds": 1}}
SECRET = "confidential-question"
_DECISIONS = "SELECT reason, count(*) AS n FROM decisions GROUP BY reason"


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    with answering(OK) as found:
        yield found


def agent(running: Manager, llm: LlmServer, name: str, tmp_path: Path) -> Steered:
    return Steered(
        llm.url,
        MANAGER_AGENT_ID=name,
        MANAGER_ENDPOINT=f"http://{running.where['otlp_grpc']}",
        MANAGER_API_URL=running.where["api"],
        MANAGER_STATE_DIR=str(tmp_path / "state"),
    )


def breaker(running: Manager, key: str = "openai/gpt-4o") -> dict[str, Any]:
    found = running.get("/api/v1/breakers")["breakers"]
    return next((one for one in found if one["key"] == key), {"state": "closed"})


def command(running: Manager, *words: str) -> Any:
    """Run one of our commands; return what it prints as JSON."""
    done = run(BIN / "manager-agent", *words, "--json", MANAGER_API_URL=running.where["api"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_failing_model_is_left_alone_and_comes_back(llm: LlmServer, tmp_path: Path) -> None:
    config = {"breaker": {"base_open_seconds": 4, "max_open_seconds": 8}, **OFTEN}
    with (
        manager(tmp_path / "data", config) as running,
        agent(running, llm, "a", tmp_path) as one,
        agent(running, llm, "b", tmp_path) as other,
    ):
        assert one.do("call gpt-4o")["status"] == other.do("call gpt-4o")["status"] == 200
        llm.reply, before = BROKEN, len(llm.hits)
        answers = [one.do("call gpt-4o") for _ in range(8)]

        assert [each["status"] for each in answers] == [500] * 5 + [503] * 3
        until("it is open", lambda: breaker(running)["state"] == "open")
        answered = len(llm.hits)
        refused = until_refused(other)
        unheard = len(llm.hits) - answered
        assert refused["code"] == "breaker_open"
        assert "The circuit breaker of openai's gpt-4o is open" in refused["message"]
        assert answered - before == 5, "nobody calls any more"

        until("it is tried again", lambda: breaker(running)["probing"])
        both = [process.do("call gpt-4o")["status"] for process in (one, other)]
        assert sorted(both) == [500, 503], "one call at a time, whoever makes it"
        assert len(llm.hits) - before == 6 + unheard

        llm.reply = OK
        until("it closes", lambda: calls_until_closed(running, one, other))
        assert one.do("call gpt-4o")["status"] == other.do("call gpt-4o")["status"] == 200
        changes = ["open", "half_open", "open", "half_open", "closed"]
        until("the audit", lambda: audit(running) == changes)


def audit(running: Manager) -> list[str]:
    rows = running.sql("SELECT detail FROM control_events WHERE kind = 'breaker' ORDER BY ts")
    return [json.loads(row["detail"])["after"] for row in rows]


def until_refused(process: Steered) -> dict[str, Any]:
    """Return the refusal, once what is open has been heard of."""
    found: dict[str, Any] = {}

    def refused() -> bool:
        found.update(process.do("call gpt-4o-2024-08-06"))
        return bool(found["status"] == 503)

    until("a refusal", refused)
    return found


def calls_until_closed(running: Manager, *processes: Steered) -> bool:
    for process in processes:
        assert process.do("call gpt-4o")["status"] in (200, 503)
    return bool(breaker(running)["state"] == "closed")


def test_people_hold_a_breaker_and_it_outlives_a_restart(llm: LlmServer, tmp_path: Path) -> None:
    with manager(tmp_path / "data", OFTEN) as running:
        held = command(running, "breaker", "open", "a", "--for", "1h", "--why", "it loops")
        assert (held["state"], held["held"]["why"]) == ("open", "it loops")
    with (
        manager(tmp_path / "data", OFTEN) as running,
        agent(running, llm, "a", tmp_path) as one,
        agent(running, llm, "b", tmp_path) as other,
    ):
        assert [each["key"] for each in command(running, "breaker", "list")] == ["a"]
        refused = until_refused(one)
        assert "of agent a is open: held by api 127.0.0.1: it loops" in refused["message"]
        assert other.do("call gpt-4o")["status"] == 200

        command(running, "breaker", "reset", "a")

        until("it is let go", lambda: one.do("call gpt-4o")["status"] == 200)
        until("the audit", lambda: audit(running) == ["held open", "closed"])
        actors = running.sql("SELECT DISTINCT actor FROM control_events WHERE kind = 'breaker'")
        assert actors == [{"actor": "api 127.0.0.1"}]


def test_people_say_yes_and_no_to_calls_that_wait(llm: LlmServer, tmp_path: Path) -> None:
    config = {"approval": {"models": ["gpt-4o"], "timeout_seconds": 120}}
    with (
        manager(tmp_path / "data", config) as running,
        agent(running, llm, "a", tmp_path) as one,
        agent(running, llm, "b", tmp_path) as other,
    ):
        one.begin(f"call gpt-4o {SECRET}")
        other.begin(f"acall gpt-4o {SECRET}")
        waiting = until("both wait", lambda: pending(running, 2))
        assert {each["agent"] for each in waiting} == {"a", "b"}
        assert all(each["cost_usd"] > 0 for each in waiting), "what it may cost is known first"
        assert one.busy()
        assert other.busy()
        assert llm.hits == []

        for each in waiting:
            command(running, "approvals", "approve", each["id"], "--why", "fine")

        assert one.end() == {"status": 200}
        answer = other.end()
        assert answer["status"] == 200
        assert answer["steps"] > 10, "the event loop was free"
        assert len(llm.hits) == 2

        one.begin(f"call gpt-4o {SECRET}")
        [again] = until("it waits again: a yes is for one call", lambda: pending(running, 1))
        command(running, "approvals", "deny", again["id"], "--why", "too dear")
        for denied in (one.end(), one.do(f"call gpt-4o {SECRET}")):
            assert (denied["status"], denied["code"]) == (402, "denied")
            assert "It was denied by api 127.0.0.1: too dear." in denied["message"]
        assert len(llm.hits) == 2
        assert one.do("call gpt-4o-mini")["status"] == 200, "others are not held"
        until("both are told of", lambda: running.sql(_DECISIONS) == [{"reason": "denied", "n": 2}])
    for path in (tmp_path / "data").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def pending(running: Manager, number: int) -> list[dict[str, Any]]:
    found = asked(running, "pending")
    return found if len(found) == number else []


def asked(running: Manager, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.get(f"/api/v1/approvals?state={state}")["approvals"]
    return found


@pytest.mark.parametrize(("on_timeout", "status"), [("deny", 402), ("allow", 200)])
def test_a_call_that_nobody_answers_for(
    llm: LlmServer, tmp_path: Path, on_timeout: str, status: int
) -> None:
    config = {"approval": {"cost_usd": 0.0001, "timeout_seconds": 1, "on_timeout": on_timeout}}
    with (
        manager(tmp_path / "data", config) as running,
        agent(running, llm, "a", tmp_path) as one,
    ):
        answer = one.do("call gpt-4o")

        assert answer["status"] == status
        if status == 402:
            assert answer["code"] == "approval_timeout"
            assert "Nobody answered within 1 s" in answer["message"]
        assert len(llm.hits) == (status == 200)
        [expired] = until("it expires", lambda: asked(running, "expired"))
        assert (expired["agent"], expired["by"]) == ("a", None)
