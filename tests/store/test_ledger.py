"""The ledger on SQLite: it comes back as it was, and the database itself refuses a broken law."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from manager_agent.control.commands import Charge, PauseCalls, SetLimit, Tick
from manager_agent.control.rows import Account, AccountKey, Holder, Lease, Row
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.ledger import LedgerStore
from tests.control.desk import NOON, SECOND, Desk, policy, tokens

KEY = AccountKey("agent", "a", "hour", "tokens", NOON - 600 * SECOND)
ACCOUNT = Account(KEY, NOON + 3000 * SECOND, 100, settled=60, doubt=10, used=(0, 100, 0, 0))
LEASE = Lease(1, "h1", "a", "tokens", 2, (KEY,), ACCOUNT.end_us, granted=50, settled=20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[LedgerStore]:
    with LedgerStore(path) as opened:
        yield opened


def test_rows_come_back_as_they_were(store: LedgerStore, path: Path) -> None:
    rows: list[Row] = [ACCOUNT, Holder("h1", "host", "boot", 7, "1", "prod", NOON), LEASE]
    store.keep(rows)
    store.keep([replace(LEASE, returned=5, accounts=(KEY, KEY._replace(period="day")))])

    with LedgerStore(path) as again:
        found = {type(row): row for row in again.load(NOON)}
    assert found[Account] == ACCOUNT
    assert found[Lease] == replace(LEASE, returned=5, accounts=(KEY, KEY._replace(period="day")))
    assert found[Holder] == rows[1]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ACCOUNT, used=(0, 101, 0, 0)), id="more used than the limit"),
        pytest.param(replace(ACCOUNT, used=(0, 69, 0, 0)), id="less than nothing outstanding"),
        pytest.param(replace(ACCOUNT, doubt=-1), id="doubt below 0"),
        pytest.param(replace(LEASE, settled=51), id="more settled than granted"),
        pytest.param(replace(LEASE, returned=31), id="more returned than was left"),
    ],
)
def test_the_database_refuses_a_broken_law_and_keeps_what_was(
    store: LedgerStore, row: Account | Lease
) -> None:
    store.keep([ACCOUNT, LEASE])

    with pytest.raises(sqlite3.IntegrityError):
        store.keep([replace(ACCOUNT, settled=61), row])

    assert list(store.load(NOON)) == [ACCOUNT, LEASE]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ACCOUNT, used=(0, 130, 0, 0), excess=30), id="counted as excess"),
        pytest.param(replace(ACCOUNT, used=(0, 130, 0, 0), enforcement="soft"), id="soft limit"),
        pytest.param(replace(ACCOUNT, used=(0, 130, 0, 0), amount=None), id="no limit any more"),
    ],
)
def test_over_the_limit_for_a_reason_is_kept(store: LedgerStore, row: Account) -> None:
    store.keep([row])

    assert list(store.load(NOON)) == [row]


def test_what_is_over_is_left_out_unless_a_lease_needs_it(store: LedgerStore) -> None:
    old = replace(ACCOUNT, key=KEY._replace(name="b"))
    store.keep([ACCOUNT, old, LEASE, replace(LEASE, id=2, settled=50)])
    later = NOON + 72 * 3600 * SECOND

    # The newest lease is there in any case: its id must not be used again.
    assert list(store.load(later)) == [ACCOUNT, LEASE, replace(LEASE, id=2, settled=50)]


def test_an_authority_on_it_goes_on_after_a_restart(path: Path) -> None:
    with LedgerStore(path) as store:
        desk = Desk(policy(a=tokens(hour=100, day=200)), store)
        desk.hello("h1", "h2")
        first = desk.report("h1", need=60)
        desk.report("h1", lease=first.lease, settled_total=20, reserved_now=40)
        desk.tell(SetLimit("agent", "a", "hour", "tokens", 90, "ann", "less"))
        desk.tell(Charge("minute", "a", "tokens", NOON, 5))
        desk.pass_time(11)
        desk.tell(Tick())
        desk.tell(PauseCalls("trace", "t", "ann", "why"))

    with LedgerStore(path) as store:
        again = Desk(policy(a=tokens(hour=100, day=200)), store)
        again.now = desk.now
        again.restart()
        assert again.authority.book.accounts == desk.authority.book.accounts
        assert again.authority.book.leases == desk.authority.book.leases
        assert again.authority.book.holders == desk.authority.book.holders
        assert again.authority.book.limits == desk.authority.book.limits
        assert again.authority.book.paused == desk.authority.book.paused
        assert again.authority.book.charged == desk.authority.book.charged
    with ControlStore(path) as control:
        events = Audit(control).events_since(datetime(2026, 1, 1, tzinfo=UTC))
    assert [event.kind for event in events] == ["set_limit", "given_up", "pause"]
