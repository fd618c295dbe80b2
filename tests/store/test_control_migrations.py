"""Control databases of every schema version open and read right.

The files under tests/data/databases/ were each written by the code of their version, with
`python -m tests.harness.database`. That a newer one is refused is in test_control.py.
"""

import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager_agent.control.rows import Event
from manager_agent.rules.step import step
from manager_agent.store.control import ControlStore
from manager_agent.store.control_budgets import BudgetStore
from manager_agent.store.control_file import faults, newest_schema, schema_of
from manager_agent.store.ledger import LedgerStore
from manager_agent.store.people import PeopleStore
from tests.harness.database import (
    APPROVALS,
    BEGAN,
    BEGAN_US,
    BREAKERS,
    BUDGETS,
    CONTROL_STEPS,
    FOLDER,
    LATER,
    LEDGER,
    control_finding,
    make_control,
)

DATABASES = sorted(FOLDER.glob("*.sqlite.gz"))


@pytest.fixture(params=DATABASES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    found = tmp_path / "control.sqlite"
    found.write_bytes(gzip.decompress(request.param.read_bytes()))
    return found


@pytest.fixture
def store(path: Path) -> Iterator[ControlStore]:
    """A control database as users of that version have it, opened by today's code."""
    with ControlStore(path) as opened:
        yield opened


def test_its_alerts_and_messages_read_right(store: ControlStore) -> None:
    states = {(row.title[0], row.state, row.severity) for row in store.alerts()}
    assert {("a", "firing", "critical"), ("c", "firing", "critical")} <= states
    assert {row.title[0] for row in store.alerts(open_only=True)} >= {"a", "c"}
    assert [each.error for each in store.given_up()] == ["channel_not_found"]
    counts = store.outbox_counts()
    assert counts["sent"] == counts["given_up"] == 1
    assert len(store.claim(LATER, 10)) == counts["pending"]


def test_its_memory_goes_on(store: ControlStore) -> None:
    """What was told is not told again."""
    found, _ = CONTROL_STEPS[-1]
    before = store.outbox_counts()

    store.commit(step(store.memory(), found, LATER))
    assert store.outbox_counts() == before

    store.commit(step(store.memory(), [*found, control_finding("new")], LATER))
    assert store.outbox_counts()["pending"] == before["pending"] + 1


def test_budgets_that_were_set_hold_and_others_can_be(store: ControlStore, path: Path) -> None:
    budgets = BudgetStore(store)
    set_before = budgets.overrides()
    assert set_before in ({}, {"writer": BUDGETS[0].limits})
    assert len(budgets.events_since(BEGAN)) == (len(BUDGETS) if set_before else 0)

    budgets.put(BUDGETS[1], None)

    assert budgets.overrides() == {**set_before, "reader": BUDGETS[1].limits}
    times = [event.ts for event in budgets.events_since(BEGAN)]
    assert times == sorted(set(times)), "no two events share a time"


def test_it_is_at_the_newest_version_afterwards(store: ControlStore, path: Path) -> None:
    store.close()

    assert schema_of(path) == newest_schema()
    assert faults(path) == []


def test_every_version_has_a_database() -> None:
    """With a new migration, add one: `python -m tests.harness.database`."""
    versions = [int(path.name.split(".")[0]) for path in DATABASES]
    assert versions == list(range(1, newest_schema() + 1))


def test_the_newest_file_is_what_the_code_makes(tmp_path: Path) -> None:
    kept = tmp_path / "kept.sqlite"
    kept.write_bytes(gzip.decompress(DATABASES[-1].read_bytes()))
    found = []
    for path in (make_control(tmp_path), kept):
        con = sqlite3.connect(path)
        found.append(list(con.iterdump()))
        con.close()
    assert found[0] == found[1]


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    path = make_control(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    path.write_bytes(content)

    assert faults(path)
    assert faults(tmp_path / "none") == []


def test_its_ledger_reads_right(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[2].read_bytes()))
    rows = [row for row in LEDGER if not isinstance(row, Event)]

    with LedgerStore(path) as store:
        assert list(store.load(BEGAN_US)) == rows
        assert store.events() == [row for row in LEDGER if isinstance(row, Event)]


def test_its_breakers_and_approvals_read_right(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[3].read_bytes()))

    with PeopleStore(path) as store:
        assert {row.key: row for row in store.breakers.load()} == {row.key: row for row in BREAKERS}
        assert store.approvals.load(BEGAN_US) == APPROVALS
