"""The ledger on SQLite: it comes back as it was, and the database itself refuses a broken law."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from manager_agent.contract.budget import Limits
from manager_agent.contract.guard import Bye
from manager_agent.control.commands import Charge, PauseCalls, SetLimit, Tick
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Account, AccountKey, Holder, Lease, Row
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.control_file import transaction
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


HOUR = 3600 * SECOND


def test_what_is_long_over_is_deleted_and_old_holders_stay_strangers(path: Path) -> None:
    limits = policy(a=tokens(hour=100), b=tokens(hour=100, day=200))
    with LedgerStore(path) as store:
        desk = Desk(limits, store)
        desk.hello("dead", "live", "done")
        dead, done = desk.report("dead", need=60), desk.report("done", need=5)
        desk.report("done", lease=done.lease, settled_total=5)
        desk.tell(Charge("minute", "a", "tokens", NOON, 5), Bye("done"), Bye("dead"))
        assert store.prune(desk.now) == 0

        desk.pass_time(32 * 24 * 3600)
        desk.hello("newest")
        newest = desk.report("newest", "b", need=1)
        before = desk.account("b", "day")
        desk.tell(Tick())
        assert store.prune(desk.now) > 0
        assert store.prune(desk.now) == 0, "in one go"

        desk.restart()
        assert desk.account("b", "day") == before
        assert not [one for one in desk.authority.book.accounts.values() if one.key.name == "a"]
        ids = {one.id for one in desk.authority.book.holders.values()}
        assert ids == {"live", "newest"}, "live was given up only now"
        assert list(desk.authority.book.leases) == [newest.lease]
        desk.tell(desk.written("dead", lease=dead.lease, settled_total=60, need=5))
        assert desk.fences() == ["dead"], "what it has left is nobody's to spend"
        desk.hello("dead")
        again = desk.report("dead", lease=dead.lease, settled_total=60, need=5)
        assert again.lease > newest.lease
        assert desk.sums() == (0, 0, 5), "a window that is over is told nothing"


def test_what_stands_in_doubt_is_kept_as_long_as_one_of_its_windows_is(path: Path) -> None:
    month = Limits(hourly_token_limit=100, monthly_token_limit=1000)
    with LedgerStore(path) as store:
        desk = Desk(policy(a=month), store)
        desk.hello("dead")
        lease = desk.report("dead", need=60).lease
        desk.tell(Bye("dead"))
        desk.pass_time(72 * 3600)
        desk.tell(Tick())
        store.prune(desk.now)

        desk.restart()
        assert desk.sums(period="month") == (0, 60, 0)
        desk.tell(desk.written("dead", lease=lease, settled_total=20, returned_total=40))
        assert desk.fences() == ["dead"]
        assert desk.sums(period="month") == (20, 0, 0)

        desk.pass_time(35 * 24 * 3600)
        desk.tell(Tick())
        store.prune(desk.now)
        desk.restart()
        assert not desk.authority.book.accounts
        assert list(desk.authority.book.leases) == [lease], "its id is not used again"
        desk.hello("next")
        assert desk.report("next", need=1).lease > lease


def test_a_full_disk_is_no_fault_of_the_rows(store: LedgerStore) -> None:
    store.keep([ACCOUNT, LEASE])
    store._con.execute("PRAGMA max_page_count = 1")
    many = [replace(LEASE, id=number, agent="x" * 500) for number in range(2, 400)]

    with pytest.raises(KeeperError, match="full"):
        store.keep(many)

    store._con.execute("PRAGMA max_page_count = 1000000")
    assert list(store.load(NOON)) == [ACCOUNT, LEASE]
    store.keep(many)


def test_two_writers_of_one_file_wait_for_each_other(path: Path, store: LedgerStore) -> None:
    """The rules' memory is in the same file, written by other threads."""
    began, done = Event(), Event()

    def write() -> None:
        with ControlStore(path) as control, transaction(control._con):
            control._con.execute("DELETE FROM outbox")
            began.set()
            done.wait(0.2)

    writer = Thread(target=write)
    writer.start()
    assert began.wait(30)
    store.keep([ACCOUNT])
    writer.join(30)
    assert list(store.load(NOON)) == [ACCOUNT]
