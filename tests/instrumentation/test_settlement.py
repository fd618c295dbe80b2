"""Calls that ended well are settled later, many together: as if each had been settled at once.

Two guards go the same way, one of which settles at once; then errors are planted that this must
find.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from manager_agent.contract.decision import Allow, Wait
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.charge import Charge
from manager_agent.instrumentation.deciding import Deciding
from manager_agent.instrumentation.settlement import MOST, Settlement
from manager_agent.instrumentation.wallet import Wallet
from tests.harness.alone import RESERVED, Alone, answered, broken, call, cost, rates
from tests.harness.office import DEADLINE, until

KNOWN = rates()
Step = tuple[Any, ...]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin")),
        st.tuples(st.just("begin")),
        st.tuples(st.just("end"), st.integers(0, 5), st.integers(0, 100)),
        st.tuples(st.just("end"), st.integers(0, 5), st.integers(0, 100)),
        st.tuples(st.just("end slowly"), st.integers(0, 5), st.integers(0, 100)),
        st.tuples(st.just("fail"), st.integers(0, 5)),
        st.tuples(st.just("fail inside"), st.integers(0, 5)),
        st.tuples(st.just("tell")),
        st.tuples(st.just("drain")),
        st.tuples(st.just("grant"), st.integers(1, 2)),
    ),
    min_size=12,
    max_size=30,
)
USED_UP: list[Step] = [("begin",)] * 4 + [("end", 0, 10)] * 4 + [("begin",)]
"""Nothing is left but what calls that have ended did not use."""
IN_A_ROW: list[Step] = [("fail", 0), ("end", 0, 9), ("fail", 0), ("tell",)]
SEARCH = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Pair:
    """A guard that settles later and one that settles at once, which are told the same."""

    def __init__(self) -> None:
        self.late, self.prompt = Alone(KNOWN), Alone(KNOWN, prompt=True)
        self.both = (self.late, self.prompt)
        self.calls: list[tuple[Ask, Ask]] = []
        self.ended: list[tuple[Ended, Ended]] = []
        self.true_cost = cost(100)
        """Of all that have ended."""

    def take(self, step: Step) -> None:
        for one in self.both:
            one.now += 10**8
        kind, *more = step
        if kind == "begin":
            self.begin()
        elif kind == "tell":
            assert self.late.reports() == self.prompt.reports()
        elif kind == "drain":
            self.late.guard.drain()
        elif kind == "grant":
            for one in self.both:
                one.word.settle()
                one.grant(more[0])
        elif self.calls:
            self.end(kind, self.calls.pop(more[0] % len(self.calls)), *more[1:])
        self.check()

    def begin(self) -> None:
        asks = call(), call()
        decisions = [one.guard.decide(ask) for one, ask in zip(self.both, asks, strict=True)]
        assert type(decisions[0]) is type(decisions[1]), f"it was not as if settled: {decisions}"
        if isinstance(decisions[0], Allow):
            self.calls.append(asks)

    def end(self, kind: str, asks: tuple[Ask, Ask], written: int = 0) -> None:
        how: Callable[[Ask], Ended] = {
            "end": lambda ask: answered(ask, written),
            "end slowly": lambda ask: answered(ask, written, seconds=2),
            "fail": broken,
            "fail inside": lambda ask: answered(ask, 100, error={"type": "server_error"}),
        }[kind]
        ended = how(asks[0]), how(asks[1])
        self.true_cost += cost(written) if kind in ("end", "end slowly") else RESERVED
        for one, each in zip(self.both, ended, strict=True):
            receipt = one.guard.settle(each)
            if receipt is not None:
                each.receipt = receipt
        self.ended.append(ended)

    def check(self) -> None:
        """What is held never leaves too little for what was spent and what may be."""
        lease = self.late.lease()
        in_flight = len(self.calls) * RESERVED
        assert lease.settled + lease.reserved + lease.available == lease.granted - lease.returned
        assert lease.available >= 0
        assert lease.settled + lease.reserved >= self.true_cost + in_flight
        assert self.true_cost + in_flight <= lease.granted

    def compare(self) -> None:
        """Once all is settled nothing tells that it was late."""
        first, second = (one.reports() for one in self.both)
        assert first == second
        assert self.late.counts() == self.prompt.counts()
        assert self.late.guard.longest_ms == self.prompt.guard.longest_ms
        assert [a.receipt for a, _ in self.ended] == [b.receipt for _, b in self.ended]
        assert all(a.receipt is not None for a, _ in self.ended)
        assert self.late.lease().settled == self.true_cost
        assert self.late.lease().reserved == len(self.calls) * RESERVED


def go(steps: list[Step]) -> None:
    pair = Pair()
    for step in steps:
        pair.take(step)
    pair.compare()


@settings(SEARCH, max_examples=50)
@given(STEPS)
@example(USED_UP)
@example(IN_A_ROW)
def test_nothing_tells_that_it_was_settled_later(steps: list[Step]) -> None:
    go(steps)


def test_it_is_settled_later(monkeypatch: pytest.MonkeyPatch) -> None:
    here, ended = Alone(KNOWN), answered(call(), 10)
    here.guard.decide(ended.ask)
    settled = _settled(monkeypatch)

    assert here.guard.settle(ended) is None
    assert settled == []
    receipt = ended.receipt
    assert receipt is not None
    assert (receipt.reserved_nano, receipt.settled_nano) == (RESERVED, cost(10))
    assert len(settled) == 1


def test_the_line_does_not_grow_without_end() -> None:
    here = Alone(KNOWN, calls=5 * MOST)
    wanted: list[str] = []
    here.word.hungers = wanted.append

    for _ in range(4 * MOST):
        ended = answered(call(), 10)
        here.guard.decide(ended.ask)
        here.guard.settle(ended)

    assert 0 < len(here.guard._settlement._line) <= MOST
    assert "" in wanted, "the speaker is asked to settle them before their callers have to"
    assert here.guard.in_flight() == 0
    assert here.lease().settled == cost(100) + 4 * MOST * cost(10)


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param(broken(call()), id="a failure"),
        pytest.param(answered(call(), 100, error="overloaded"), id="an error in a 200"),
        pytest.param(answered(call(), 1, padding="x" * (1 << 18)), id="one that holds much memory"),
    ],
)
def test_what_must_be_known_at_once_is_settled_at_once(ended: Ended) -> None:
    here = Alone(KNOWN)
    here.guard.decide(ended.ask)

    assert here.guard.settle(ended) is not None


def test_a_word_that_only_looks_like_an_error_keeps_nothing_up() -> None:
    here, ended = Alone(KNOWN), answered(call(), 1, error=None, said='an "error": {}')
    here.guard.decide(ended.ask)

    assert here.guard.settle(ended) is None


def test_who_waits_for_money_has_it_as_soon_as_a_call_ends() -> None:
    here = Alone(KNOWN, calls=1)
    first, second = call(), call()
    here.guard.decide(first)
    waits = here.guard.decide(second)
    assert isinstance(waits, Wait)

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(here.guard.wait, second, waits)
        until(lambda: here.wallet.waited_for)
        assert here.guard.settle(answered(first, 0)) is not None
        here.grant(1)

        assert waiting.result(DEADLINE).reason == "within_budget"


def test_one_who_is_not_seen_to_wait_by_a_call_that_ends_finds_it_in_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call ends between the look at who waits and the lining up of somebody."""
    here = Alone(KNOWN, calls=3)
    ended = [answered(call(), 0), answered(call(), 0)]
    for each in ended:
        here.guard.decide(each.ask)
    real = Wallet.queue

    def queue(self: Wallet, *how: Any) -> Any:
        answer = real(self, *how)
        here.guard._settlement._line += [
            (each, here.guard._held.pop(each.ask.call_id)) for each in ended
        ]
        return answer

    monkeypatch.setattr(Wallet, "queue", queue)

    assert isinstance(here.wallet.wait(2 * RESERVED, 400, DEADLINE, lambda: here.now), tuple)
    assert here.lease().in_flight == 1


