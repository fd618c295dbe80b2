"""From OTLP to people: a loop is told, and stopped where the ladder says so, until they resume."""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from manager_agent.app import dispatch
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.3},
    "thresholds": {"infinite_loop_calls_per_minute": 5},
    "rules": {"infinite_loop": {"rungs": {"stuck": "stop"}}},
}
SECOND = 10**9


def spans(agent: str, rounds: int, result: str) -> Iterator[Sending]:
    """Yield rounds of a model call and the tool call that it asked for, just over by now.

    `result`: of the tool; `{}` in it is the round's number.
    """
    rng = random.Random(agent)
    trace, begin = hex_id(rng, 32), time.time_ns() - 4 * rounds * SECOND
    who = {"gen_ai.agent.name": agent}
    for n in range(rounds):
        at = begin + 4 * n * SECOND
        asked = llm("gpt-4o-mini", (1000 + 137 * n, 20 + n % 7), **who)
        prompt = json.dumps([{"role": "user", "content": f"turn {n}"}])
        yield Sending(
            *(trace, hex_id(rng, 16), at),
            duration_ns=2 * SECOND,
            attributes={**asked, "gen_ai.input.messages": prompt},
        )
        tool = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.arguments": '{"q": "weather"}',
            "gen_ai.tool.call.result": result.format(n),
        }
        yield Sending(
            *(trace, hex_id(rng, 16), at + 2 * SECOND),
            name="execute_tool search",
            attributes={**tool, **who},
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("loops") / "data", CONFIG) as found:
        yield found


def send(running: Manager, sent: Iterator[Sending]) -> str:
    """Send spans; return their trace."""
    those = list(sent)
    with Sender(running.where) as sender:
        sender.send(request(those))
    return those[0].trace_id


def alerts(running: Manager, agent: str) -> dict[str, Any]:
    """Return the evidence of the alerts of an agent by rule."""
    rows = running.sql("SELECT rule, evidence FROM alerts WHERE agent = ?", agent)
    return {row["rule"]: json.loads(row["evidence"]) for row in rows}


def loop_of(running: Manager, agent: str) -> dict[str, Any]:
    """Return the evidence of the alert of an agent's loop, once there is one."""
    found: dict[str, Any] = until(
        "the alert", lambda: alerts(running, agent).get("infinite_loop") or {}
    )
    return found


def test_a_loop_is_told_and_its_trace_paused_until_people_resume_it(
    running: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANAGER_API_URL", running.where["api"])

    def paused() -> list[tuple[str, str, str]]:
        found = running.get("/api/v1/pauses")["pauses"]
        return [(one["scope"], one["name"], one["by"]) for one in found]

    trace = send(running, spans("stuck", 8, "nothing"))
    until("the pause", lambda: ("trace", trace, "rule infinite_loop") in paused())
    told = loop_of(running, "stuck")
    assert (told["run"], told["repeats"], told["action"]) == (trace, 7, "stop")
    query = "SELECT subject FROM control_events WHERE actor = 'rule infinite_loop'"
    assert until("the audit", lambda: running.sql(query))[0]["subject"] == f"trace {trace}"

    assert dispatch.main(["resume", "--trace", trace]) == 0
    looks = running.metric("manager_ticks_total")
    until("more looks", lambda: running.metric("manager_ticks_total") >= looks + 2)
    assert paused() == []  # the alert goes on, but people have let it go


def test_work_that_moves_on_is_not_told_by_the_detector_only_by_the_users_threshold(
    running: Manager,
) -> None:
    send(running, spans("mover", 14, "file {}"))
    told = until("the threshold's alert", lambda: alerts(running, "mover"))

    assert told.keys() == {"infinite_loop_threshold"}


def test_a_loop_is_only_told_where_nobody_asked_for_more(running: Manager) -> None:
    trace = send(running, spans("told", 8, "nothing"))
    told = loop_of(running, "told")

    assert told["action"] is None
    assert trace not in {
        row["subject"] for row in running.sql("SELECT subject FROM control_events")
    }
