"""`manager-agent archive`, on a directory alone and beside a manager that serves it."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bulk import fill
from tests.harness.facts import opened
from tests.harness.manager import environment, manager

SUMS = "SELECT count(*) AS calls, sum(total_tokens) AS tokens, sum(cost_usd) AS usd FROM llm_calls"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a thousand calls five days ago, and a hundred four days ago."""
    folder = tmp_path / "data"
    folder.mkdir()
    store = opened(folder)
    con = store.cursor()
    midnight = datetime.combine(datetime.now(UTC).date(), datetime.min.time())
    for days, calls in ((5, 1000), (4, 100)):
        low = midnight - timedelta(days=days)
        fill(con, calls, low, low + timedelta(hours=1))
    con.close()
    store.close()
    return folder


def archive(data: Path, *more: str, **env: str) -> Any:
    command = [sys.executable, "-m", "manager_agent.app.dispatch", "archive", "--json"]
    done = subprocess.run(
        [*command, f"--data-dir={data}", *more],
        env=environment(**env),
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_archive_alone_then_beside_a_manager(data: Path) -> None:
    first, second = (datetime.now(UTC).date() - timedelta(days=days) for days in (5, 4))
    due = archive(data, "--dry-run")["due"]
    assert {each["day"] for each in due} == {str(first), str(second)}

    moved = archive(data, f"--before={second}")["archived"]
    assert [each["rows"] for each in moved] == [1000, 1000]

    with manager(data) as running:
        before = running.sql(SUMS)
        assert before[0]["calls"] == 1100

        moved = archive(data, MANAGER_API_URL=running.where["api"])["archived"]

        assert [each["rows"] for each in moved] == [100, 100]
        assert running.sql(SUMS) == before
        assert running.sql("SELECT count(*) AS n FROM spans") == [{"n": 1100}]
        assert running.metric("manager_archived_rows_total") == 200
        assert running.metric("manager_archive_bytes") > 0
        assert running.stop() == 0
    assert archive(data, "--dry-run")["due"] == []


def test_a_directory_without_a_database_is_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"manager\.duckdb is not there"):
        archive(tmp_path)


def test_a_day_that_is_none_is_said(data: Path) -> None:
    with pytest.raises(AssertionError, match="'yesterday' is no day such as 2026-11-30"):
        archive(data, "--before=yesterday")
