"""The way in: what is answered OK is stored, whatever the store does; senders are told to retry."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event

import pytest

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.changes import Changes
from manager_agent.receiver.content import Door
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.sink import Limits
from manager_agent.receiver.testing import NOW_NS, MemoryStore
from tests.harness.captures import captures

ONE, OTHER = captures()[0].payload, captures()[5].payload
OTHER_TRACE = Decoder().decode(OTHER).spans[0].trace_id
PATIENCE = 20


class Clock:
    """The time, moved by hand."""

    now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


@contextmanager
def working(
    store: MemoryStore, limits: Limits | None = None, clock: Clock | None = None
) -> Iterator[Intake]:
    door = Door(b"k" * 32)
    intake = Intake(store, door, lambda call: call, clock or Clock(), limits=limits)
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def answer(future: "Future[Answer]") -> Answer:
    return future.result(PATIENCE)


def test_accepted_means_stored() -> None:
    store = MemoryStore()
    with working(store) as intake:
        assert answer(intake.offer(ONE)) == Accepted()
        assert store.spans


def test_a_bad_request_is_refused_alone() -> None:
    store = MemoryStore()
    with working(store) as intake:
        futures = [intake.offer(payload) for payload in (ONE, b"\xff\xff", OTHER)]

    good, bad, also_good = map(answer, futures)
    assert (good, also_good) == (Accepted(), Accepted())
    assert isinstance(bad, Refused)
    assert not bad.retryable


def test_a_store_that_fails_keeps_nothing_back_and_the_sender_may_retry() -> None:
    store, clock = MemoryStore(), Clock()
    with working(store, clock=clock) as intake:
        store.failing = OSError("no space left")
        refused = answer(intake.offer(ONE))
        assert isinstance(refused, Refused)
        assert refused.retryable
        assert intake.trouble is not None

        store.failing = None
        assert answer(intake.offer(ONE)) == refused, "it rests after a failure"
        clock.now_ns += 10**9
        assert answer(intake.offer(ONE)) == Accepted()
        assert intake.trouble is None
        assert intake.counts.of("spans", "duplicate") == 0
    assert store.spans


def test_a_request_that_cannot_be_stored_is_refused_for_good_and_alone() -> None:
    class Picky(MemoryStore):
        def append(self, changes: Changes) -> None:
            if any(arrived.span.trace_id == OTHER_TRACE for arrived in changes.spans):
                raise ValueError("a value the store cannot hold")
            super().append(changes)

    store = Picky()
    with working(store) as intake:
        futures = [intake.offer(payload) for payload in (ONE, OTHER, ONE)]
        good, bad, again = map(answer, futures)

    assert (good, again) == (Accepted(), Accepted())
    assert isinstance(bad, Refused)
    assert not bad.retryable
    assert "cannot hold" in bad.message


class DurableThoughItRaised(MemoryStore):
    """As DuckDB when the commit is durable but the checkpoint after it fails."""

    def append(self, changes: Changes) -> None:
        super().append(changes)
        if self.failing_after:
            self.failing_after -= 1
            raise RuntimeError("commit succeeded, checkpoint failed")

    failing_after = 1


def test_a_commit_that_became_durable_though_it_raised_counts_once() -> None:
    store = DurableThoughItRaised()
    with working(store) as intake:
        assert answer(intake.offer(ONE)) == Accepted()
        assert intake.counts.of("spans", "duplicate") == len(store.spans)


def test_a_full_intake_turns_away_and_says_so() -> None:
    class Slow(MemoryStore):
        started, go_on = Event(), Event()

        def append(self, changes: Changes) -> None:
            self.started.set()
            assert self.go_on.wait(PATIENCE)
            super().append(changes)

    store = Slow()
    with working(store, Limits(pending_bytes=len(ONE) + 10)) as intake:
        first = intake.offer(ONE)
        assert store.started.wait(PATIENCE)
        refused = answer(intake.offer(ONE))
        store.go_on.set()

        assert isinstance(refused, Refused)
        assert refused.retryable
        assert answer(first) == Accepted()
        assert intake.counts.of("requests", "full") == 1


def test_stopping_answers_what_waits_and_takes_nothing_more() -> None:
    store = MemoryStore()
    with working(store) as intake:
        futures = [intake.offer(ONE) for _ in range(5)]
        intake.stop()
        late = answer(intake.offer(ONE))

    assert [answer(future) for future in futures] == [Accepted()] * 5
    assert isinstance(late, Refused)
    assert late.retryable


def test_jobs_run_between_commits_and_tell_their_errors() -> None:
    def broken() -> None:
        raise ValueError("mirror")

    with working(MemoryStore()) as intake:
        done = intake.between_commits(lambda: None)
        failed = intake.between_commits(broken)

        assert done.result(PATIENCE) is None
        with pytest.raises(ValueError, match="mirror"):
            failed.result(PATIENCE)
        assert answer(intake.offer(ONE)) == Accepted()
