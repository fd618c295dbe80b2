"""The way in when the store is slow: senders are answered from the journal, and nothing is lost."""

import errno
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.changes import Changes
from manager_agent.receiver.content import Door
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.patience import Patience
from manager_agent.receiver.sink import Kept, Offer
from manager_agent.receiver.testing import MemoryStore
from manager_agent.store.journal import Journal
from tests.harness.otlp import one_call, request

DEADLINE = 60.0
AT_ONCE = Patience(seconds=0.001, calm_seconds=60)
FOREVER = Patience(seconds=3600)


class Gated(MemoryStore):
    """A store that stores only while its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Event()
        self.gate.set()
        self.unstorable: set[str] = set()

    def append(self, changes: Changes) -> None:
        assert self.gate.wait(DEADLINE)
        if any(arrived.span.span_id in self.unstorable for arrived in changes.spans):
            raise ValueError("a value the store cannot hold")
        super().append(changes)

    @property
    def ids(self) -> set[str]:
        return {span for _, span in self.spans}


class FullDisk(Journal):
    """A journal whose disk is full."""

    full = False

    def append(self, offers: Sequence[Offer]) -> list[Kept]:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().append(offers)


@contextmanager
def working(
    store: MemoryStore,
    journal: Journal | None,
    patience: Patience = AT_ONCE,
    closed: Callable[[], str | None] = lambda: None,
) -> Iterator[Entrance]:
    intake = Intake(store, Door(b"k" * 32), lambda call: call, time.time_ns, closed=closed)
    entrance = Entrance(intake, journal, patience, closed=closed)
    entrance.start()
    try:
        yield entrance
    finally:
        if isinstance(store, Gated):
            store.gate.set()
        entrance.stop()


def payload(number: int) -> bytes:
    return request([one_call("some", number)]).SerializeToString()


def span_id(number: int) -> str:
    return one_call("some", number).span_id


def answer(future: "Future[Answer]") -> Answer:
    return future.result(DEADLINE)


def until(found: Callable[[], object]) -> None:
    ends = time.monotonic() + DEADLINE
    while not found():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.002)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_quick_store_needs_no_journal(tmp_path: Path) -> None:
    store = MemoryStore()
    with working(store, Journal(tmp_path), FOREVER) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        assert len(store.spans) == 1
        assert entrance.counts.of("journal", "kept") == 0
    assert files(tmp_path) == []


def test_without_a_journal_every_request_waits_for_the_store() -> None:
    store = Gated()
    store.gate.clear()
    with working(store, None) as entrance:
        offered = entrance.offer(payload(1))
        assert not offered.done()
        store.gate.set()
        assert answer(offered) == Accepted()
        assert store.ids == {span_id(1)}


def test_whoever_waited_too_long_is_answered_before_it_is_stored(tmp_path: Path) -> None:
    store, journal = Gated(), Journal(tmp_path)
    store.gate.clear()
    with working(store, journal) as entrance:
        numbers = range(50)
        assert {answer(entrance.offer(payload(n))) for n in numbers} == {Accepted()}
        assert store.ids == set()
        settled = entrance.settled()
        assert not settled.done()
        assert lag(entrance) > 0

        store.gate.set()
        settled.result(DEADLINE)
        assert store.ids == {span_id(n) for n in numbers}
        until(lambda: journal.size == 0)
        assert lag(entrance) == 0
    assert files(tmp_path) == []


def lag(entrance: Entrance) -> float:
    (found,) = (each for each in entrance.metrics() if each.name == "manager_receiver_lag_seconds")
    return float(found.samples[0].value)


def test_it_waits_for_the_store_again_where_that_has_caught_up(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    with working(store, Journal(tmp_path), Patience(seconds=0.5, calm_seconds=0)) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        store.gate.set()
        entrance.settled().result(DEADLINE)
        until(lambda: files(tmp_path) == [])
        assert answer(entrance.offer(payload(2))) == Accepted()

        assert store.ids == {span_id(1), span_id(2)}, "stored when it was answered"
        assert entrance.counts.of("journal", "kept") == 1


def test_the_store_may_be_faster_than_the_journal(tmp_path: Path) -> None:
    class Slow(Journal):
        def append(self, offers: Sequence[Offer]) -> list[Kept]:
            store.gate.set()
            assert answer(offered) == Accepted(), "of the store"
            return super().append(offers)

    store, journal = Gated(), Slow(tmp_path)
    store.gate.clear()
    with working(store, journal) as entrance:
        offered = entrance.offer(payload(1))
        until(lambda: entrance.counts.of("journal", "stored"))

        entrance.settled().result(DEADLINE)
        assert store.ids == {span_id(1)}
    assert files(tmp_path) == []


def test_what_makes_no_sense_is_refused_at_once(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    with working(store, Journal(tmp_path)) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        refused = answer(entrance.offer(b"\xff\xff"))

        assert isinstance(refused, Refused)
        assert not refused.retryable
        assert entrance.counts.of("requests", "malformed") == 1


def test_a_full_journal_turns_away_and_says_so(tmp_path: Path) -> None:
    store, patience = Gated(), replace(AT_ONCE, most_bytes=2 * len(payload(1)))
    store.gate.clear()
    with working(store, Journal(tmp_path), patience) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        refused = answer(entrance.offer(payload(2)))

        assert isinstance(refused, Refused)
        assert refused.retryable
        assert "journal is full" in refused.message
        assert entrance.counts.of("requests", "full") == 1


def test_where_the_disk_has_no_room_nothing_is_kept(tmp_path: Path) -> None:
    store, room = Gated(), [None, "the disk is nearly full"]
    store.gate.clear()
    with working(store, Journal(tmp_path), closed=lambda: room[0]) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        room.reverse()
        refused = answer(entrance.offer(payload(2)))
        room.reverse()

        assert isinstance(refused, Refused)
        assert refused.retryable
        assert "nearly full" in refused.message


def test_without_a_journal_that_can_be_written_senders_wait_for_the_store(tmp_path: Path) -> None:
    store, journal = Gated(), FullDisk(tmp_path)
    store.gate.clear()
    journal.full = True
    with working(store, journal) as entrance:
        first = entrance.offer(payload(1))
        until(lambda: entrance._rest_until)
        second = entrance.offer(payload(2))
        assert not first.done()
        store.gate.set()

        assert answer(first) == answer(second) == Accepted()
        assert store.ids == {span_id(1), span_id(2)}


def test_what_the_store_could_not_take_is_offered_to_it_again(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    with working(store, Journal(tmp_path)) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        store.failing = OSError("no space left")
        store.gate.set()
        until(lambda: entrance.trouble)
        assert answer(entrance.offer(payload(2))) == Accepted(), "the journal has room"
        store.failing = None

        entrance.settled().result(DEADLINE)
        assert store.ids == {span_id(1), span_id(2)}


def test_what_can_never_be_stored_is_set_aside_alone(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    store.unstorable = {span_id(1)}
    with working(store, Journal(tmp_path)) as entrance:
        for number in range(3):
            assert answer(entrance.offer(payload(number))) == Accepted()
        store.gate.set()
        entrance.settled().result(DEADLINE)
        until(lambda: entrance.counts.of("journal", "set_aside"))

        assert store.ids == {span_id(0), span_id(2)}
    (aside,) = files(tmp_path)
    assert aside.read_bytes() == payload(1)[:8] + aside.read_bytes()[8:]
    assert aside.parent.name == "unstorable"


def test_small_requests_are_handed_on_as_one_and_counted_as_many(tmp_path: Path) -> None:
    store, numbers = Gated(), range(20)
    left = Journal(tmp_path)
    whole = [payload(number) for number in numbers]
    left.append([Offer(each) for each in whole])
    left.close()
    store.unstorable = {span_id(7)}
    with working(store, Journal(tmp_path)) as entrance:
        entrance.settled().result(DEADLINE)
        until(lambda: entrance.counts.of("journal", "set_aside"))

        assert store.ids == {span_id(number) for number in numbers} - {span_id(7)}
        assert entrance.counts.of("requests", "accepted") == len(numbers) - 1
        assert entrance.counts.of("requests", "malformed") == 1
        assert entrance.counts.of("journal", "stored") == len(numbers) - 1
    (aside,) = files(tmp_path)
    assert aside.read_bytes() == whole[7]


def test_where_many_wait_at_once_they_do_not_wait_long(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    with working(store, Journal(tmp_path), Patience(seconds=10**9, crowd=10)) as entrance:
        few = [entrance.offer(payload(number)) for number in range(9)]
        until(lambda: entrance._clock() > entrance._direct[0].since + 0.05)
        assert not any(each.done() for each in few)
    hurried = Patience(seconds=0.3, crowd=10)
    store.gate.clear()
    with working(store, Journal(tmp_path), hurried) as entrance:
        many = [entrance.offer(payload(number)) for number in range(10)]
        assert {answer(each) for each in many} == {Accepted()}
        assert store.ids == {span_id(number) for number in range(9)}
    assert (hurried.of(9), hurried.of(10)) == (0.3, 0.03)


def test_what_a_run_left_is_stored_by_the_next_once(tmp_path: Path) -> None:
    journal, store = Journal(tmp_path), Gated()
    whole = [payload(number) for number in range(20)]
    journal.append([Offer(each, agent="its sender") for each in whole])
    journal.close()

    with working(store, Journal(tmp_path)) as entrance:
        again = answer(entrance.offer(whole[0], agent="its sender"))
        entrance.settled().result(DEADLINE)

        assert again == Accepted()
        assert store.ids == {span_id(number) for number in range(20)}
        assert {call.agent for call in store.calls().values()} == {"its sender"}
        assert entrance.counts.of("spans", "duplicate") == 1
    assert files(tmp_path) == []


def test_stopping_answers_and_leaves_what_is_not_stored(tmp_path: Path) -> None:
    store = Gated()
    store.gate.clear()
    with working(store, Journal(tmp_path)) as entrance:
        assert answer(entrance.offer(payload(1))) == Accepted()
        store.failing = OSError("no space left")
        waits = entrance.settled()
        store.gate.set()
        entrance.stop()

        with pytest.raises(TimeoutError, match="stopping"):
            waits.result(DEADLINE)
        late = answer(entrance.offer(payload(2)))
        assert isinstance(late, Refused)
        assert late.retryable
    again = Journal(tmp_path)
    assert [again.read(each).payload for each in again.leftover()][:1] != []


@pytest.mark.parametrize("seed", range(12))
def test_of_any_course_of_events_all_that_was_acknowledged_is_there_once(
    seed: int, tmp_path: Path
) -> None:
    """Stores that stall and fail, journals that fail, runs that end in the midst: any order."""
    rng, number, store = random.Random(seed), 1, Gated()
    with working(store, Journal(tmp_path)) as entrance:  # on a slow machine, no other may be
        assert answer(entrance.offer(payload(0))) == Accepted()
    acknowledged = {span_id(0)}
    for _ in range(4):
        journal = FullDisk(tmp_path, segment_bytes=1_500)
        patience = Patience(
            seconds=rng.choice([0.001, 0.005, 0.02]),
            calm_seconds=rng.choice([0.0, 0.01, 10.0]),
            most_bytes=rng.choice([4_000, 10**6]),
        )
        offered: list[tuple[str, Future[Answer]]] = []
        with working(store, journal, patience) as entrance:
            for _ in range(40):
                event = rng.random()
                if event < 0.7:
                    offered.append((span_id(number), entrance.offer(payload(number))))
                    number += 1
                elif event < 0.8:
                    (store.gate.clear if rng.random() < 0.5 else store.gate.set)()
                elif event < 0.9:
                    store.failing = OSError("no space left") if rng.random() < 0.4 else None
                elif event < 0.95:
                    journal.full = rng.random() < 0.5
                else:
                    time.sleep(rng.random() / 100)  # any interleaving is right
            store.gate.set()
        acknowledged |= {name for name, told in offered if answer(told) == Accepted()}
        journal.full, store.failing = False, None
    with working(store, Journal(tmp_path)) as entrance:
        entrance.settled().result(DEADLINE)

    assert acknowledged <= store.ids
    assert files(tmp_path) == []
