"""Everything that can happen between the real ledger and real wallets, in any order.

Small on purpose: a limit of 4 tokens an hour, calls of 1 or 2, coarse steps of time. With large
amounts planted errors stay unfound. `mutants.py` plants errors that this machine must find.
"""

import operator
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from manager_agent.contract.control import Fence, Grant, Hello, Report
from manager_agent.control.authority import Authority
from manager_agent.control.commands import Charge, SetLimit, Tick, To
from manager_agent.control.rows import Lease
from manager_agent.instrumentation.waiter import Waiter
from manager_agent.instrumentation.wallet import Epoch, Reservation, Shortage, Wallet
from tests.control.desk import NOON, SECOND, policy, tokens
from tests.control.memory_keeper import MemoryKeeper

LIMIT = 4
HOUR = 3600 * SECOND
MOST = 3


@dataclass
class Call:
    """One call on its way: what it holds, and in whose hour it was reserved."""

    held: Reservation
    amount: int
    hour: int


@dataclass
class Process:
    """An agent's process; a dead one leaves its journal, and calls that are billed all the same."""

    wallet: Wallet
    epoch: Epoch
    calls: list[Call] = field(default_factory=list)
    waiters: list[tuple[Waiter, int]] = field(default_factory=list)


places = st.integers(0, 9)
amounts = st.integers(1, 2)


