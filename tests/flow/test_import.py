"""`manager-agent import`: the past is counted once, wherever it goes in and however often."""

import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness.facts import opened, rows
from tests.harness.manager import environment, manager, run_command, until
from tests.harness.rollups import assert_rollups_are_sums

NAMED = ("--agent", "history", "--model", "gpt-4o", "--provider", "openai")
AZURE = Path(__file__).parents[3] / "shared" / "data"


def made(path: Path, number: int, seed: int = 1) -> Path:
    """Write a file as Azure published its traces, in which some rows are equal."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for second in range(number):
            line = (
                f"2023-11-16 18:{second // 60 % 60:02}:{second % 60:02}.{rng.randrange(10**7):07}"
            )
            file.write(f"{line},{rng.randrange(1, 9000)},{rng.randrange(1, 900)}\n")
            if second % 10 == 0:
                file.write("2023-11-16 19:00:00.0000000,7,7\n")
    return path


def imported(file: Path, *more: str, code: int = 0) -> dict[str, Any]:
    done = run_command(
        *("import", str(file), *NAMED, "--json", *more),
    )
    assert done.returncode == code, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def test_a_file_at_rest(tmp_path: Path) -> None:
    """Once, twice, and a longer one that overlaps; views and rollups agree to the nano."""
    data, file, longer = tmp_path / "data", tmp_path / "a.csv", tmp_path / "b.csv"
    made(file, 100)
    longer.write_text(file.read_text("utf-8") + "2023-11-16 19:00:00.0000000,7,7\nbad,1,1\n")
    at = ("--data-dir", str(data))

    dry = imported(file, *at, "--dry-run")
    first = imported(file, *at)
    assert not dry["known"]
    assert (first["rows"], first["added"], first["known"]) == (110, 110, 0)
    assert dry["added_cost_usd"] == first["added_cost_usd"]
    assert imported(file, *at)["added"] == 0
    last = imported(longer, *at, code=1)
    assert (last["added"], last["known"], last["bad"]) == (1, 110, 1)
    assert last["first_bad"] == [{"line": 113, "why": "'bad' is no time"}]

    store = opened(data)
    sums = "sum(input_tokens), sum(output_tokens), sum(cost_usd)"
    [calls] = rows(store, f"SELECT count(*), {sums} FROM llm_calls")
    assert calls[0] == 111
    assert calls[1:3] == (first["input_tokens"] + 7, first["output_tokens"] + 7)
    for grain in ("minute", "hour", "day"):
        assert rows(store, f"SELECT sum(calls), {sums} FROM usage_{grain}") == [calls]
    assert rows(store, "SELECT DISTINCT agent, provider, emitters, cost_source FROM llm_calls") == [
        ("history", "openai", "import", "local")
    ]
    store.close()


def test_into_a_running_manager(tmp_path: Path) -> None:
    """Past windows alert nobody; what is of this month counts in this month."""
    budgets = {
        "agent_budgets": {"history": {"monthly_limit_usd": 0.001, "hourly_limit_usd": 0.001}},
        "monitoring": {"check_interval_seconds": 0.2},
    }
    file, fresh = made(tmp_path / "a.csv", 300), tmp_path / "now.csv"
    fresh.write_text(f"timestamp,cost\n{datetime.now(UTC):%Y-%m-%dT%H:%M:%S},0.25\n", "utf-8")
    with manager(tmp_path / "data", budgets) as running:
        to = ("--data-dir", str(tmp_path / "data"), "--api-url", running.where["api"])
        assert imported(file, *to)["added"] == 330
        assert imported(file, *to)["known"] == 330
        ticks = running.metric("manager_ticks_total")
        until("two looks", lambda: running.metric("manager_ticks_total") >= ticks + 2)
        assert running.sql("SELECT * FROM alerts") == []
        assert_rollups_are_sums(running)

        assert imported(fresh, *to)["added_cost_usd"] == "0.250000000"
        until("an alert", lambda: running.sql("SELECT * FROM alerts WHERE agent = 'history'"))
        assert_rollups_are_sums(running)
        assert running.sql(
            "SELECT cost_source AS s, CAST(cost_usd AS DOUBLE) AS c FROM llm_calls"
            " WHERE emitters = 'import' ORDER BY ts DESC LIMIT 1"
        ) == [{"s": "estimated", "c": 0.25}]
        assert running.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("served", [False, True], ids=["at rest", "into a manager"])
def test_killed_and_run_again(tmp_path: Path, served: bool) -> None:
    """kill -9 of the import in the middle, three times; then it is run to its end."""
    data, file, rng = tmp_path / "data", made(tmp_path / "a.csv", 3300), random.Random(4)

    def kill_some(to: tuple[str, ...]) -> None:
        for _ in range(3):
            words = ["import", str(file), *NAMED]
            with subprocess.Popen(
                [sys.executable, "-m", "manager_agent.app.dispatch", *words, *to],
                env=environment(),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
            ) as process:
                time.sleep(rng.uniform(1.0, 4.0))  # the moment of the kill: any
                process.kill()

    if served:
        with manager(data) as running:
            to = ("--data-dir", str(data), "--api-url", running.where["api"])
            kill_some(to)
            last = imported(file, *to)
            assert running.sql("SELECT count(*) AS n FROM llm_calls") == [{"n": 3630}]
            assert_rollups_are_sums(running)
    else:
        kill_some(("--data-dir", str(data)))
        last = imported(file, "--data-dir", str(data))
        store = opened(data)
        assert rows(store, "SELECT count(*) FROM llm_calls") == [(3630,)]
        assert rows(store, "SELECT sum(calls) FROM usage_day") == [(3630,)]
        store.close()
    assert last["added"] + last["known"] == 3630


@pytest.mark.slow
@pytest.mark.skipif(not AZURE.is_dir(), reason="the published traces are not on this machine")
def test_the_published_traces(tmp_path: Path) -> None:
    """27 000 production requests: every token arrives."""
    to = ("--data-dir", str(tmp_path / "data"))
    code = imported(AZURE / "azure_llm_2023_code.csv", *to)
    conv = imported(AZURE / "azure_llm_2023_conv.csv", *to)
    assert [code["added"], conv["added"]] == [8819, 19366]
    assert [code["input_tokens"], code["output_tokens"]] == [18_059_974, 245_896]
    assert [conv["input_tokens"], conv["output_tokens"]] == [22_361_870, 4_088_665]
    assert code["added_cost_usd"] == "47.608895000"
    assert imported(AZURE / "azure_llm_2023_conv.csv", *to)["added"] == 0
    store = opened(tmp_path / "data")
    assert rows(store, "SELECT sum(calls), sum(input_tokens) FROM usage_hour") == [
        (28_185, 40_421_844)
    ]
    store.close()
