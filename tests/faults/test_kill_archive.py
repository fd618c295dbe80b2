"""kill -9 while days are sealed, snapshots published and days expired: every sum stays exact."""

import os
import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from manager_agent.store.sealing import Kept, Sealer
from tests.harness.bulk import assert_exact, fill
from tests.harness.facts import opened, rows
from tests.store.archive_victim import BATCH, DAYS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS = 7


@pytest.mark.parametrize("mode", ["seal", "publish"])
def test_kill_while_days_move(mode: str, tmp_path: Path) -> None:
    """What was stored is there once, in the database, its views, and the snapshot."""
    rng = random.Random(mode)
    for kill in range(KILLS):
        stored = killed(mode, tmp_path, rng.uniform(0.2, 2.0), steps=1 + kill % 3)

        published = tmp_path / "snapshot" / "snapshot.duckdb"
        if mode == "publish" and published.exists():
            with duckdb.connect(str(published), read_only=True) as con:
                assert assert_exact(con) <= stored + BATCH
        store = opened(tmp_path)
        con = store.cursor()
        assert stored <= assert_exact(con, "spans_kept") <= stored + BATCH
        con.close()
        store.close()
    assert list((tmp_path / "archive").glob("*/*/part-*.parquet"))


def test_kill_while_days_expire(tmp_path: Path) -> None:
    """A day is there whole or not at all, and rollups keep what it was."""
    fill_days(tmp_path)
    rng = random.Random(5)
    days_left = []
    for kill in range(KILLS):
        killed("expire", tmp_path, rng.uniform(0, 0.05), steps=2 + 5 * kill)

        store = opened(tmp_path)
        query = "SELECT CAST(ts AS DATE) AS day, count(*) FROM {} GROUP BY 1 ORDER BY 1"
        spans, calls = (rows(store, query.format(name)) for name in ("spans_kept", "llm_calls"))
        assert spans == calls
        assert {count for _, count in calls} <= {50}
        assert rows(store, "SELECT sum(calls) FROM usage_day") == [(50 * DAYS,)]
        days_left.append(len(calls))
        store.close()
    assert days_left == sorted(days_left, reverse=True)
    assert DAYS > days_left[0] > days_left[-1], "days were there to be expired until the last kill"


def fill_days(folder: Path) -> None:
    """Store fifty calls on each of the last days, and seal them."""
    store = opened(folder)
    con = store.cursor()
    midnight = datetime.combine(datetime.now(UTC).date(), datetime.min.time())
    for days in range(3, DAYS + 3):
        low = midnight - timedelta(days=days)
        fill(con, 50, low, low + timedelta(hours=1))
    con.close()
    Sealer(store, lambda job: job(), lambda: datetime.now(UTC), Kept()).run()
    store.close()


def killed(mode: str, folder: Path, seconds: float, steps: int = 1) -> int:
    """Run the victim, kill it `seconds` after it said `steps` lines: however slow the machine is.

    Returns the number of calls that it said were stored.
    """
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.store.archive_victim", mode, str(folder)],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "error"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    began = threading.Event()

    def listen() -> None:
        assert victim.stdout is not None
        for line in victim.stdout:
            said.append(line.strip())
            if len(said) >= steps:
                began.set()
        began.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert began.wait(120), f"the victim said only {said}"
        time.sleep(seconds)  # the moment of the kill: any
    finally:
        victim.kill()
        victim.wait()
        listener.join()
        for pipe in (victim.stdin, victim.stdout):
            if pipe is not None:
                pipe.close()
    counts = [int(line) for line in said if line.isdigit()]
    assert counts, "the victim ended before it said what was stored"
    return counts[-1]
