"""What the proof stands on: a real manager, guards to compare, and names that were never used."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from benchmarks.guard.lines import Line
from benchmarks.guard.sides import Side, Told, ours
from benchmarks.guard.truth import NANO, Bill
from tests.harness.manager import Manager

LIMIT = NANO
"""A dollar: the limit of every agent that has none of its own, in nano-USD."""
AMPLE = "ample"
CONFIG: dict[str, Any] = {
    "agent_budgets": {
        "default": {"monthly_limit_usd": 1.0},
        AMPLE: {"monthly_limit_usd": 100_000.0},
        "low": {"priority": 4},
        "critical": {"priority": 1},
    },
    "groups": {
        "pool": {"agents": ["low", "critical"], "monthly_limit_usd": 1.0, "floors": {1: 0.2}}
    },
    # Some cases fail on purpose, and a provider's breaker is open for all agents of the fleet.
    "breaker": {"base_open_seconds": 1, "max_open_seconds": 1},
    "monitoring": {"check_interval_seconds": 3600},
    "storage": {"snapshot_seconds": 3600},
}


@dataclass
class World:
    """`quick`: fewer and shorter cases. `peers`: guards that are measured beside ours."""

    manager: Manager
    quick: bool
    peers: list[Side]
    _number: int = 0

    @property
    def endpoint(self) -> str:
        """Return where agents find the manager."""
        return f"http://{self.manager.where['otlp_grpc']}"

    @property
    def ours(self) -> Side:
        """Return our guard, on this manager."""
        return ours(self.endpoint)

    @property
    def sides(self) -> list[Side]:
        """Return all guards, ours first."""
        return [self.ours, *self.peers]

    def agent(self) -> str:
        """Return the name of an agent that has not spent anything; no case begins behind a breaker.

        What failed on purpose in the case before has opened that of the model.
        """
        for one in self.manager.get("/api/v1/breakers")["breakers"]:
            reset = f"{self.manager.where['api']}/api/v1/breakers/{quote(one['key'])}/reset"
            done = httpx.post(reset, json={"why": "another case"}, trust_env=False, timeout=60)
            done.raise_for_status()
        self._number += 1
        return f"agent-{self._number}"

    def restart(self, kill: bool = False) -> None:
        """End the manager and start it again, on the same port and data."""
        if kill:
            self.manager.kill()
        else:
            self.manager.stop()
        self.start_again()

    def start_again(self) -> None:
        """Start a manager that has ended, on the same port and data."""
        port = int(self.manager.where["otlp_grpc"].rpartition(":")[2])
        data_dir = self.manager.data_dir
        self.manager.reap()
        self.manager = Manager(data_dir, CONFIG, otlp_grpc=port)


@contextmanager
def world(quick: bool, peers: list[Side]) -> Iterator[World]:
    """Run a manager until the block ends."""
    with tempfile.TemporaryDirectory(prefix="manager-guard-") as place:
        found = World(Manager(Path(place) / "data", CONFIG), quick, peers)
        try:
            yield found
        finally:
            found.manager.reap()


def held(
    row: int, case: str, side: Side, bill: Bill, told: Told, least: float = 0.0, note: str = ""
) -> Line:
    """Return the line of a case in which a dollar had to be held, and `least` percent used."""
    used = bill.nano * 100 / LIMIT
    passed = (0 < bill.nano <= LIMIT and used >= least) if side.ours else None
    failed = ", ".join(f"{number} x {name}" for name, number in told.errors.most_common(2))
    seen = " ".join(f"{number} {name}" for name, number in sorted(told.outcomes.items()))
    figures = {
        "billed_usd": bill.usd,
        "billed_calls": bill.calls,
        "requests": bill.requests,
        "outcomes": dict(told.outcomes),
        "errors": dict(told.errors),
        "refusal": told.refusal,
    }
    words = "; ".join(filter(None, [note, seen, failed and f"failed: {failed}"]))
    return Line(row, case, side.name, bill.over(LIMIT), used, passed, words, figures)
