"""An outage that only spans tell of: the provider's breaker opens, people hear of it, it closes."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, request

CONFIG = {
    "monitoring": {"check_interval_seconds": 0.2},
    "breaker": {"base_open_seconds": 1, "max_open_seconds": 1},
}


def send(sender: Sender, agent: str, seed: int, error: str | None = None) -> None:
    rng = random.Random(seed)
    said = llm(**({"error.type": "529"} if error else {}))
    ids = hex_id(rng, 32), hex_id(rng, 16)
    sent = Sending(*ids, time.time_ns(), attributes=said, service=agent, error=error)
    sender.send(request([sent]))


@pytest.mark.slow
def test_an_outage_of_agents_without_a_guard(tmp_path: Path) -> None:
    with manager(tmp_path / "data", CONFIG) as running, Sender(running.where) as sender:
        for number in range(12):
            send(sender, f"agent{number % 3}", number, "Error code: 529 - Overloaded")
        until("people hear of the breaker", lambda: "firing" in states(running, "circuit_breaker"))
        until("and of who shares it", lambda: states(running, "failure_pattern") == ["firing"])
        (told,) = alerts(running, "failure_pattern")
        keys = [one["key"] for one in running.get("/api/v1/breakers")["breakers"]]
        numbers = iter(range(100, 10_000))

        def goes_on() -> bool:
            send(sender, "agent0", next(numbers))
            found = running.get("/api/v1/breakers?state=closed")["breakers"]
            return "openai/gpt-4o-mini" in [one["key"] for one in found]

        until("calls that succeed close it", goes_on, 60)
        until("and it is over", lambda: "firing" not in states(running, "circuit_breaker"))

    assert "openai/gpt-4o-mini" in keys
    assert told["agent"] is None
    assert told["evidence"]["agents"] == "agent0, agent1, agent2"


def alerts(running: Manager, rule: str) -> list[dict[str, Any]]:
    found = running.get("/api/v1/alerts")["alerts"]
    return [one for one in found if one["rule"] == rule]


def states(running: Manager, rule: str) -> list[str]:
    return [one["state"] for one in alerts(running, rule)]
