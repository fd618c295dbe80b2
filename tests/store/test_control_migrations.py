"""Control databases of every schema version open and read right.

The files under tests/data/databases/ were each written by the code of their version, with
`python -m tests.harness.database`. That a newer one is refused is in test_control.py.
"""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from manager_agent.contract.budget import Limits
from manager_agent.control.rows import BudgetSet, Event
from manager_agent.rules.step import step
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.control_file import faults, newest_schema, schema_of
from manager_agent.store.ledger import LedgerStore
from manager_agent.store.people import PeopleStore
from tests.harness.database import (
    ADDITION,
    ALLOWANCE,
    APPROVALS,
    BEGAN,
    BEGAN_US,
    BREAKERS,
    CONTROL_STEPS,
    FOLDER,
    LATER,
    LEDGER,
    WRITERS,
    control_finding,
    make_control,
)
from tests.harness.outbox import due

READERS = Limits(hourly_token_limit=5)
LAST = "set_budget"
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
    # The file of now names who refused it, as delivery does.
    assert [each.error for each in store.given_up()] in (
        ["channel_not_found"],
        ["slack: channel_not_found"],
    )
    counts = store.outbox_counts()
    assert counts["sent"] == counts["given_up"] == 1
    assert len(due(store, LATER)) == counts["pending"]


def test_its_memory_goes_on(store: ControlStore) -> None:
    """What was told is not told again."""
    found, _ = CONTROL_STEPS[-1]
    before = store.outbox_counts()

    store.commit(step(store.memory(), found, LATER))
    assert store.outbox_counts() == before

    store.commit(step(store.memory(), [*found, control_finding("new")], LATER))
    assert store.outbox_counts()["pending"] == before["pending"] + 1


def test_budgets_that_were_set_hold_and_others_can_be(store: ControlStore, path: Path) -> None:
    audit = Audit(store)
    before = audit.events_since(BEGAN - timedelta(days=1))
    assert [event.kind for event in before][-1:] in (
        [],
        ["remove_budget"],
        ["limit"],
        [LAST],
        ["silence"],
    )

    with LedgerStore(path) as ledger:
        set_before = {row.agent: row.limits for row in budgets_of(ledger)}
        assert set_before in ({}, {"writer": WRITERS})
        ledger.keep([BudgetSet("reader", READERS, BEGAN_US), LEDGER[-1]])
        assert {row.agent: row.limits for row in budgets_of(ledger)} == {
            **set_before,
            "reader": READERS,
        }
        ledger.keep([BudgetSet("reader", None, BEGAN_US)])
        assert {row.agent for row in budgets_of(ledger)} == set(set_before)

    times = [event.ts for event in audit.events_since(BEGAN - timedelta(days=1))]
    assert len(times) == len(before) + 1
    assert times == sorted(set(times)), "no two events share a time"


def budgets_of(ledger: LedgerStore) -> list[BudgetSet]:
    return [row for row in ledger.load(BEGAN_US) if isinstance(row, BudgetSet)]


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


@pytest.mark.parametrize("place", [2, 3], ids=["0003", "0004"])
def test_its_ledger_reads_right(tmp_path: Path, place: int) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[place].read_bytes()))
    rows = [row for row in LEDGER if not isinstance(row, Event | BudgetSet)]

    with LedgerStore(path) as store:
        found = list(store.load(BEGAN_US))
        assert [row for row in found if not isinstance(row, BudgetSet)] == rows
        assert [row.limits for row in found if isinstance(row, BudgetSet)] == [WRITERS]


def test_events_of_the_ledger_are_in_the_one_audit(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[2].read_bytes()))

    with ControlStore(path) as store:
        *_, event = Audit(store).events_since(BEGAN)
        assert (event.kind, event.subject, event.actor) == ("limit", "agent writer hour usd", "ann")
        assert json.loads(event.detail) == {"before": "500", "after": "1000", "why": "sprint"}


def test_its_breakers_and_approvals_read_right(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[4].read_bytes()))

    with PeopleStore(path) as store:
        assert {row.key: row for row in store.breakers.load()} == {row.key: row for row in BREAKERS}
        assert store.approvals.load(BEGAN_US) == APPROVALS


def test_what_was_approved_beyond_a_limit_reads_right(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(gzip.decompress(DATABASES[-1].read_bytes()))

    with PeopleStore(path) as people, LedgerStore(path) as ledger:
        assert ALLOWANCE in people.approvals.load(BEGAN_US)
        assert ADDITION in ledger.load(BEGAN_US)
