"""Failed calls come in as spans; people see one issue, are told once, and steer it."""

import json
import random
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

CONFIG = {"monitoring": {"check_interval_seconds": 0.2}}
NO_KEY = (
    "Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-%s. You can find your"
    " API key at https://platform.openai.com/account/api-keys.', 'code': 'invalid_api_key'}}"
)


def fail(sender: Sender, agent: str, seed: int, error: str, **attributes: Any) -> None:
    rng = random.Random(seed)
    ids = hex_id(rng, 32), hex_id(rng, 16)
    said = llm(**{"error.type": "AuthenticationError", **attributes})
    sent = Sending(*ids, time.time_ns(), attributes=said, service=agent, error=error)
    sender.send(request([sent]))


def post(running: Manager, path: str, body: dict[str, Any]) -> Any:
    asked = urllib.request.Request(
        running.where["api"] + path,
        json.dumps(body).encode(),
        {"content-type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_an_issue_is_told_once_lives_and_comes_back(tmp_path: Path) -> None:
    with manager(tmp_path / "data", CONFIG) as running:
        with Sender(running.where) as sender:
            for number, agent in enumerate(["writer", "reader", "writer"]):
                fail(sender, agent, number, NO_KEY % f"{number}a{number}b")
            until("the issue", lambda: _count(running) == 3)
            (issue,) = running.get("/api/v1/issues")["issues"]
            until("the alert", lambda: len(_alerts(running)) == 1)

            done = post(running, f"/api/v1/issues/{issue['issue_id']}/resolve", {"why": "renewed"})
            fail(sender, "planner", 9, NO_KEY % "c0ffee")
            until("it is back", lambda: len(_alerts(running)) == 2)
        kept = running.get("/api/v1/issues")
        seen = "SELECT state, count, agents, kind FROM issues"
        until("SQL has it", lambda: running.sql(seen)[0]["state"] == "regressed")
        actor = running.sql("SELECT kind, subject FROM control_events")
        running.kill()

    assert (issue["kind"], issue["state"], issue["agents"]) == ("auth", "new", ["writer", "reader"])
    assert issue["tldr"].startswith("OpenAI: 3 failed calls since ")
    assert (done["state"], done["why"]) == ("resolved", "renewed")
    assert [one["state"] for one in kept["issues"]] == ["regressed"]
    assert actor == [{"kind": "resolve_issue", "subject": issue["issue_id"]}]
    with manager(tmp_path / "data", CONFIG) as again:
        start = again.metric("manager_ticks_total")
        until("it looks", lambda: again.metric("manager_ticks_total") >= start + 3)
        (after,) = again.get("/api/v1/issues")["issues"]
        dashboard = again.get("/api/v1/manager/dashboard")
    assert (after["count"], after["state"]) == (4, "regressed"), "counted once over a kill"
    assert [one["issue_id"] for one in dashboard["issues"]] == [issue["issue_id"]]


def _count(running: Manager) -> int:
    return sum(one["count"] for one in running.get("/api/v1/issues")["issues"])


def _alerts(running: Manager) -> list[dict[str, Any]]:
    found = running.get("/api/v1/alerts")["alerts"]
    return [one for one in found if one["rule"] == "error_issue"]