class Machine(RuleBasedStateMachine):
    """Holders, a manager, a network that loses, repeats and reorders, and a provider that bills."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.keeper = MemoryKeeper()
        self.policy = policy(a=tokens(hour=LIMIT))
        self.authority = Authority(self.keeper, self.policy, self.now)
        self.processes: list[Process] = []
        self.dead: list[Process] = []
        self.names = 0
        self.up: list[Report] = []
        self.down: list[To] = []
        self.billed: dict[int, int] = defaultdict(int)
        self.billed_of: dict[int, int] = defaultdict(int)
        self.most: dict[int, int] = defaultdict(int)
        self.limit = LIMIT
        self.charges = 0
        self.totals: dict[int, tuple[int, int, int]] = {}
        self.calm = False
        self.start()

    @initialize(calm=st.booleans())
    def choose(self, calm: bool) -> None:
        """In calm weather nothing but calls, deaths and time: so more of them fit into one run."""
        self.calm = calm

    # What processes do.

    @precondition(lambda self: len(self.processes) < MOST)
    @rule()
    def start(self) -> None:
        epoch = self._epoch()
        self.processes.append(Process(Wallet("a", epoch, lambda: None), epoch))
        self._tell(Hello(epoch.holder, boot_id="boot"))

    @precondition(lambda self: self.processes)
    @rule(place=places, amount=amounts)
    def reserve(self, place: int, amount: int) -> None:
        process = self._process(place)
        held = process.wallet.reserve(0, amount, self.now * 1000)
        if held is not None:
            self._left(process, held, amount)

    @precondition(lambda self: self.processes)
    @rule(place=places, amount=amounts)
    def wait(self, place: int, amount: int) -> None:
        process = self._process(place)
        waiter = Waiter(0, amount, lambda: None)
        answer = process.wallet.queue(waiter, self.now * 1000)
        if answer is None:
            process.waiters.append((waiter, amount))
        elif not isinstance(answer, Shortage):
            self._left(process, answer, amount)

    @precondition(lambda self: any(process.waiters for process in self.processes))
    @rule(place=places)
    def give_up_waiting(self, place: int) -> None:
        process = self._one([one for one in self.processes if one.waiters], place)
        waiter, _ = process.waiters.pop(0)
        process.wallet.withdraw(waiter, self.now * 1000, wanted=False)
        self._served()

    @precondition(lambda self: any(process.calls for process in self.processes))
    @rule(place=places, cost=st.integers(0, 2))
    def settle(self, place: int, cost: int) -> None:
        process = self._one([one for one in self.processes if one.calls], place)
        call = process.calls.pop(place % len(process.calls))
        cost = min(cost, call.amount)
        self._bill(call, cost)
        process.wallet.settle(call.held, 0, cost, self.now * 1000)
        self._served()

    @precondition(lambda self: self.processes)
    @rule(place=places)
    def crash(self, place: int) -> None:
        self.dead.append(self.processes.pop(place % len(self.processes)))

    @precondition(lambda self: any(process.calls for process in self.dead))
    @rule(place=places)
    def bill_the_dead(self, place: int) -> None:
        call = self._one([one for one in self.dead if one.calls], place).calls.pop()
        self._bill(call, call.amount)

    @precondition(lambda self: self.dead and len(self.processes) < MOST)
    @rule()
    def recover(self) -> None:
        """A new process of the host finds the journals of the dead ones."""
        journals = [
            Report(
                holder=lease.holder,
                lease=lease.id,
                agent="a",
                unit="tokens",
                settled_total=lease.settled,
                reserved_now=lease.reserved,
                returned_total=lease.returned,
            )
            for process in self.dead
            for lease in process.wallet.leases()
        ]
        self.start()
        epoch = self.processes[-1].epoch
        self._tell(Hello(epoch.holder, boot_id="boot", recovered=tuple(journals)))

    # What the network does.

    @precondition(lambda self: self.processes)
    @rule(place=places)
    def report(self, place: int) -> None:
        self.up += self._process(place).wallet.reports(self.now * 1000, 0)

    @precondition(lambda self: self.up)
    @rule(place=places, again=st.booleans())
    def arrive(self, place: int, again: bool) -> None:
        place %= len(self.up)
        report = self.up[place] if again else self.up.pop(place)
        self._tell(report)

    @precondition(lambda self: self.down)
    @rule(place=places, again=st.booleans())
    def answer(self, place: int, again: bool) -> None:
        place %= len(self.down)
        self._take(self.down[place] if again else self.down.pop(place))

    @precondition(lambda self: not self.calm and (self.up or self.down))
    @rule()
    def lose_all(self) -> None:
        self.up.clear()
        self.down.clear()

    @precondition(lambda self: self.processes)
    @rule(place=places)
    def exchange(self, place: int) -> None:
        """A report that arrives, and answers that arrive, too: what mostly happens."""
        reports = self._process(place).wallet.reports(self.now * 1000, 0)
        for report in reports:
            before = len(self.down)
            self._tell(report)
            for said in self.down[before:]:
                self._take(said)

    @precondition(lambda self: self.processes)
    @rule(place=places, amount=amounts, cost=st.integers(0, 2))
    def whole_call(self, place: int, amount: int, cost: int) -> None:
        """Ask, be granted, call, settle and tell."""
        self.wait(place, amount)
        self.exchange(place)
        if self._process(place).calls:
            self.settle(self.processes.index(self._process(place)), cost)
            self.exchange(place)

    # What the manager does.

    @rule(seconds=st.sampled_from([6, 11, 30]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self._tell(Tick())

    @rule()
    def next_hour(self) -> None:
        self.now = (self.now // HOUR + 1) * HOUR
        self._tell(Tick())

    @rule()
    def restart(self) -> None:
        self.authority = Authority(self.keeper, self.policy, self.now)

    @precondition(lambda self: self.up)
    @rule()
    def cannot_store(self) -> None:
        """The disk is full while a report is worked on: nothing of it happened."""
        self.keeper.fail = True
        try:
            said = self.authority.decide([self.up[0]], self.now)
        except OSError:
            return
        self.keeper.fail = False  # there was nothing to store
        self.down += said

    @precondition(lambda self: not self.calm)
    @rule(limit=st.integers(2, 5))
    def set_limit(self, limit: int) -> None:
        self._tell(SetLimit("agent", "a", "hour", "tokens", limit))
        self.limit = limit

    @precondition(lambda self: not self.calm)
    @rule(amount=amounts)
    def spend_without_guard(self, amount: int) -> None:
        self.charges += 1
        self._tell(Charge(f"c{self.charges}", "a", "tokens", self.now, amount))

    # What must hold.

    @invariant()
    def never_more_is_billed_than_the_limit(self) -> None:
        self.most[self.now // HOUR] = max(self.most[self.now // HOUR], self.limit)
        for hour, billed in self.billed.items():
            assert billed <= self.most[hour], "more was billed than the limit"

    @invariant()
    def m1_the_manager_adds_up(self) -> None:
        book = self.authority.book
        for account in self.keeper_accounts():
            bound = account.bound
            assert bound is not None
            assert account.total <= bound + account.excess
            leases = [one for one in book.leases.values() if account.key in one.accounts]
            assert account.outstanding == sum(one.left for one in leases if not one.closed)
            assert account.doubt == sum(one.left for one in leases if one.closed)

    @invariant()
    def m2_every_wallet_adds_up(self) -> None:
        for process in [*self.processes, *self.dead]:
            for lease in process.wallet.leases():
                have = lease.granted - lease.returned
                assert lease.settled + lease.reserved + lease.available == have
                assert lease.available >= 0
                assert lease.reserved >= 0

    @invariant()
    def totals_only_grow(self) -> None:
        for row in self.keeper.rows.values():
            if isinstance(row, Lease):
                now = (row.granted, row.returned, row.settled)
                before = self.totals.get(row.id, now)
                assert all(map(operator.ge, now, before)), "a total shrank"
                self.totals[row.id] = now

    @invariant()
    def what_is_spent_and_may_be_spent_is_deducted(self) -> None:
        """What makes the law hold at the next step, too: no lease is worth more than was booked."""
        worth = self.billed_of.copy()
        for process in self.processes:
            for lease in process.wallet.leases():
                worth[lease.id] += lease.reserved + lease.available
        for process in self.dead:
            for call in process.calls:
                worth[_lease_of(call)] += call.amount
        for row in self.keeper.rows.values():
            if isinstance(row, Lease):
                assert worth.pop(row.id, 0) <= row.granted - row.returned, "worth more than booked"
        assert not any(worth.values())

    # How it is done.

    def keeper_accounts(self) -> list[Any]:
        return [one for one in self.authority.book.accounts.values() if one.end_us > self.now]

    def _epoch(self) -> Epoch:
        self.names += 1
        return Epoch(f"h{self.names}")

    def _process(self, place: int) -> Process:
        return self._one(self.processes, place)

    def _one(self, of: list[Process], place: int) -> Process:
        return of[place % len(of)]

    def _tell(self, command: Any) -> None:
        self.down += self.authority.decide([command], self.now)

    def _take(self, said: To) -> None:
        for process in self.processes:
            if isinstance(said.message, Grant):
                process.wallet.take(said.message, self.now * 1000)
            elif isinstance(said.message, Fence) and said.holder == process.epoch.holder:
                process.epoch = self._epoch()
                process.wallet.fence(process.epoch)
                self._tell(Hello(process.epoch.holder, boot_id="boot"))
        self._served()

    def _served(self) -> None:
        """Let callers go that were given money or refused."""
        for process in self.processes:
            for waiter, amount in [one for one in process.waiters if one[0].answer is not None]:
                process.waiters = [one for one in process.waiters if one[0] is not waiter]
                if not isinstance(waiter.answer, Shortage):
                    self._left(process, waiter.answer, amount)

    def _bill(self, call: Call, cost: int) -> None:
        self.billed[call.hour] += cost
        self.billed_of[_lease_of(call)] += cost

    def _left(self, process: Process, held: Reservation, amount: int) -> None:
        call = Call(held, amount, self.now // HOUR)
        for row in self.keeper.rows.values():
            if isinstance(row, Lease) and row.id == _lease_of(call):
                [key] = row.accounts
                assert key.start_us // HOUR == call.hour, "reserved in another window"
        process.calls.append(call)


def _lease_of(call: Call) -> int:
    lease = call.held[2]
    assert lease is not None
    return lease.id