def test_threads_that_drain_at_once_settle_each_call_once() -> None:
    drain_at_once()


def drain_at_once() -> None:
    """Let two threads settle the same line while a third one adds to it."""
    with pytest.MonkeyPatch.context() as patch:
        here = Alone(KNOWN, calls=8)
        ended = [answered(call(), 10) for _ in range(6)]
        for each in ended:
            here.guard.decide(each.ask)
        for each in ended[:4]:
            here.guard.settle(each)
        both = threading.Barrier(2)
        _meeting(patch, both)
        with ThreadPoolExecutor() as pool:
            drains = [pool.submit(here.guard.drain) for _ in range(2)]
            for each in ended[4:]:
                here.guard.settle(each)
            for drain in drains:
                drain.result(DEADLINE)

        here.guard.drain()
        assert here.lease().settled == cost(100) + 6 * cost(10)
        assert here.lease().in_flight == 0
        assert [each.receipt.settled_nano for each in ended if each.receipt] == [cost(10)] * 6


def _meeting(patch: pytest.MonkeyPatch, both: threading.Barrier) -> None:
    """Let the first two who price a call at the same time go on together; alone one goes on."""
    real = Bounds.spent

    def spent(self: Bounds, *how: Any) -> Any:
        with suppress(threading.BrokenBarrierError):  # nobody else settles now, or they have met
            both.wait(0.3)
        return real(self, *how)

    patch.setattr(Bounds, "spent", spent)


