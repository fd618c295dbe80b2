"""Dear failures and dear runs, from OTLP to refused calls, until they are let go on."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.flow.test_breakers import OK, agent, breaker, command
from tests.harness.llm_server import LlmServer, answering
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

pytestmark = pytest.mark.slow

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.3},
    "breaker": {"failed_usd": 0.5, "base_open_seconds": 2, "max_open_seconds": 4},
    "rules": {"run_cost": {"usd_of": {"b": 0.5}, "rungs": {"b": "stop"}}},
}
DIME = llm("gpt-4o", (20_000, 5_000))
"""20,000 x $2.50/M + 5,000 x $10/M; half of it where a call failed, for its output is unknown."""


@pytest.fixture
def provider() -> Iterator[LlmServer]:
    with answering(OK) as found:
        yield found


def send(running: Manager, who: str, number: int, **said: Any) -> None:
    """Send so many calls of an agent that are just over, a dime each."""
    error = said.pop("error", None)
    rng = Random(f"{who}{time.time_ns()}")
    trace = hex_id(rng, 32)
    with Sender(running.where) as sender:
        sender.send(
            request(
                Sending(
                    *(trace, hex_id(rng, 16), time.time_ns() - 10**9),
                    attributes={**DIME, **said},
                    service=who,
                    error=error,
                )
                for _ in range(number)
            )
        )


def test_dear_failures_stop_their_agent_until_calls_succeed(
    provider: LlmServer, tmp_path: Path
) -> None:
    with (
        manager(tmp_path / "data", CONFIG) as running,
        agent(running, provider, "a", tmp_path) as one,
        agent(running, provider, "b", tmp_path) as other,
    ):
        assert one.do("call gpt-4o")["status"] == 200
        unusable: dict[str, Any] = {"error.type": "ValidationError", "error": "no JSON"}
        send(running, "a", 4)
        send(running, "a", 12, **unusable)

        until("it is open", lambda: breaker(running, "a")["state"] == "open")
        why = "12 failed calls cost $0.60 in 10 min, of $1.00 spent"
        assert breaker(running, "a")["reason"] == why
        refused = one.do("call gpt-4o")
        assert (refused["status"], refused["code"]) == (503, "breaker_open")
        assert why in refused["message"]
        assert other.do("call gpt-4o")["status"] == 200, "nobody else is stopped"
        assert breaker(running)["state"] == "closed", "nor the model"
        until("people are told", lambda: told(running, "circuit_breaker", "a"))

        def closes() -> bool:
            assert one.do("call gpt-4o")["status"] in (200, 503)
            return bool(breaker(running, "a")["state"] == "closed")

        until("it closes", closes)
        assert one.do("call gpt-4o")["status"] == 200
        until("it is over", lambda: told(running, "circuit_breaker", "a", "resolved"))


def test_a_dear_run_is_stopped_and_no_other_until_people_let_it_go_on(
    provider: LlmServer, tmp_path: Path
) -> None:
    with (
        manager(tmp_path / "data", CONFIG) as running,
        agent(running, provider, "b", tmp_path) as one,
    ):
        send(running, "b", 4, **{"gen_ai.conversation.id": "c1"})
        assert one.do("call gpt-4o @c1")["status"] == 200
        send(running, "b", 3, **{"gen_ai.conversation.id": "c1"})
        until("people are told", lambda: told(running, "run_cost", "b"))

        until("it is stopped", lambda: one.do("call gpt-4o @c1")["status"] == 402)
        refused = one.do("call gpt-4o @c1")
        assert refused["code"] == "paused"
        assert "its limit is $0.50" in refused["message"]
        assert one.do("call gpt-4o @c2")["status"] == 200
        command(running, "resume", "--conversation", "c1")
        until("it goes on", lambda: one.do("call gpt-4o @c1")["status"] == 200)
        send(running, "b", 4, **{"gen_ai.conversation.id": "c1"})
        until("and is stopped again", lambda: one.do("call gpt-4o @c1")["status"] == 402)


def told(running: Manager, rule: str, who: str, state: str = "firing") -> bool:
    """Say whether an alert of an agent has come so far."""
    found = running.sql("SELECT state FROM alerts WHERE rule = ? AND agent = ?", rule, who)
    return [one["state"] for one in found] == [state]
