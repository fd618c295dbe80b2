"""Everything that can happen between the real ledger and real wallets, in any order.

Small on purpose: a limit of 4 tokens an hour, calls of 1 or 2, coarse steps of time. With large
amounts planted errors stay unfound. `mutants.py` plants errors that this machine must find.
"""

import operator
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from manager_agent.contract.guard import Fence, Grant, Hello, Report
from manager_agent.control import opening
from manager_agent.control.authority import Authority
from manager_agent.control.commands import Charge, Configure, SetLimit, Tick, To
from manager_agent.control.rows import Lease
from manager_agent.instrumentation.charge import Reservation
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.waiter import Waiter
from manager_agent.instrumentation.wallet import Wallet
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


MISHAPS = (
    "crash",
    "recover",
    "bill_the_dead",
    "lose_all",
    "freeze",
    "go_offline",
    "pass_time",
    "next_hour",
    "restart",
    "cannot_store",
    "set_limit",
    "spend_without_guard",
)
places = st.integers(0, 9)
amounts = st.integers(1, 2)


class Machine(RuleBasedStateMachine):
    """Holders, a manager, a network that loses, repeats and reorders, and a provider that bills."""

    def __init__(self) -> None:
        super().__init__()
        self.allowance = opening._ALLOWANCE_PERCENT
        opening._ALLOWANCE_PERCENT = 50  # of a limit of 4 two, and one for the first
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
        self.policy = replace(self.policy, unreachable="closed" if calm else "static")
        self._tell(Configure(self.policy))

    def teardown(self) -> None:
        opening._ALLOWANCE_PERCENT = self.allowance

    # What processes do.

    @precondition(lambda self: len(self.processes) < MOST)
    @rule()
    def start(self) -> None:
        epoch = self._epoch()
        self.processes.append(Process(Wallet("a", epoch, lambda: None), epoch))
        self._tell(Hello(epoch.holder, boot_id="boot"))

    @precondition(lambda self: self.processes)
    @rule(place=places, amount=amounts)
    def call(self, place: int, amount: int) -> None:
        """Reserve, or line up."""
        process = self._process(place)
        held = process.wallet.reserve(0, amount, self.now * 1000)
        if held is not None:
            self._left(process, held, amount)
            return
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
        self._settle(process, process.calls.pop(place % len(process.calls)), cost)

    # What the network does.

    @precondition(lambda self: self.processes)
    @rule(place=places, what=st.sampled_from(["report", "arrive", "answer"]), again=st.booleans())
    def message(self, place: int, what: str, again: bool) -> None:
        """One message leaves or arrives; `again`: it will arrive once more."""
        if what == "report":
            self.up += self._process(place).wallet.reports(self.now * 1000, 0)
        elif what == "arrive" and self.up:
            at = place % len(self.up)
            self._tell(self.up[at] if again else self.up.pop(at))
        elif what == "answer" and self.down:
            at = place % len(self.down)
            self._take(self.down[at] if again else self.down.pop(at))

    @precondition(lambda self: self.processes)
    @rule(place=places)
    def exchange(self, place: int) -> None:
        """A report that arrives, and answers that arrive, too: what mostly happens."""
        before = len(self.down)
        for report in self._process(place).wallet.reports(self.now * 1000, 0):
            self._tell(report)
        for said in self.down[before:]:
            self._take(said)

    @precondition(lambda self: self.processes)
    @rule(place=places, amount=amounts, cost=st.integers(0, 2))
    def whole_call(self, place: int, amount: int, cost: int) -> None:
        """Ask, be granted, call; settle and tell, or go on."""
        self.call(place, amount)
        self.exchange(place)
        process = self._process(place)
        if cost and process.calls:
            self._settle(process, process.calls.pop(), cost)
            self.exchange(place)

    # What happens to all of them. One rule, so that most steps are calls.

    @rule(kind=st.sampled_from(MISHAPS), place=places, amount=amounts)
    def mishap(self, kind: str, place: int, amount: int) -> None:
        getattr(self, f"_{kind}")(place, amount)

    def _crash(self, place: int, amount: int) -> None:
        if self.processes:
            self.dead.append(self.processes.pop(place % len(self.processes)))

    def _recover(self, place: int, amount: int) -> None:
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
        if journals and len(self.processes) < MOST:
            self.start()
            epoch = self.processes[-1].epoch
            self._tell(Hello(epoch.holder, boot_id="boot", recovered=tuple(journals)))

    def _bill_the_dead(self, place: int, amount: int) -> None:
        for call in [call for process in self.dead for call in process.calls]:
            self._bill(call, call.amount)
        for process in self.dead:
            process.calls.clear()

    def _lose_all(self, place: int, amount: int) -> None:
        self.up.clear()
        self.down.clear()

    def _freeze(self, place: int, amount: int) -> None:
        """One is not heard of while the others go on."""
        self.now += 11 * SECOND
        for process in self.processes:
            if not self.processes or process is not self._process(place):
                self._tell(Hello(process.epoch.holder, boot_id="boot"))
        self._tell(Tick())

    def _pass_time(self, place: int, amount: int) -> None:
        self.now += 6 * SECOND
        self._tell(Tick())

    def _next_hour(self, place: int, amount: int) -> None:
        self.now = (self.now // HOUR + 1) * HOUR
        for process in self.processes:
            self._tell(Hello(process.epoch.holder, boot_id="boot"))
        self._tell(Tick())

    def _go_offline(self, place: int, amount: int) -> None:
        if self.processes:
            self._process(place).wallet.go_offline(self.now * 1000, 0, amount)
            self._served()

    def _restart(self, place: int, amount: int) -> None:
        self.authority = Authority(self.keeper, self.policy, self.now)

    def _cannot_store(self, place: int, amount: int) -> None:
        """The disk is full while reports are worked on: nothing of it happened."""
        if not self.processes:
            return
        self.call(place, amount)
        for report in self._process(place).wallet.reports(self.now * 1000, 0):
            self.keeper.fail = True
            try:
                said = self.authority.decide([report], self.now)
            except OSError:
                continue
            self.keeper.fail = False  # there was nothing to store
            self.down += said
            for one in said:
                self._take(one)

    def _set_limit(self, place: int, amount: int) -> None:
        if not self.calm:
            self.limit = LIMIT + amount - 2
            self._tell(SetLimit("agent", "a", "hour", "tokens", self.limit))

    def _spend_without_guard(self, place: int, amount: int) -> None:
        if not self.calm:
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

    def _settle(self, process: Process, call: Call, cost: int) -> None:
        cost = min(cost, call.amount)
        self._bill(call, cost)
        process.wallet.settle(call.held, 0, cost, self.now * 1000)
        self._served()

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
