"""What else the manager does while it is measured: nothing, as much as by default, or much more."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from manager_agent.api.sql_client import SqlClientError, query
from manager_agent.app.bench.figures import percentile

Surroundings = Literal["alone", "usual", "busy"]

_LIMITS = {"default": {"hourly_limit_usd": 10**6, "daily_token_limit": 10**12}}

SETTINGS: dict[Surroundings, dict[str, Any]] = {
    "alone": {
        "monitoring": {"check_interval_seconds": 3600},
        "storage": {"snapshot_seconds": 3600},
    },
    # The defaults, written out: what is on time is judged by them.
    "usual": {
        "monitoring": {"check_interval_seconds": 30},
        "storage": {"snapshot_seconds": 15},
        "agent_budgets": _LIMITS,
    },
    "busy": {
        "monitoring": {"check_interval_seconds": 1},
        "storage": {"snapshot_seconds": 5},
        "agent_budgets": _LIMITS,
    },
}

QUERIES = (
    "SELECT agent, sum(cost_usd) AS usd, sum(calls) AS calls FROM usage_hour"
    " WHERE ts >= now() - INTERVAL 1 DAY GROUP BY agent ORDER BY usd DESC",
    "SELECT response_model, count(*) AS calls, quantile_cont(duration_ms, 0.95) AS p95"
    " FROM llm_calls WHERE ts >= now() - INTERVAL 1 HOUR GROUP BY response_model",
    "SELECT conversation_id, sum(cost_usd) AS usd FROM llm_calls"
    " WHERE ts >= now() - INTERVAL 1 HOUR GROUP BY conversation_id ORDER BY usd DESC LIMIT 20",
)


class Readers:
    """A person with a dashboard: one of three queries each second."""

    def __init__(self, api: str, interval: float = 1.0) -> None:
        self.answers: list[tuple[float, float, float]] = []
        """When each was answered (monotonic), seconds it took, and how old its data was."""
        self.failures: list[str] = []
        self._api = api
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def figures(self) -> dict[str, Any]:
        """Return how many there were, how long they took and how old their data was at most."""
        took = sorted(seconds * 1000 for _, seconds, _ in self.answers)
        return {
            "queries": len(took),
            "failures": len(self.failures),
            "first_failure": self.failures[0] if self.failures else None,
            "p50_ms": percentile(took, 0.5) if took else None,
            "max_ms": took[-1] if took else None,
            "oldest_data_seconds": max((age for _, _, age in self.answers), default=None),
        }

    def _run(self) -> None:
        number = 0
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            started = time.monotonic()
            try:
                answer = query(self._api, QUERIES[number % len(QUERIES)])
                self.answers.append(
                    (time.monotonic(), time.monotonic() - started, answer.age_seconds)
                )
            except SqlClientError as error:  # is what is measured: the row names it
                self.failures.append(str(error))
            number += 1
            due = max(due + self._interval, time.monotonic())


@contextmanager
def readers(api: str) -> Iterator[Readers]:
    """Ask until the block ends."""
    found = Readers(api)
    found._thread.start()
    try:
        yield found
    finally:
        found._stopped.set()
        found._thread.join()
