"""SQL that runs away is killed and its worker replaced; who sends telemetry does not notice."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.harness.manager import Manager, manager
from tests.harness.otlp import Sender, one_call, request

RUNAWAY = [
    "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range <> b.range",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT sum(n) FROM r",
    "SELECT list(range) FROM range(1000000000)",
    "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(10000000)",
]
SENT = 25
SLOWER = 5.0
"""By so much the middle request may be slower with queries that run away (they go last, `nice`)."""
NEVER_SLOW_SECONDS = 0.25


@contextmanager
def running_away(api: str) -> Iterator[list[int]]:
    """Keep both query workers busy with what never ends, until the block does; yields statuses."""
    stopped = threading.Event()
    answers: list[int] = []

    def ask(number: int) -> None:
        with httpx.Client(base_url=api, timeout=60, trust_env=False) as client:
            while not stopped.is_set():
                query = RUNAWAY[number % len(RUNAWAY)]
                answers.append(client.post("/api/v1/sql", json={"query": query}).status_code)
                number += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def seconds_to_an_answer(sender: Sender, service: str) -> list[float]:
    """Send requests, one after the other; return how long each took. Any refusal is an error."""
    took = []
    for seed in range(SENT):
        payload = request([one_call(service, seed)]).SerializeToString()
        started = time.monotonic()
        assert sender.raw(payload, timeout=30).partial_success.rejected_spans == 0
        took.append(time.monotonic() - started)
    return took


@pytest.mark.slow
def test_queries_that_run_away_neither_slow_nor_fail_ingest(tmp_path: Path) -> None:
    with manager(tmp_path / "data") as running, Sender(running.where) as sender:
        running.sql("SELECT 1 AS one")
        seconds_to_an_answer(sender, "warm")
        alone = seconds_to_an_answer(sender, "alone")
        with running_away(running.where["api"]) as answers:
            beside: list[float] = []
            deadline = time.monotonic() + 60
            while not answers.count(504):  # at least until a worker was killed for its time
                assert time.monotonic() < deadline, f"no query was killed: {answers}"
                beside += seconds_to_an_answer(sender, f"beside-{len(beside)}")

        assert set(answers) <= {422, 503, 504}
        bound = max(NEVER_SLOW_SECONDS, SLOWER * statistics.median(alone))
        assert statistics.median(beside) <= bound
        assert _calls(running) == 2 * SENT + len(beside)


def _calls(running: Manager) -> int:
    """Return how many calls there are: also says that a new worker answers."""
    return int(running.sql("SELECT count(*) AS n FROM llm_calls")[0]["n"])
