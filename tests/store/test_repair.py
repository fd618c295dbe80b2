"""A damaged log: every transaction before the damage is kept, exactly, and nothing is thrown away.

The log is a real one, of a process that was killed. DuckDB itself mends a log that merely ends too
early; the rest it refuses, or, where the damage hides what follows, would forget without a word.
"""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from manager_agent.store.duck import FactStore, StoreError
from manager_agent.store.repair import RepairError, aside_in, look, repair
from manager_agent.store.wal import Log, log_beside, parse, read_log
from tests.harness.facts import opened, rows
from tests.store.log_victim import SPANS

ACKNOWLEDGED = 25
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Victim:
    """What a killed process left: its log, and where each of its transactions ends in it."""

    folder: Path
    data: bytes
    log: Log

    def spans_before(self, position: int) -> int:
        """Return how many spans were committed in the part of the log before `position`."""
        whole = sum(end <= position for end in self.log.commits)
        return SPANS * max(0, whole - MADE_TABLES)


KEPT = 3
VIEWS = (ROOT / "analytics/manager_agent/analytics/sql/views").glob("*.sql")
MADE_TABLES = KEPT + len(list(VIEWS))
"""Transactions of an empty store: one for each view, over the archive (`KEPT`) and for users.

Its migrations are checkpointed."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    folder = tmp_path_factory.mktemp("victim")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.log_victim", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = 0
        while said < ACKNOWLEDGED:
            said = int(process.stdout.readline())
        process.kill()
    data = log_beside(folder / "manager.duckdb").read_bytes()
    found = Victim(folder, data, parse(data))
    assert found.spans_before(len(data)) >= SPANS * ACKNOWLEDGED
    return found


@pytest.fixture
def damaged(victim: Victim, tmp_path: Path) -> Callable[[bytes], Path]:
    """Return a function that lays down the database with another log, anew each time."""

    def make(log: bytes) -> Path:
        folder = tmp_path / "data"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(victim.folder, folder)
        database = folder / "manager.duckdb"
        log_beside(database).write_bytes(log)
        return database

    return make


def spans(database: Path) -> int:
    """Return the spans that a manager finds, opening the store as it does."""
    store = opened(database.parent)
    try:
        [(number,)] = rows(store, "SELECT count(*) FROM spans")
        assert rows(store, "SELECT sum(calls) FROM usage_day") == [(number or None,)]
        return int(number)
    finally:
        store.close()


def mended(database: Path) -> int:
    """Return the spans that are there at last: at once, or after the repair that is asked for."""
    try:
        return spans(database)
    except StoreError as refused:
        told = str(refused)
    assert f"{log_beside(database)} is damaged" in told
    assert f"manager-agent repair --data-dir {database.parent}" in told
    before = log_beside(database).read_bytes()
    aside = database.parent / "aside"
    found = repair(database, aside)
    assert found.state == "damaged"
    assert found.damage
    assert (aside / "manager.duckdb.wal").read_bytes() == before
    assert (aside / "manager.duckdb").exists()
    assert log_beside(database).stat().st_size == found.kept_bytes
    assert found.kept_transactions == len(read_log(log_beside(database)).commits)
    return spans(database)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("seed", range(3))
def test_a_log_that_ends_too_early(
    victim: Victim, damaged: Callable[[bytes], Path], seed: int
) -> None:
    rng = random.Random(seed)
    for end in (rng.randrange(len(victim.data)) for _ in range(3)):
        assert mended(damaged(victim.data[:end])) == victim.spans_before(end), end


@pytest.mark.parametrize("number", [1, 16, 17, 4096, 9000])
def test_zeros_after_its_end(victim: Victim, damaged: Callable[[bytes], Path], number: int) -> None:
    """As delayed allocation leaves them: a file that has grown, its content not yet written."""
    assert mended(damaged(victim.data + bytes(number))) == victim.spans_before(len(victim.data))


@pytest.mark.parametrize("seed", range(3))
def test_zeros_in_place_of_its_end(
    victim: Victim, damaged: Callable[[bytes], Path], seed: int
) -> None:
    rng = random.Random(10 + seed)
    for end in (rng.randrange(100, len(victim.data)) for _ in range(2)):
        torn = victim.data[:end].ljust(len(victim.data), b"\0")
        assert mended(damaged(torn)) == victim.spans_before(end), end


@pytest.mark.parametrize("seed", range(4))
def test_a_bit_that_flipped(victim: Victim, damaged: Callable[[bytes], Path], seed: int) -> None:
    rng = random.Random(20 + seed)
    for position in (rng.randrange(victim.log.head_end, len(victim.data)) for _ in range(2)):
        log = flipped(victim.data, position, rng.randrange(8))
        assert mended(damaged(log)) == victim.spans_before(position), position


@pytest.mark.parametrize("position", [0, 4, 9, 15, 24, 27])
def test_a_bit_of_its_head_that_flipped_costs_nothing(
    victim: Victim, damaged: Callable[[bytes], Path], position: int
) -> None:
    """DuckDB opens some of these as an empty database, and forgets the log."""
    log = flipped(victim.data, position, 2)
    assert mended(damaged(log)) == victim.spans_before(len(log))


def test_a_length_that_hides_what_follows_is_noticed(
    victim: Victim, damaged: Callable[[bytes], Path]
) -> None:
    """DuckDB takes the rest of the log for a torn last entry."""
    start = victim.log.commits[MADE_TABLES + 9]
    log = flipped(victim.data, start + 5, 3)
    database = damaged(log)
    with duckdb.connect(str(database), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM spans").fetchall() == [(30,)]

    assert mended(database) == 30

    database = damaged(log)
    found = look(database)
    assert found.lost_transactions == len(victim.log.commits) - MADE_TABLES - 10
    assert found.tables["spans"] == 30


def test_a_look_changes_nothing(victim: Victim, damaged: Callable[[bytes], Path]) -> None:
    database = damaged(victim.data[:-30] + bytes(30))
    before = {path.name: path.read_bytes() for path in database.parent.iterdir()}

    assert look(database).state == "damaged"

    assert {path.name: path.read_bytes() for path in database.parent.iterdir()} == before


def test_a_sound_one_is_left_alone(victim: Victim, damaged: Callable[[bytes], Path]) -> None:
    database = damaged(victim.data)

    found = repair(database, database.parent / "aside")

    assert found.state == "sound"
    assert found.cut_bytes == 0
    assert found.tables["spans"] == victim.spans_before(len(victim.data))
    assert log_beside(database).read_bytes() == victim.data
    assert not (database.parent / "aside").exists()


def test_the_log_of_another_database_is_not_taken(
    victim: Victim, damaged: Callable[[bytes], Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    opened(other).close()
    database = damaged(victim.data)
    shutil.copyfile(other / "manager.duckdb", database)

    with pytest.raises(RepairError, match="does not belong to"):
        repair(database, database.parent / "aside")
    assert log_beside(database).read_bytes() == victim.data


def test_the_log_of_an_earlier_checkpoint_is_not_taken(
    victim: Victim, damaged: Callable[[bytes], Path]
) -> None:
    """What is in it is in the database already; taken again it would count twice."""
    database = damaged(victim.data)
    for _ in range(3):
        spans(database)
        with duckdb.connect(str(database)) as con:
            con.execute("CREATE OR REPLACE TABLE more (n INTEGER)")
    log_beside(database).write_bytes(victim.data)

    with pytest.raises(RepairError, match="older version"):
        repair(database, database.parent / "aside")


def test_a_damaged_database_is_told(victim: Victim, damaged: Callable[[bytes], Path]) -> None:
    database = damaged(victim.data)
    content = bytearray(database.read_bytes())
    content[:8192] = bytes(8192)
    database.write_bytes(content)

    with pytest.raises(RepairError, match="restore a backup"):
        repair(database, database.parent / "aside")


def test_one_in_use_is_refused(tmp_path: Path) -> None:
    """The lock is DuckDB's own, and another process's: a manager that runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.log_victim", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            with pytest.raises(RepairError, match="in use by another process"):
                repair(tmp_path / "manager.duckdb", tmp_path / "aside")
        finally:
            process.kill()


def test_names_of_what_is_kept_are_not_used_twice(tmp_path: Path) -> None:
    now = datetime(2026, 11, 25, 8, tzinfo=UTC)
    first = aside_in(tmp_path, now, "before-repair")
    first.mkdir()

    assert first.name == "before-repair-20261125T080000Z"
    assert aside_in(tmp_path, now, "before-repair").name == "before-repair-20261125T080000Z-1"


def test_a_store_without_a_log_opens(tmp_path: Path) -> None:
    store: FactStore = opened(tmp_path)
    store.close()

    assert repair(tmp_path / "manager.duckdb", tmp_path / "aside").state == "sound"
    assert repair(tmp_path / "none.duckdb", tmp_path / "aside").state == "missing"
