"""Approvals by Slack as users have them: a real SDK's call waits until somebody decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.test_breakers import OK
from tests.harness.llm_server import LlmServer, answering
from tests.harness.manager import Manager, manager, until
from tests.harness.slack_side import (
    APP_TOKEN,
    BOT_TOKEN,
    SECRET,
    SlackSide,
    form,
    post,
    signed,
    slack_side,
)
from tests.harness.steered_agent import Steered

pytestmark = pytest.mark.slow

_REFUSED = (
    "SELECT json_extract_string(detail, '$.after.refused') AS why, actor FROM control_events"
    " WHERE kind IN ('slack_refused', 'approval_refused') ORDER BY ts"
)
_DECIDED = (
    "SELECT actor FROM control_events WHERE kind = 'approval'"
    " AND json_extract_string(detail, '$.after') LIKE 'approved%'"
)


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    with answering(OK) as found:
        yield found


@pytest.fixture
def slack() -> Iterator[SlackSide]:
    with slack_side() as found:
        found.groups["S0BOSS"] = ["U0BOB", "U0CYD"]
        yield found


def config(slack: SlackSide, **approval: Any) -> dict[str, Any]:
    tokens = {"app_token": APP_TOKEN, "bot_token": BOT_TOKEN, "signing_secret": SECRET}
    approvers = ["U0ANN", "S0BOSS"]
    return {
        "approval": {"models": ["gpt-4o"], "approvers": approvers, **approval},
        "slack": {**tokens, "api_url": slack.api_url, "operators": ["U0ANN"]},
        "monitoring": {"check_interval_seconds": 1},
    }


def agent(running: Manager, llm: LlmServer, tmp_path: Path) -> Steered:
    return Steered(
        llm.url,
        MANAGER_AGENT_ID="research",
        MANAGER_ENDPOINT=f"http://{running.where['otlp_grpc']}",
        MANAGER_API_URL=running.where["api"],
        MANAGER_STATE_DIR=str(tmp_path / "state"),
    )


def waiting(running: Manager) -> str:
    """Return the id of the call that waits."""
    path = "/api/v1/approvals?state=pending"
    [found] = until("a call waits", lambda: running.get(path)["approvals"])
    return str(found["id"])


def connected(slack: SlackSide) -> None:
    until("the socket is there", lambda: slack.sockets)


def audited(running: Manager, most: int, query: str = _REFUSED) -> list[dict[str, Any]]:
    """Return what the audit holds, once it holds `most` rows; it is copied now and then."""
    return until(f"{most} rows", lambda: (rows := running.sql(query))[most - 1 :] and rows)


def told(slack: SlackSide, words: str) -> None:
    until(f"somebody is told {words!r}", lambda: any(words in one["text"] for one in slack.told))


def test_buttons_decide_calls_that_wait(llm: LlmServer, slack: SlackSide, tmp_path: Path) -> None:
    with (
        manager(tmp_path / "data", config(slack)) as running,
        agent(running, llm, tmp_path) as one,
    ):
        connected(slack)
        _approved_by_socket(running, slack, one)
        _denied_by_form(running, slack, one)
        _allowed_for_a_while(running, slack, one)
        _by_http(running, slack, one)
        _refused(running, slack, one)
        _by_command(running, slack, one)
        refused = audited(running, 7)

    forged = ["not_an_approver", "not_an_approver", "forged", "replayed", "stale"]
    assert [row["why"] for row in refused] == ["decided", *forged, "not_permitted"]
    assert "U0EVE" in refused[1]["actor"]
    log = running.log()
    for secret in (APP_TOKEN, BOT_TOKEN, SECRET, "notARealHook", "ticket-"):
        assert secret not in log


def _approved_by_socket(running: Manager, slack: SlackSide, one: Steered) -> None:
    one.begin("call gpt-4o once")
    id_ = waiting(running)

    assert slack.by_socket("interactive", slack.button(id_, "once")) == {}

    assert one.end() == {"status": 200}
    slack.by_socket("interactive", slack.button(id_, "deny", "U0BOB"))
    told(slack, f"{id_} was approved by @ann (U0ANN) at ")


def _denied_by_form(running: Manager, slack: SlackSide, one: Steered) -> None:
    one.begin("call gpt-4o deny")
    slack.by_socket("interactive", slack.button(waiting(running), "deny", "U0BOB"))
    view = until("the form is there", lambda: slack.views)[-1]
    slack.by_socket("interactive", slack.submission(view, "U0BOB", why="use the small one"))

    answer = one.end()
    assert answer["status"] == 402
    assert "use the small one" in answer["message"]


def _allowed_for_a_while(running: Manager, slack: SlackSide, one: Steered) -> None:
    one.begin("call gpt-4o amount")
    slack.by_socket("interactive", slack.button(waiting(running), "amount"))
    view = until("the form is there", lambda: slack.views[1:])[-1]

    wrong = slack.by_socket("interactive", slack.submission(view, amount="lots", until="2h"))
    assert wrong["response_action"] == "errors"
    assert list(wrong["errors"]) == ["amount"]
    assert one.busy()
    assert (
        slack.by_socket("interactive", slack.submission(view, amount="$0.0011", until="2h")) == {}
    )

    assert one.end() == {"status": 200}
    approved = running.get("/api/v1/approvals?state=approved")["approvals"]
    assert [one["approved_usd"] for one in approved if one["choice"] == "amount"] == [0.0011]
    assert one.do("call gpt-4o within") == {"status": 200}


def _by_http(running: Manager, slack: SlackSide, one: Steered) -> None:
    one.begin("call gpt-4o by-http " + "x" * 4000)  # more than is left of the allowance
    pressed = slack.button(waiting(running), "once", "U0CYD")
    answer = slack.by_http(running.where["api"], "interactive", pressed)
    assert (answer.status_code, answer.content) == (200, b"")
    assert one.end() == {"status": 200}


def _refused(running: Manager, slack: SlackSide, one: Steered) -> None:
    one.begin("call gpt-4o refused " + "y" * 4000)
    id_ = waiting(running)
    slack.by_socket("interactive", slack.button(id_, "once", "U0EVE"))
    told(slack, "@eve (U0EVE) is not among approval.approvers")
    slack.by_socket("interactive", slack.button(id_, "deny", "U0EVE"))

    url = f"{running.where['api']}/api/v1/slack/interactive"
    body = form("interactive", slack.button(id_, "once"))
    assert post(url, body, signed(body, "not the secret")).status_code == 401
    good = signed(body)
    assert post(url, body, good).status_code == 200
    assert one.end() == {"status": 200}
    again = post(url, body, good)
    assert (again.status_code, again.json()["error"]) == (401, "replayed")
    assert post(url, body, signed(body, at=1.0)).json()["error"] == "stale"


def _by_command(running: Manager, slack: SlackSide, one: Steered) -> None:
    def status() -> bool:  # asked again: calls are seen once their spans are there
        slack.by_socket("slash_commands", slack.typed("status"))
        return any("1 agent" in said["text"] for said in slack.told)

    until("it tells of the agent", status)
    slack.by_http(
        running.where["api"], "slash_commands", slack.typed("budget set research daily 5")
    )
    told(slack, "daily budget of research: $5")
    assert running.get("/api/v1/budgets/research")["daily_limit_usd"] == 5
    slack.by_socket("slash_commands", slack.typed("budget set research daily 9", "U0EVE"))
    told(slack, "only slack.operators may change anything")
    assert running.get("/api/v1/budgets/research")["daily_limit_usd"] == 5


def test_a_kill_between_press_and_receipt(llm: LlmServer, slack: SlackSide, tmp_path: Path) -> None:
    """Slack did not hear that the press arrived, and sends it again to the next manager."""
    with manager(tmp_path / "data", config(slack)) as running, agent(running, llm, tmp_path) as one:
        connected(slack)
        one.begin("call gpt-4o once")
        id_ = waiting(running)
        slack.deaf = True
        sent = slack.envelope("interactive", slack.button(id_, "once"))
        until("it is decided", lambda: running.get("/api/v1/approvals?state=approved")["approvals"])
        running.kill()
        assert not sent.ack.done()
        slack.deaf = False
        port = {"otlp_grpc": int(running.where["otlp_grpc"].rpartition(":")[2])}
        with manager(tmp_path / "data", config(slack, timeout_seconds=4), **port) as again:
            assert sent.ack.result(20) == {}
            assert sent.sent > 1
            assert one.end() == {"status": 200}
            [found] = again.get("/api/v1/approvals")["approvals"]
            assert (found["state"], found["by"]) == ("approved", "@ann (U0ANN)")
            assert len(llm.hits) == 1
            assert len(audited(again, 1, _DECIDED)) == 1
            _nobody_in_time(again, slack, one, llm)


def _nobody_in_time(running: Manager, slack: SlackSide, one: Steered, llm: LlmServer) -> None:
    until(
        "the agent is back",
        lambda: any(holder["connected"] for holder in running.get("/api/v1/holders")["holders"]),
    )
    answer = one.do("call gpt-4o late")
    assert (answer["status"], answer["code"]) == (402, "approval_timeout")
    path = "/api/v1/approvals?state=expired"
    [late] = until("it ended", lambda: running.get(path)["approvals"])

    slack.by_socket("interactive", slack.button(late["id"], "once"))
    told(slack, "has expired; the agent has to ask again")
    slack.by_socket("interactive", slack.button(late["id"], "deny"))

    assert [row["why"] for row in audited(running, 3)] == ["decided", "expired", "expired"]
    assert len(llm.hits) == 1
