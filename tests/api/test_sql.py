"""`POST /api/v1/sql`: what comes back, how fresh it is, and what happens when it cannot."""

import asyncio
import csv
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from manager_agent.api import sql_client
from manager_agent.api.app import build
from manager_agent.api.routes import sql as sql_route
from manager_agent.api.services import Services
from manager_agent.api.sql import Query, SqlError, SqlRunner
from manager_agent.api.worker import Worker, WorkerTimeout

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
FOREVER = "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range <> b.range"
Live = Any


def post(client: httpx.Client | TestClient, query: str, **more: Any) -> Any:
    return client.post("/api/v1/sql", json={"query": query, **more})


def test_the_answer_as_json(served_live: Live, server: httpx.Client) -> None:
    served_live.add_call("json-agent", NOW, cost="0.25")

    response = post(
        server,
        "SELECT agent, cost_usd FROM llm_calls WHERE agent = $agent",
        params={"agent": "json-agent"},
        fresh=True,
    )

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "columns": ["agent", "cost_usd"],
        "rows": [["json-agent", 0.25]],
        "snapshot_age_seconds": 0.0,
        "truncated": False,
    }


def test_the_answer_as_csv(server: httpx.Client) -> None:
    response = post(server, "SELECT 1.50::DECIMAL(9, 2) AS usd, NULL AS x", format="csv")

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(response.text))) == [["usd", "x"], ["1.50", ""]]
    assert response.headers["x-snapshot-age-seconds"] == "0.000"


def test_the_answer_as_arrow(server: httpx.Client) -> None:
    response = post(server, "SELECT range AS n FROM range(20000)", format="arrow")

    assert response.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert pa.ipc.open_stream(response.content).read_all().num_rows == 20_000
    assert response.headers["x-truncated"] == "false"


