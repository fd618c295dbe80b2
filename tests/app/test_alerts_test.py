"""`manager-agent alerts test`, against a server that behaves as Slack does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from manager_agent.delivery.slack.fake import BOT_TOKEN, FakeSlack


def alerts_test(slack: FakeSlack, here: Path, token: str, *more: str) -> tuple[int, str]:
    """Run the command with nothing configured but a bot; return its exit code and its stdout."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SLACK_")}
    done = subprocess.run(
        [sys.executable, "-m", "manager_agent.app.dispatch", "alerts", "test", *more],
        env={
            **kept,
            "SLACK_BOT_TOKEN": token,
            "SLACK_API_URL": slack.api_url,
            "SLACK_CHANNEL": "#alerts",
            "MANAGER_API_URL": "http://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=here,
    )
    return done.returncode, done.stdout


def test_a_message_of_a_kind_arrives_marked_as_a_test(tmp_path: Path) -> None:
    with FakeSlack() as slack:
        code, said = alerts_test(slack, tmp_path, BOT_TOKEN, "--kind", "cost_spike", "--json")
        posted = [str(one.args) for one in slack.workspace.roots()]

    rows = json.loads(said)
    assert code == 0, said
    assert {row["notifier"] for row in rows} == {"console", "slack:#alerts"}
    assert all(row["passed"] for row in rows)
    assert posted
    assert all("test" in one.lower() for one in posted)


def test_a_wrong_token_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    with FakeSlack() as slack:
        code, said = alerts_test(slack, tmp_path, "xoxb-wrong", "--kind", "budget")
        posted = slack.workspace.roots()

    assert code == 1
    assert "PASS  console" in said
    assert "FAIL  slack:#alerts" in said
    assert "invalid_auth" in said
    assert "xoxb-wrong" not in said
    assert posted == []
