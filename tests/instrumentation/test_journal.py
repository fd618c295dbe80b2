"""The journal: what a process that was killed held, told by the next one of its host."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.instrumentation import journal
from manager_agent.instrumentation.clock import uuid7
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.journal import Journal, dead, read
from manager_agent.instrumentation.wallet import Wallet
from tests.control.desk import policy, tokens
from tests.harness.office import office, until

HOLDER = uuid7()
_STATE = journal._STATE


@pytest.fixture
def kept(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "boot")


def content(one: Journal) -> bytes:
    return one.path.read_bytes()


def test_it_says_where_each_lease_stood_last(kept: Journal) -> None:
    for lease in (3, 4):
        entry = kept.entry(HOLDER, lease)
        assert entry is not None
        entry.write(1, 0, 9)
        entry.write(5, 2, 10 * lease)

    said = [
        (one.holder, one.lease, one.settled_total, one.returned_total, one.reserved_now)
        for one in read(content(kept))
    ]

    assert said == [(HOLDER, 3, 5, 2, 30), (HOLDER, 4, 5, 2, 40)]


def test_of_a_lease_that_is_over_it_says_nothing(kept: Journal) -> None:
    entry = kept.entry(HOLDER, 3)
    assert entry is not None
    entry.write(1, 1, 1)
    kept.close(entry)

    assert read(content(kept)) == []


@settings(max_examples=25)
@given(cut=st.integers(0, _STATE.size - 8), states=st.lists(st.integers(0, 10**12), min_size=1))
def test_of_a_state_that_was_half_written_the_one_before_holds(
    tmp_path_factory: pytest.TempPathFactory, cut: int, states: list[int]
) -> None:
    kept = Journal(tmp_path_factory.mktemp("journal"), "boot")
    entry = kept.entry(HOLDER, 1)
    assert entry is not None
    for state in states:
        entry.write(state, 0, state)
    whole = content(kept)
    number = len(states) + 1
    new = _STATE.pack(number, 7, 7, 7, number)
    at = 128 + 48 + (number & 1) * _STATE.size
    torn = whole[:at] + new[:cut] + bytes(_STATE.size - cut) + whole[at + _STATE.size :]
    kept.end()

    assert read(torn) == read(whole)


def test_only_the_dead_are_told_of_and_once(kept: Journal, tmp_path: Path) -> None:
    entry = kept.entry(HOLDER, 1)
    assert entry is not None
    entry.write(1, 2, 3)
    assert dead(tmp_path, "boot") == []

    kept.abandon()  # as when its process is killed
    assert dead(tmp_path, "another boot") == []
    (found,) = dead(tmp_path, "boot")
    assert dead(tmp_path, "boot") == []  # somebody tells of it just now
    found.let_go(told=False)
    (found,) = dead(tmp_path, "boot")
    assert [report.reserved_now for report in found.reports] == [3]
    found.let_go(told=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f"other{journal._SUFFIX}"
    other.write_bytes(b"something else")

    assert dead(tmp_path, "boot") == []
    assert other.exists()


def test_it_has_room_for_so_many_leases_and_uses_it_again(kept: Journal) -> None:
    entries = [kept.entry(HOLDER, lease) for lease in range(1, journal._PLACES + 2)]
    assert entries[-1] is None
    assert entries[0] is not None
    kept.close(entries[0])

    assert kept.entry(HOLDER, 1000) is not None


def test_a_wallet_writes_what_is_in_flight(kept: Journal) -> None:
    from tests.instrumentation.test_wallet import Owner

    owner = Owner(100)
    owner.wallet = Wallet("a", Epoch(HOLDER), owner.wake)
    owner.tell()
    owner.grant(100, holder=HOLDER)
    owner.grant(None, unit="tokens", holder=HOLDER)
    owner.wallet.record(kept)
    one, two = (owner.wallet.reserve(30, 0, owner.now) for _ in range(2))
    assert one is not None
    assert two is not None
    owner.wallet.settle(one, 10, 0, owner.now)

    (said,) = read(content(kept))
    assert (said.settled_total, said.reserved_now) == (10, 30)


def test_what_a_killed_process_did_not_use_is_free_when_the_next_one_starts(
    tmp_path: Path,
) -> None:
    """Of 1,000 tokens the dead one used 150 and has 200 in flight: 650 are left, three calls."""
    with office(policy(a=tokens(hour=1000)), state=tmp_path) as here:
        here.call(tokens=150)
        here.decided(here.ask())
        assert here.word.journal is not None
        here.word.journal.abandon()  # it is killed: its stream ends, its lock goes
        copy = here.word.journal.path
        here.word.journal = None
        here.word.state = None
        here.manager.end_streams()
        other = type(here)(here.manager, state=tmp_path)
        try:
            assert [other.call().reason for _ in range(4)] == ["within_budget"] * 3 + [
                "over_budget"
            ]
            assert here.manager.used("doubt") == 200
            until(lambda: not copy.exists())
        finally:
            other.speaker.leave(10)


def test_one_that_ends_in_good_order_leaves_nothing(tmp_path: Path) -> None:
    with office(policy(a=tokens(hour=1000)), state=tmp_path) as here:
        here.call()
        assert list(tmp_path.glob("*.journal"))
        here.speaker.leave(10)

        until(lambda: not list(tmp_path.glob("*.journal")))


def test_a_directory_that_cannot_be_written_costs_the_journal_alone(tmp_path: Path) -> None:
    nowhere = tmp_path / "gone"
    with office(policy(a=tokens(hour=1000)), state=nowhere) as here:
        assert here.call().reason == "within_budget"
        assert here.word.journal is None
        assert not os.path.exists(nowhere)


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "end", "release", "grant", "tell"]), st.integers(0, 40)),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_it_never_says_less_than_is_in_flight_and_hardly_more(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    from tests.instrumentation.test_wallet import Owner

    kept = Journal(tmp_path_factory.mktemp("journal"), "boot")
    owner, granted, held = Owner(0), 2_000, []
    owner.wallet = Wallet("a", Epoch(HOLDER), owner.wake)
    owner.tell()
    owner.grant(granted, holder=HOLDER)
    owner.grant(None, unit="tokens", holder=HOLDER)
    owner.wallet.record(kept)
    for kind, amount in steps:
        if kind == "reserve":
            held += [one for one in [owner.wallet.reserve(amount, 0, owner.now)] if one]
        elif kind == "end" and held:
            owner.wallet.settle(held.pop(amount % len(held)), amount, 0, owner.now)
        elif kind == "release" and held:
            owner.wallet.release(held.pop(amount % len(held)), owner.now)
        elif kind == "grant":
            granted += 10 * amount
            owner.grant(granted, holder=HOLDER)
        elif kind == "tell":
            owner.tell()
        (lease,), (said,) = owner.wallet.leases(), read(content(kept))
        used = lease.granted - lease.returned - lease.available
        assert said.settled_total + said.reserved_now >= used
        assert said.settled_total + said.reserved_now <= used + granted // 64
    kept.end()
