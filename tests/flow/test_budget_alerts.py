"""Spend crosses a budget, people are told once per share, by every way there is to be told."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from manager_agent.delivery.slack.fake import FakeSlack, rate_limited
from tests.harness.manager import Manager, manager, run_command, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

HALF_A_DOLLAR = llm("gpt-4o", (100_000, 25_000))
"""100,000 x $2.50/M + 25,000 x $10/M."""


def config(slack: FakeSlack, **more: Any) -> dict[str, Any]:
    """Return a configuration whose current hour does not end during the test."""
    soon = datetime.now(UTC).minute >= 50
    return {
        "agent_budgets": {"default": {"hourly_limit_usd": 2.0}},
        "monitoring": {"check_interval_seconds": 0.2},
        "slack": {"webhook_url": slack.url},
        "timezone": "Asia/Kolkata" if soon else "UTC",  # half an hour off: other hours
        **more,
    }


def spend(sender: Sender, agent: str, times: int, attributes: dict[str, Any]) -> None:
    rng = random.SystemRandom()
    now = time.time_ns()
    calls = [
        Sending(hex_id(rng, 32), hex_id(rng, 16), now, attributes=attributes, service=agent)
        for _ in range(times)
    ]
    sender.send(request(calls))


def looks(running: Manager, more: int = 3) -> None:
    """Wait until the rules have looked `more` times at what is stored now."""
    start = running.metric("manager_ticks_total")
    until("the rules look", lambda: running.metric("manager_ticks_total") >= start + more)


def titles(slack: FakeSlack, about: str) -> list[str]:
    return [payload["text"] for payload in slack.received if about in payload["text"]]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack([rate_limited(1)]) as found:
        yield found


def test_each_share_of_a_budget_is_told_once(tmp_path: Path, slack: FakeSlack) -> None:
    """In Slack, which turns the first attempt away; on the console; in SQL; in the API."""
    with manager(tmp_path / "data", config(slack)) as running:
        with Sender(running.where) as sender:
            spend(sender, "researcher", 2, HALF_A_DOLLAR)
            until("half of it", lambda: titles(slack, "researcher"))
            spend(sender, "researcher", 1, HALF_A_DOLLAR)
            looks(running)
            assert len(titles(slack, "researcher")) == 1, "75 % is no share to be told"
            spend(sender, "researcher", 1, HALF_A_DOLLAR)
            until("all of it", lambda: len(titles(slack, "researcher")) == 2)
            spend(sender, "researcher", 3, HALF_A_DOLLAR)
        looks(running)

        told = titles(slack, "researcher")
        assert len(told) == 2
        assert "$1.00" in told[0]
        assert "$2.00" in told[1]
        assert len(slack.tried) == 3, "one more than taken: the first was answered 429"
        assert running.log().count("hourly limit") >= 2
        assert_alert_is_everywhere(running)
        looks(running)
        assert running.stop() == 0

    # A restart remembers what was told.
    with manager(tmp_path / "data", config(slack)) as again:
        looks(again, 5)
        assert len(titles(slack, "researcher")) == 2
        assert_alert_is_everywhere(again)
        again.kill()
    with manager(tmp_path / "data", config(slack)) as after_a_kill:
        looks(after_a_kill, 5)
        assert len(titles(slack, "researcher")) == 2


def assert_alert_is_everywhere(running: Manager) -> None:
    firing = "SELECT agent, severity, state FROM alerts WHERE rule = 'budget'"
    expected = {"agent": "researcher", "severity": "critical", "state": "firing"}
    until("the alert in SQL", lambda: running.sql(firing) == [expected])

    status = running.get("/api/v1/manager/status")
    assert status["open_alerts"] == 1
    dashboard = running.get("/api/v1/manager/dashboard")
    (agent,) = dashboard["agents"]
    assert agent["agent"] == "researcher"
    (hourly,) = agent["budgets"]
    assert (hourly["period"], hourly["unit"], hourly["limit"]) == ("hour", "usd", 2.0)
    assert hourly["spent"] == pytest.approx(3.5)
    assert [alert["agent"] for alert in dashboard["alerts"]] == ["researcher"]


def test_an_unpriced_model_is_told_and_the_line_that_prices_it_works(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """The line of `prices check`, put into the configuration, prices the next calls."""
    model = llm("acme-llm-9", (1_000_000, 0))
    with manager(tmp_path / "data", config(slack)) as running, Sender(running.where) as sender:
        spend(sender, "writer", 3, model)
        until("the message", lambda: titles(slack, "acme-llm-9"))
        spend(sender, "writer", 2, model)
        looks(running)
        checked = run_command("prices", "check", "--api-url", running.where["api"])
        unknown = running.sql("SELECT DISTINCT cost_usd, cost_source FROM llm_calls")
        looks(running)

        assert len(titles(slack, "acme-llm-9")) == 1
        assert unknown == [{"cost_usd": None, "cost_source": "unpriced"}]
        assert checked.returncode == 1
        assert "5 call(s), 5,000,000 input" in checked.stdout
        assert running.stop() == 0

    lines = checked.stdout[checked.stdout.index("prices:\n") :].replace("?", "2.5")
    priced = config(slack, **yaml.safe_load(lines))
    with manager(tmp_path / "data", priced) as running, Sender(running.where) as sender:
        spend(sender, "writer", 1, model)
        cost = running.sql("SELECT max(cost_usd) AS cost, count(cost_usd) AS priced FROM llm_calls")

    assert [(float(row["cost"]), row["priced"]) for row in cost] == [(2.5, 1)]
