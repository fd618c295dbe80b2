"""The guard's money: what is reserved, settled, given back, waited for, and told to the manager.

Amounts are nano-USD of agent `a`; tokens are unlimited unless a test says otherwise.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from manager_agent.contract.guard import Grant, LeaseUnit, Report
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.waiter import Waiter
from manager_agent.instrumentation.wallet import Wallet

SECOND = 1_000_000_000
TTL_MS = 10_000


class Owner:
    """A wallet, and what a manager would say to it."""

    def __init__(self, granted: int | None = None, tokens: int | None = None) -> None:
        self.now = 100 * SECOND
        self.woken = 0
        self.wallet = Wallet("a", Epoch("h1"), self.wake)
        self.tell()
        self.grant(granted, 1)
        self.grant(tokens, 2, unit="tokens")

    def wake(self) -> None:
        self.woken += 1

    def clock(self) -> int:
        return self.now

    def tell(self) -> list[Report]:
        self.told = self.wallet.reports(self.now, 0)
        return self.told

    def grant(
        self,
        total: int | None,
        lease: int = 1,
        unit: LeaseUnit = "usd",
        **values: object,
    ) -> None:
        seq = next(report.seq for report in reversed(self.told) if report.unit == unit)
        said: dict[str, object] = {
            "holder": "h1",
            "lease": lease,
            "agent": "a",
            "unit": unit,
            "seq": seq,
            "granted_total": total or 0,
            "ttl_ms": TTL_MS,
            "window_left_ms": 3_600_000,
            "verdict": "ok",
            "unlimited": total is None,
        }
        if total is None:
            said["lease"] = 0
        self.wallet.take(Grant(**{**said, **values}), self.now)  # type: ignore[arg-type]

    def usd(self) -> Report:
        """Report, and return what is told of the present USD lease."""
        return [report for report in self.tell() if report.unit == "usd"][-1]

    def reserve(self, usd: int, tokens: int = 0) -> bool:
        return self.wallet.reserve(usd, tokens, self.now) is not None


@pytest.fixture
def owner() -> Owner:
    return Owner(100)


def test_nothing_is_reserved_before_the_manager_was_heard() -> None:
    wallet = Wallet("a", Epoch("h1"), lambda: None)

    assert wallet.reserve(1, 1, 0) is None


def test_what_is_granted_can_be_reserved_and_no_more(owner: Owner) -> None:
    assert owner.reserve(60)
    assert owner.reserve(40)
    assert not owner.reserve(1)


def test_what_a_call_did_not_cost_can_be_reserved_again(owner: Owner) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    owner.wallet.settle(held, 30, 0, owner.now)

    assert not owner.reserve(71)
    assert owner.reserve(70)


def test_a_call_that_cost_more_is_owed(owner: Owner) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    owner.wallet.settle(held, 130, 0, owner.now)
    owner.wallet.queue(Waiter(10, 0, lambda: None), owner.now)

    told = owner.usd()
    assert (told.settled_total, told.need) == (130, 40)


def test_a_call_that_never_left_costs_nothing(owner: Owner) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    owner.wallet.release(held, owner.now)

    told = owner.usd()
    assert (told.settled_total, told.settled_calls, told.reserved_now) == (0, 0, 0)


def test_both_units_are_held_or_none() -> None:
    owner = Owner(100, tokens=10)

    assert not owner.reserve(100, 11)
    assert owner.reserve(100, 10)


def test_a_lease_is_believed_for_less_than_its_ttl_from_before_it_was_asked_for() -> None:
    owner = Owner(100)
    owner.reserve(50)
    owner.tell()
    owner.now += 5 * SECOND  # the answer took its time
    owner.grant(100)

    owner.now += 3 * SECOND - 1
    assert owner.reserve(1)
    owner.now += 1
    assert not owner.reserve(1)


def test_a_grant_is_believed_no_longer_than_its_window() -> None:
    owner = Owner(100)
    owner.tell()
    owner.grant(100, lease=3, window_left_ms=1000)

    owner.now += SECOND - 1
    assert owner.reserve(1)
    owner.now += 1
    assert not owner.reserve(1)


def test_an_old_grant_changes_nothing(owner: Owner) -> None:
    owner.grant(90)

    assert owner.reserve(100)


def test_a_grant_for_another_holder_changes_nothing(owner: Owner) -> None:
    owner.grant(900, holder="h0")

    assert not owner.reserve(101)


def test_a_grant_for_a_forgotten_lease_changes_nothing() -> None:
    owner = Owner(100)
    owner.grant(50, lease=5)
    owner.tell()
    owner.grant(100, lease=1, seq=owner.wallet._usd._epoch.seq)
    assert [lease.id for lease in owner.wallet.leases()] == [5]

    owner.grant(100, lease=1)

    assert [lease.id for lease in owner.wallet.leases()] == [5]
    assert not owner.reserve(51)


def test_after_its_window_a_lease_gives_back_and_settles_what_is_in_flight(owner: Owner) -> None:
    held = owner.wallet.reserve(60, 0, owner.now)
    assert held is not None
    owner.grant(10, lease=2)
    owner.wallet.settle(held, 50, 0, owner.now)

    old, new = [report for report in owner.tell() if report.unit == "usd"]
    assert (old.lease, old.settled_total, old.returned_total) == (1, 50, 50)
    assert (new.lease, new.settled_total) == (2, 0)


def test_idle_money_is_given_back_when_it_is_called_for(owner: Owner) -> None:
    owner.reserve(30)
    owner.grant(100, recall_to=10)

    assert owner.usd().returned_total == 60
    assert not owner.reserve(11)


def test_money_beyond_the_pace_is_given_back_unasked(owner: Owner) -> None:
    owner.reserve(10)
    owner.now += SECOND
    told = owner.usd()

    assert told.returned_total == 50  # twice what the next four seconds may need is kept
    assert told.want == 0


def test_who_leaves_asks_for_no_look_ahead(owner: Owner) -> None:
    owner.reserve(80)
    owner.now += SECOND
    owner.usd()

    owner.wallet.end()

    assert {one.want for one in owner.wallet.reports(owner.now, 0)} == {0}


def test_a_caller_that_comes_by_seldom_finds_its_money(owner: Owner) -> None:
    owner.reserve(10)
    for _ in range(9):
        owner.now += 60 * SECOND
        owner.usd()
        owner.grant(100)

    assert owner.reserve(10)


def test_more_is_asked_for_in_time(owner: Owner) -> None:
    owner.reserve(20)
    owner.now += SECOND
    owner.usd()
    woken = owner.woken

    owner.reserve(5)
    assert owner.woken == woken
    owner.reserve(66)
    assert owner.woken == woken + 1
    assert owner.usd().want > 0


def test_crumbs_are_given_back_by_one_who_waits(owner: Owner) -> None:
    owner.reserve(95)
    owner.wallet.queue(Waiter(10, 0, lambda: None), owner.now)

    told = owner.usd()
    assert (told.returned_total, told.need) == (5, 10)


def test_nobody_overtakes(owner: Owner) -> None:
    owner.reserve(95)
    owner.wallet.queue(Waiter(10, 0, lambda: None), owner.now)

    assert not owner.reserve(5)


@pytest.mark.parametrize("freed", ["settled", "granted"])
def test_who_waits_first_is_served_first(owner: Owner, freed: str) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    first, second = Waiter(10, 0, lambda: None), Waiter(5, 0, lambda: None)
    for waiter in (first, second):
        assert owner.wallet.queue(waiter, owner.now) is None

    if freed == "settled":
        owner.wallet.settle(held, 88, 0, owner.now)
    else:
        owner.grant(112)

    assert first.answer[1] == 10
    assert second.answer is None


def test_a_call_that_never_left_makes_room_for_all_who_wait(owner: Owner) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    waiters = [Waiter(10, 0, lambda: None), Waiter(5, 0, lambda: None)]
    for waiter in waiters:
        owner.wallet.queue(waiter, owner.now)

    owner.wallet.release(held, owner.now)

    assert [waiter.answer[1] for waiter in waiters] == [10, 5]


def test_exhausted_refuses_whoever_needs_as_much_and_at_once(owner: Owner) -> None:
    owner.reserve(100)
    large, small = Waiter(10, 0, lambda: None), Waiter(4, 0, lambda: None)
    owner.wallet.queue(large, owner.now)
    owner.wallet.queue(small, owner.now)
    owner.usd()
    owner.grant(100, verdict="exhausted", need=5, limit_name="daily")

    assert isinstance(large.answer, Shortage)
    assert (large.answer.verdict, small.answer) == ("exhausted", None)
    later = owner.wallet.queue(Waiter(5, 0, lambda: None), owner.now)
    assert isinstance(later, Shortage)
    assert later.grant is not None
    assert later.grant.limit_name == "daily"


def test_after_a_better_answer_it_is_asked_again(owner: Owner) -> None:
    owner.reserve(100)
    owner.grant(100, verdict="exhausted", need=5)
    owner.usd()
    owner.grant(100)

    assert owner.wallet.queue(Waiter(5, 0, lambda: None), owner.now) is None


def test_an_older_answer_does_not_undo_a_newer_one(owner: Owner) -> None:
    seq = owner.usd().seq
    owner.usd()
    owner.grant(100, verdict="exhausted", need=5)
    owner.grant(100, seq=seq)

    owner.reserve(100)
    assert isinstance(owner.wallet.queue(Waiter(5, 0, lambda: None), owner.now), Shortage)


def test_paused_stops_at_once_and_gives_back(owner: Owner) -> None:
    waiter = Waiter(101, 0, lambda: None)
    owner.wallet.queue(waiter, owner.now)
    owner.usd()
    owner.grant(100, verdict="paused", recall_to=0)

    assert waiter.answer.verdict == "paused"
    assert not owner.reserve(1)
    assert owner.usd().returned_total == 100


def test_an_unlimited_agent_is_never_held_up() -> None:
    owner = Owner()

    assert owner.reserve(10**18)


def test_a_limit_that_is_only_watched_is_settled_all_the_same() -> None:
    owner = Owner()
    owner.grant(0, lease=1, unlimited=True)
    held = owner.wallet.reserve(50, 0, owner.now)
    assert held is not None
    owner.wallet.settle(held, 40, 0, owner.now, estimated=True)

    told = owner.usd()
    assert (told.settled_total, told.estimated_total, told.settled_calls) == (40, 40, 1)


def test_a_fence_leaves_only_what_is_in_flight(owner: Owner) -> None:
    held = owner.wallet.reserve(60, 0, owner.now)
    assert held is not None
    owner.wallet.fence(Epoch("h2"))
    assert not owner.reserve(1)
    owner.wallet.settle(held, 50, 0, owner.now)

    old, new = [report for report in owner.tell() if report.unit == "usd"]
    assert (old.holder, old.settled_total, old.returned_total) == ("h1", 50, 50)
    assert (new.holder, new.lease) == ("h2", 0)


def test_a_child_process_holds_nothing_and_what_was_in_flight_is_the_parents(owner: Owner) -> None:
    held = owner.wallet.reserve(60, 0, owner.now)
    assert held is not None
    owner.wallet._lock.acquire()  # by a thread that does not exist in the child

    owner.wallet.begin(Epoch("h2"))
    owner.wallet.settle(held, 50, 0, owner.now)

    assert not owner.reserve(1)
    told = owner.tell()
    assert {report.holder for report in told} == {"h2"}
    assert not any(report.settled_total or report.returned_total for report in told)


def test_a_lease_is_forgotten_once_the_manager_knows_its_end(owner: Owner) -> None:
    owner.grant(10, lease=2)
    old = next(report for report in owner.tell() if report.lease == 1)
    assert [lease.id for lease in owner.wallet.leases()] == [1, 2]

    owner.grant(100, lease=1, seq=old.seq, window_left_ms=0)

    assert [lease.id for lease in owner.wallet.leases()] == [2]


def test_a_thread_waits_until_money_comes(owner: Owner) -> None:
    held = owner.wallet.reserve(100, 0, owner.now)
    assert held is not None
    queued = threading.Event()
    owner.wallet._wake = queued.set

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(owner.wallet.wait, 10, 0, 30, owner.clock)
        assert queued.wait(30)
        owner.wallet.settle(held, 90, 0, owner.now)

        assert waiting.result(30)[1] == 10  # type: ignore[index]


def test_a_thread_waits_no_longer_than_it_may(owner: Owner) -> None:
    owner.reserve(100)

    got = owner.wallet.wait(10, 0, 0.01, owner.clock)

    assert isinstance(got, Shortage)
    assert got.verdict == "wait"
    assert not owner.wallet._waiting


def test_one_that_gives_up_lets_the_next_go(owner: Owner) -> None:
    owner.reserve(95)
    large, small = Waiter(10, 0, lambda: None), Waiter(5, 0, lambda: None)
    owner.wallet.queue(large, owner.now)
    owner.wallet.queue(small, owner.now)

    owner.wallet.withdraw(large, owner.now)

    assert small.answer[1] == 5


async def waiting(owner: Owner) -> "asyncio.Task[object]":
    task: asyncio.Task[object] = asyncio.ensure_future(
        owner.wallet.wait_async(10, 0, 30, owner.clock)
    )
    while not owner.wallet._waiting:
        await asyncio.sleep(0)
    return task


def run(scenario: Callable[[Owner], object], owner: Owner) -> None:
    asyncio.run(scenario(owner))  # type: ignore[arg-type]


def test_a_coroutine_waits_until_money_comes_from_a_thread(owner: Owner) -> None:
    async def scenario(owner: Owner) -> None:
        held = owner.wallet.reserve(100, 0, owner.now)
        assert held is not None
        task = await waiting(owner)
        await asyncio.to_thread(owner.wallet.settle, held, 90, 0, owner.now)
        answer = await task
        assert isinstance(answer, tuple)
        assert answer[1] == 10

    run(scenario, owner)


def test_a_cancelled_coroutine_gives_back_what_it_was_just_given(owner: Owner) -> None:
    async def scenario(owner: Owner) -> None:
        held = owner.wallet.reserve(100, 0, owner.now)
        assert held is not None
        task = await waiting(owner)
        owner.wallet.settle(held, 90, 0, owner.now)  # it is served, and does not know it yet
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario, owner)
    assert owner.reserve(10)


def test_a_cancelled_coroutine_leaves_the_line(owner: Owner) -> None:
    async def scenario(owner: Owner) -> None:
        owner.reserve(95)
        task = await waiting(owner)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario, owner)
    assert owner.reserve(5)


def test_a_coroutine_waits_no_longer_than_it_may(owner: Owner) -> None:
    async def scenario(owner: Owner) -> None:
        owner.reserve(100)
        got = await owner.wallet.wait_async(10, 0, 0.01, owner.clock)
        assert isinstance(got, Shortage)

    run(scenario, owner)


def test_one_whose_loop_is_gone_is_no_trouble(owner: Owner) -> None:
    async def scenario(owner: Owner) -> None:
        owner.reserve(100)
        (await waiting(owner)).cancel()

    run(scenario, owner)
    owner.grant(200)


def test_many_threads_never_have_more_than_was_granted(owner: Owner) -> None:
    """Each holds 10 of 100; the eleventh waits for one of them."""
    held_now, most, lock = 0, 0, threading.Lock()

    def call(_: int) -> None:
        nonlocal held_now, most
        held = owner.wallet.wait(10, 0, 60, owner.clock)
        assert not isinstance(held, Shortage)
        with lock:
            held_now += 10
            most = max(most, held_now)
        with lock:
            held_now -= 10
        owner.wallet.settle(held, 0, 0, owner.now)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(call, range(400)))

    assert most <= 100
    told = owner.usd()
    assert (told.settled_calls, told.reserved_now, told.in_flight) == (400, 0, 0)


def offline(owner: Owner, **values: int) -> None:
    owner.tell()
    owner.grant(30, 9, "usd", offline=True, **values)


def test_the_allowance_is_used_only_without_a_manager(owner: Owner) -> None:
    owner.reserve(100)
    offline(owner)
    owner.wallet.go_offline(owner.now)  # the lease is still good
    assert not owner.reserve(10)

    owner.now += 9 * SECOND
    owner.wallet.go_offline(owner.now)

    assert owner.reserve(30)
    assert not owner.reserve(1)


def test_when_the_manager_is_back_its_grants_are_used(owner: Owner) -> None:
    owner.reserve(100)
    offline(owner)
    owner.now += 9 * SECOND
    owner.wallet.go_offline(owner.now)
    held = owner.wallet.reserve(20, 0, owner.now)
    assert held is not None
    owner.tell()
    owner.grant(150)
    owner.wallet.settle(held, 20, 0, owner.now)

    assert owner.reserve(50)
    assert not owner.reserve(1)
    told = {report.lease: report for report in owner.tell()}
    assert (told[9].settled_total, told[9].returned_total) == (20, 0)


def test_who_waits_is_served_of_the_allowance(owner: Owner) -> None:
    owner.reserve(100)
    offline(owner)
    waiter = Waiter(25, 0, lambda: None)
    owner.wallet.queue(waiter, owner.now)
    owner.now += 9 * SECOND

    owner.wallet.go_offline(owner.now)

    assert waiter.answer[1] == 25


def test_the_allowance_ends_with_its_window(owner: Owner) -> None:
    owner.reserve(100)
    offline(owner, window_left_ms=20_000)
    owner.now += 20 * SECOND
    owner.wallet.go_offline(owner.now)

    assert not owner.reserve(1)
    assert {report.lease: report.returned_total for report in owner.tell()}[9] == 30


def test_the_allowance_is_given_back_when_it_is_called_for(owner: Owner) -> None:
    offline(owner)
    offline(owner, recall_to=0)

    assert {report.lease: report.returned_total for report in owner.tell()}[9] == 30
