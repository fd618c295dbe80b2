"""A whole manager tells its reports once, also after a restart, and prints the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from manager_agent.delivery.slack.fake import FakeSlack
from tests.harness.manager import manager, run_command, until

# At midnight a report waits a minute for the last calls of the day.
SECONDS = 100.0


def history(path: Path) -> Path:
    """Write a file of calls of the last days."""
    lines = ["ts,agent,provider,request_model,input_tokens,output_tokens"]
    now = datetime.now(UTC)
    for hours in range(4, 24 * 10, 5):
        ts = (now - timedelta(hours=hours)).isoformat()
        lines.append(f"{ts},writer,openai,gpt-4o,{1000 + hours},100")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.slow
def test_a_daily_report_reaches_slack_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = run_command("import", str(history(tmp_path / "h.csv")), "--data-dir", str(data))
    assert done.returncode == 0, done.stderr

    with FakeSlack() as slack:
        config = {
            "reports": {"hourly": False, "weekly": False},
            "monitoring": {"daily_report_hour": 0, "check_interval_seconds": 1},
            "slack": {"webhook_url": slack.url},
        }

        def told() -> list[str]:
            return [str(one["text"]) for one in slack.received if "Daily report" in one["text"]]

        with manager(data, config) as running:
            until("the daily report", told, seconds=SECONDS)
            [first] = told()
            shown = run_command("report", "daily", "--api-url", running.where["api"])
            sent = run_command("report", "daily", "--send", "--api-url", running.where["api"])
            until("the one that was asked for", lambda: len(told()) == 2)
            queued = running.metric("manager_reports_total", kind="daily")

        with manager(data, config) as running:
            until("a look at the clock", lambda: running.metric("manager_ticks_total") > 1)
            again = running.metric("manager_reports_total", kind="daily")
            assert len(told()) == 2

    assert (queued, again) == (1, 0)
    assert " calls of 1 agent" in first
    assert "of 1 agent" in shown.stdout
    assert "writer" in shown.stdout
    assert sent.stdout.endswith("\nsent\n")