def test_a_child_of_a_fork_in_the_midst_of_it_settles_nothing_of_its_parents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Alone(KNOWN, calls=4)
    ended = [answered(call(), 10) for _ in range(3)]
    for each in ended:
        here.guard.decide(each.ask)
    for each in ended:
        here.guard.settle(each)
    inside, forked = threading.Event(), threading.Event()
    real = Bounds.spent

    def spent(self: Bounds, *how: Any) -> Any:
        inside.set()
        assert forked.wait(DEADLINE)
        return real(self, *how)

    monkeypatch.setattr(Bounds, "spent", spent)
    with ThreadPoolExecutor() as pool:
        drain = pool.submit(here.guard.drain)
        assert inside.wait(DEADLINE)
        child = os.fork()
        if child == 0:
            here.guard.after_fork()
            here.guard.drain()  # the lock that the parent's thread holds is not its own
            here.guard.in_flight()
            os._exit(0 if not here.guard._settlement._line else 1)
        forked.set()
        drain.result(DEADLINE)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert here.lease().settled == cost(100) + 3 * cost(10)


def test_what_is_in_line_is_settled_when_the_process_ends_and_the_rest_at_once() -> None:
    here = Alone(KNOWN)
    first, last = answered(call(), 10), answered(call(), 20)
    for each in (first, last):
        here.guard.decide(each.ask)
    here.guard.settle(first)

    here.guard.leave()

    assert here.lease().settled == cost(100) + cost(10)
    assert here.guard.settle(last) is not None


def test_one_that_cannot_be_settled_does_not_keep_the_others_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Alone(KNOWN)
    ended = [answered(call(), 10) for _ in range(3)]
    for each in ended:
        here.guard.decide(each.ask)
        here.guard.settle(each)
    real = Bounds.spent

    def spent(self: Bounds, one: Ended, *how: Any) -> Any:
        if one is ended[1]:
            raise ValueError("strange")
        return real(self, one, *how)

    monkeypatch.setattr(Bounds, "spent", spent)

    assert [each.receipt is None for each in ended] == [False, True, False]


def _settled(patch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    real = Wallet.settle_all

    def settle_all(self: Wallet, charges: list[Charge], now_ns: int) -> None:
        found.extend(usd for _, usd, _, _, _ in charges)
        real(self, charges, now_ns)

    patch.setattr(Wallet, "settle_all", settle_all)
    return found


# Errors planted, each of which the tests above must find.


def nobody_drains_when_money_is_short(patch: pytest.MonkeyPatch) -> None:
    """A call is stopped although what others did not use would do."""
    patch.setattr(Deciding, "drain", lambda self: None)


def a_failure_overtakes(patch: pytest.MonkeyPatch) -> None:
    """A failure is counted before a success that was earlier: as one more in a row."""
    real = Settlement.settle

    def settle(self: Settlement, ended: Ended, held: Any) -> Any:
        waits = held is not None and self._can_wait(ended, held)
        return real(self, ended, held) if waits else self._settled(ended, held)

    patch.setattr(Settlement, "settle", settle)


def given_back_when_it_is_lined_up(patch: pytest.MonkeyPatch) -> None:
    """What was reserved is free before it is known what of it was spent."""
    real = Settlement.settle

    def settle(self: Settlement, ended: Ended, held: Any) -> Any:
        waits = held is not None and self._can_wait(ended, held)
        found = real(self, ended, held)
        if waits:
            held[1][0].available += held[1][1]
        return found

    patch.setattr(Settlement, "settle", settle)


def receipts_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A span does not say that it was charged, and is charged a second time."""
    patch.setattr(Ended, "receipt", property(lambda self: self._receipt, lambda self, found: None))


def told_before_it_is_settled(patch: pytest.MonkeyPatch) -> None:
    """The manager hears of calls that have ended as if they were in flight."""
    patch.setattr(Alone, "reports", lambda self: self.wallet.reports(self.now, 0))


@pytest.mark.parametrize(
    "plant",
    [
        nobody_drains_when_money_is_short,
        a_failure_overtakes,
        given_back_when_it_is_lined_up,
        receipts_are_forgotten,
        told_before_it_is_settled,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_error_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    search = settings(SEARCH, max_examples=300, phases=[Phase.generate], database=None)

    with pytest.raises(AssertionError):
        search(given(STEPS)(go))()


def test_two_threads_that_settle_the_same_call_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(self: Settlement, most: int) -> bool:
        if not self._line:
            return False
        ended, held = self._line[0]
        ended.receipt = self._charged(ended, held)
        if self._line:
            self._line.popleft()
        return True

    def drain(self: Settlement) -> None:
        while self._some(1):
            pass

    monkeypatch.setattr(Settlement, "_some", some)
    monkeypatch.setattr(Settlement, "drain", drain)

    with pytest.raises(AssertionError):
        drain_at_once()
