"""After DuckDB gave up: the store is opened anew, and nothing committed is lost or doubled."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from manager_agent.store.duck import FactStore, StoreError
from tests.harness.facts import added, call, opened, rows

pytest.importorskip("resource", reason="limits on files are Unix's")

FATAL = duckdb.FatalException("raised by hand")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    made = opened(tmp_path)
    made.append(added([call("c1")]))
    yield made
    made.close()


def victim(failing: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.fact_victim", failing, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_commit_that_found_no_room_changed_nothing(tmp_path: Path) -> None:
    """50 calls were there, one more failed; sent again with room it counts once."""
    said = victim("commit", tmp_path)

    assert "durable" not in said["error"]
    assert said["spans"] == [50, 50]
    assert said["earlier"] == "[(50,)]"
    assert said["at_last"] == [51, 51, 51]


def test_a_commit_whose_checkpoint_found_no_room_is_durable(tmp_path: Path) -> None:
    """The database dies of it, though the commit was written; sent again it counts once."""
    said = victim("checkpoint", tmp_path)

    assert "succeeded and is durable" in said["error"]
    assert said["spans"] == [51, 51]
    assert "closed" in said["earlier"]
    assert said["at_last"] == [51, 51, 51]


def test_recovery_opens_the_file_anew_and_ends_earlier_cursors(store: FactStore) -> None:
    earlier = store.cursor()
    store.recover(FATAL)

    with pytest.raises(duckdb.ConnectionException, match="closed"):
        earlier.execute("SELECT 1")
    store.append(added([call("c2")]))
    assert rows(store, "SELECT call_id FROM llm_calls ORDER BY ALL") == [("c1",), ("c2",)]


@pytest.mark.parametrize(
    "error",
    [duckdb.TransactionException("no room"), duckdb.ConversionException("no number"), OSError()],
    ids=lambda error: type(error).__name__,
)
def test_after_an_error_that_leaves_duckdb_alive_nothing_is_closed(
    store: FactStore, error: Exception
) -> None:
    earlier = store.cursor()
    store.recover(error)

    assert earlier.execute("SELECT count(*) FROM llm_calls").fetchall() == [(1,)]
    earlier.close()


def test_a_file_that_cannot_be_opened_may_be_tried_again(store: FactStore) -> None:
    """The folder is gone for a while, as a network drive may be."""
    folder = store.path.parent
    away = folder.with_name("away")
    store.cursor().execute("CHECKPOINT")
    folder.rename(away)
    with pytest.raises(StoreError, match="cannot be opened"):
        store.recover(FATAL)
    with pytest.raises(duckdb.ConnectionException) as closed:
        store.append(added([call("c2")]))
    away.rename(folder)

    store.recover(closed.value)

    store.append(added([call("c2")]))
    assert rows(store, "SELECT count(*) FROM llm_calls") == [(2,)]