def test_half_a_character_is_no_crash(server: httpx.Client) -> None:
    body = rb"""{"query": "SELECT '\ud83d', ?", "params": ["\ud83d"]}"""

    response = server.post(
        "/api/v1/sql", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert "surrogates" in response.json()["detail"]


def test_json_is_capped_and_says_so(server: httpx.Client) -> None:
    found = post(server, "SELECT range AS n FROM range(20000)").json()

    assert (len(found["rows"]), found["truncated"]) == (10_000, True)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT nope FROM llm_calls", "nope"),
        ("SELEC 1", "SELEC"),
        ("SELECT * FROM nope", "nope"),
        ("SELECT ?", "parameter"),
        ("SELECT CAST('x' AS INTEGER)", "x"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
def test_a_wrong_query_is_answered_with_the_reason(
    server: httpx.Client, query: str, named: str
) -> None:
    response = post(server, query)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert named in response.json()["detail"]


@pytest.mark.parametrize(
    "table",
    [
        *("spans", "llm_calls", "decisions", "tool_calls", "alerts", "issues", "control_events"),
        *("usage_minute", "usage_hour", "usage_day"),
    ],
)
def test_every_table_that_users_query_answers(server: httpx.Client, table: str) -> None:
    assert post(server, f"SELECT count(*) FROM {table}").status_code == 200


def test_a_query_sees_the_last_snapshot_and_fresh_sees_all(live: Live, services: Services) -> None:
    later = replace(services, clock=lambda: NOW + timedelta(seconds=9))
    client = TestClient(build(later), base_url="http://localhost")
    count = "SELECT count(*) FROM llm_calls"

    live.add_call("a", NOW)
    assert post(client, count).json()["rows"] == [[1]]
    assert post(client, count).json()["snapshot_age_seconds"] == 0  # nothing came in since
    live.add_call("a", NOW)
    old = post(client, count).json()
    assert (old["rows"], old["snapshot_age_seconds"]) == ([[1]], 9.0)
    assert post(client, count, fresh=True).json()["rows"] == [[2]]


def test_fresh_gives_up_with_503(
    services: Services, monkeypatch: pytest.MonkeyPatch, live: Live
) -> None:
    waiting = threading.Event()
    read = live.con.cursor

    def slow() -> duckdb.DuckDBPyConnection:
        assert waiting.wait(20)
        cursor: duckdb.DuckDBPyConnection = read()
        return cursor

    services.snapshots._read = slow
    monkeypatch.setattr(sql_route, "FRESH_SECONDS", 0.05)
    with TestClient(build(services), base_url="http://localhost") as client:
        response = post(client, "SELECT 1", fresh=True)
        waiting.set()

    assert response.status_code == 503
    assert response.json()["type"] == "urn:manager-agent:problem:no-snapshot"
    assert response.headers["retry-after"] == "10"


def test_a_snapshot_that_fails_is_a_503_without_the_inside(live: Live, client: TestClient) -> None:
    live.con.execute("DROP VIEW usage_day")

    response = post(client, "SELECT 1")

    assert response.status_code == 503
    assert "usage_day" not in response.text


def test_a_runaway_query_is_killed_and_the_next_one_answered(server: httpx.Client) -> None:
    response = post(server, FOREVER)

    assert response.status_code == 504
    assert response.json()["detail"].startswith("the query took longer than 2 s")
    assert post(server, "SELECT 1").json()["rows"] == [[1]]


@contextmanager
def running(**settings: Any) -> Iterator[SqlRunner]:
    runner = SqlRunner(**settings)
    try:
        yield runner
    finally:
        runner.close()


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "s.duckdb"
    duckdb.connect(str(path)).close()
    return path


def test_queries_beyond_the_limit_are_told_to_come_back(snapshot: Path) -> None:
    with running(workers=1, waiting=0, timeout_seconds=1) as runner:

        async def ask() -> list[Any]:
            both = (runner.run(Query(FOREVER), snapshot) for _ in range(2))
            return await asyncio.gather(*both, return_exceptions=True)

        kinds = {error.kind for error in asyncio.run(ask()) if isinstance(error, SqlError)}

        assert kinds == {"busy", "timeout"}
        assert runner.run_blocking(Query("SELECT 1"), snapshot).rows == 1
        (metric,) = runner.metrics()
        assert {sample.labels[0][1]: sample.value for sample in metric.samples} == {
            "busy": 1,
            "timeout": 1,
            "ok": 1,
        }


def test_one_worker_serves_many_queries_and_a_dead_one_is_replaced(snapshot: Path) -> None:
    with running(workers=1) as runner:
        for _ in range(3):
            runner.run_blocking(Query("SELECT 1"), snapshot)
        (worker,) = runner._idle.queue
        assert worker is not None
        worker.kill()

        assert runner.run_blocking(Query("SELECT 1"), snapshot).rows == 1
        assert runner._idle.queue[0] is not worker


def test_closing_ends_a_running_query_and_leaves_no_process(snapshot: Path) -> None:
    runner = SqlRunner(workers=1, timeout_seconds=60)
    found: list[str] = []

    def ask() -> None:
        try:
            runner.run_blocking(Query(FOREVER), snapshot)
        except SqlError as error:
            found.append(error.kind)

    thread = threading.Thread(target=ask)
    thread.start()
    busy = _wait_for_worker(runner)
    runner.close()
    thread.join(20)

    assert found == ["died"]
    assert not busy.alive
    with pytest.raises(SqlError, match="shutting down"):
        runner.run_blocking(Query("SELECT 1"), snapshot)


def _wait_for_worker(runner: SqlRunner) -> Worker:
    done = threading.Event()
    for _ in range(2000):
        if runner._running:
            return next(iter(runner._running))
        done.wait(0.01)
    raise AssertionError("no query started within 20 s")


def test_a_worker_that_is_late_is_dead(snapshot: Path) -> None:
    worker = Worker()
    request = {"path": str(snapshot), "query": FOREVER, "params": None, "format": "json"}
    limits = {"max_rows": 1, "max_bytes": 100}

    with pytest.raises(WorkerTimeout):
        worker.ask(request | limits, timeout=0.3, max_bytes=100)

    assert not worker.alive


def test_a_worker_knows_no_secret_of_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    worker = Worker()
    try:
        environment = Path(f"/proc/{worker._process.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc here")
        assert b"xoxb" not in environment.read_bytes()
        assert min(os.nice(0) + 10, 19) == os.getpriority(os.PRIO_PROCESS, worker._process.pid)
    finally:
        worker.close()


def url_of(client: httpx.Client) -> str:
    return str(client.base_url)


def test_the_client_reads_a_table(server: httpx.Client) -> None:
    found = sql_client.query(url_of(server), "SELECT 1 AS a, 'x' AS b")

    assert (found.columns, found.rows, found.truncated) == (["a", "b"], [[1, "x"]], False)
    assert found.age_seconds == 0.0


def test_the_client_passes_other_formats_through(server: httpx.Client) -> None:
    found = sql_client.query(url_of(server), "SELECT 1 AS a", "csv", True)

    assert found.body == b"a\n1\n"


def test_the_client_ignores_proxies_for_this_machine(
    server: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert sql_client.query(url_of(server), "SELECT 1").rows == [[1]]


def test_the_client_repeats_what_the_manager_said(server: httpx.Client) -> None:
    with pytest.raises(sql_client.SqlClientError, match="one statement") as caught:
        sql_client.query(url_of(server), "SELECT 1; SELECT 2")

    assert caught.value.status == 400


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[bad"])
def test_the_client_says_what_to_do_where_nobody_answers(url: str) -> None:
    with pytest.raises(sql_client.SqlClientError, match="manager-agent serve") as caught:
        sql_client.query(url, "SELECT 1")

    assert caught.value.status is None
