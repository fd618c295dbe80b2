"""Spikes, burning budgets and agents without one: from OTLP to alerts, and to their end."""

import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manager_agent.app.serve import _built
from manager_agent.app.settings import Settings
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

DIME = llm("gpt-4o", (20_000, 5_000))
"""20,000 x $2.50/M + 5,000 x $10/M."""

ENDS = (datetime.now(UTC) + timedelta(hours=3)).month != datetime.now(UTC).month
CONFIG: dict[str, Any] = {
    "timezone": "Pacific/Honolulu" if ENDS else "UTC",  # where no month ends during the test
    "agent_budgets": {"burner": {"monthly_limit_usd": 10.0}},
    "groups": {"team": {"agents": ["burner", "other"], "monthly_limit_usd": 4.0}},
    "monitoring": {"check_interval_seconds": 0.2},
    "thresholds": {"cost_spike_percentage": 20.0},
}


def send(sender: Sender, agent: str, ages: Iterable[timedelta]) -> None:
    """Send a call of ten cents that began so long ago, for each of `ages`."""
    rng = random.SystemRandom()
    now = time.time_ns()
    calls = [
        Sending(
            hex_id(rng, 32),
            hex_id(rng, 16),
            now - age // timedelta(microseconds=1) * 1000,
            attributes={**DIME, "gen_ai.conversation.id": "the-long-one"},
            service=agent,
        )
        for age in ages
    ]
    sender.send(request(calls))


def alerts(running: Manager) -> dict[tuple[str, str | None], dict[str, Any]]:
    rows = running.sql("SELECT rule, agent, state, message, evidence FROM alerts")
    return {(row["rule"], row["agent"]): row for row in rows}


@pytest.mark.slow
def test_money_that_runs_away_is_told_and_its_end_too(tmp_path: Path) -> None:
    """A day of ten cents an hour, then three dollars at once; two hours later it is over."""
    data = tmp_path / "data"
    seconds = [timedelta(seconds=n) for n in range(30)]
    with manager(data, CONFIG) as running:
        with Sender(running.where) as sender:
            send(sender, "steady", [timedelta(hours=n) for n in range(2, 30)])
            send(sender, "burner", [timedelta(hours=n) for n in range(2, 30)])
        assert running.calls_of("burner") == 28
        assert running.stop() == 0

    with manager(data, CONFIG) as running:
        with Sender(running.where) as sender:
            send(sender, "burner", seconds)
            send(sender, "steady", seconds[:1])
        expected = {
            ("cost_spike", "burner"),
            ("cost_spike_threshold", "burner"),
            ("burn_rate", "burner"),
            ("pool_exhaustion", None),
            ("unbudgeted_agent", "steady"),
        }
        until("they are told", lambda: alerts(running).keys() >= expected)
        found = alerts(running)
        assert ("cost_spike", "steady") not in found
        spike = found["cost_spike", "burner"]
        assert "low history" in spike["message"]
        assert "calls +" in spike["message"]
        assert "the-long-one $3.00" in spike["evidence"]
        assert "gone at" in found["burn_rate", "burner"]["message"]
        assert "group team" in found["pool_exhaustion", None]["message"]
        assert running.stop() == 0

    settings = Settings.model_validate({**CONFIG, "storage": {"data_dir": str(data)}})
    with _built(settings) as built:
        later = datetime.now(UTC) + timedelta(hours=2)
        built.ticker.tick(later)
        memory = built.control.memory()
    firing = {alert.finding.rule for alert in memory.alerts if alert.state == "firing"}

    assert not firing & {"cost_spike", "cost_spike_threshold", "burn_rate"}
