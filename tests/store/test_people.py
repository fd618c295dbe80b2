"""Breakers and approvals on SQLite."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.control.breaker_rows import BreakerRow
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Event
from manager_agent.rules.breaker import Breaker, Probe
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.people import PeopleStore
from tests.harness.database import APPROVALS, BEGAN_US, BREAKERS

PENDING, USED = APPROVALS
HELD, OPEN = BREAKERS
EVENT = Event(BEGAN_US, "breaker", "writer", "closed", "held open", "ann", "a deploy")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PeopleStore]:
    with PeopleStore(tmp_path / "control.sqlite") as found:
        yield found


def test_what_is_kept_is_loaded(store: PeopleStore) -> None:
    store.breakers.keep([HELD, OPEN])
    store.approvals.keep([USED, PENDING])

    assert list(store.breakers.load()) == [OPEN, HELD]
    assert list(store.approvals.load(0)) == [PENDING, USED]


def test_a_breaker_that_closed_is_forgotten_and_a_probe_is_not_kept(store: PeopleStore) -> None:
    probing = replace(OPEN.breaker, phase="half_open", probe=Probe("p", "h", BEGAN_US))
    store.breakers.keep([HELD, replace(OPEN, breaker=probing)])
    assert next(iter(store.breakers.load())).breaker == replace(probing, probe=None)

    store.breakers.keep([replace(OPEN, breaker=Breaker(since_us=BEGAN_US, openings=2))])

    assert list(store.breakers.load()) == [HELD]


def test_what_was_decided_long_ago_is_left_out_and_what_is_pending_never(
    store: PeopleStore,
) -> None:
    store.approvals.keep([PENDING, USED])

    assert list(store.approvals.load(BEGAN_US + 8)) == [PENDING, USED]
    assert list(store.approvals.load(BEGAN_US + 9)) == [PENDING]


def test_an_answer_is_never_changed(store: PeopleStore) -> None:
    """Whatever decided twice: the first one holds."""
    store.approvals.keep([USED])

    store.approvals.keep([replace(USED, state="denied", by="bob")])

    assert list(store.approvals.load(0)) == [USED]


def test_people_see_what_happened_where_they_see_all_that_was_commanded(
    store: PeopleStore, tmp_path: Path
) -> None:
    store.breakers.keep([HELD, EVENT])
    store.approvals.keep([PENDING, replace(EVENT, kind="approval", why="")])

    with ControlStore(tmp_path / "control.sqlite") as control:
        first, second = Audit(control).events_since(datetime(2027, 1, 1, tzinfo=UTC))
    assert (first.kind, first.subject, first.actor) == ("breaker", "writer", "ann")
    assert json.loads(first.detail) == {
        "before": "closed",
        "after": "held open",
        "why": "a deploy",
    }
    assert second.kind == "approval"
    assert second.ts > first.ts


def test_rows_that_break_a_law_are_not_kept_with_the_others(store: PeopleStore) -> None:
    nobodys = BreakerRow(BreakerKey(), OPEN.breaker)

    with pytest.raises(sqlite3.IntegrityError):
        store.breakers.keep([HELD, nobodys])
    with pytest.raises(sqlite3.IntegrityError):
        store.approvals.keep([PENDING, replace(USED, decided_us=None)])

    assert list(store.breakers.load()) == []
    assert list(store.approvals.load(0)) == []


def test_troubles_of_the_disk_are_the_keepers_error(store: PeopleStore) -> None:
    store.close()

    with pytest.raises(KeeperError, match="the control database"):
        store.breakers.keep([HELD])
