"""A fleet in simulated time: real wallets, a real ledger, slow messages, a provider that bills.

Each caller of each process makes call after call and ignores refusals, as a runaway agent does.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from random import Random

from manager_agent.contract.guard import Fence, Grant, Hello, Report
from manager_agent.contract.money import usd
from manager_agent.contract.wire_format import decode, encode
from manager_agent.control.authority import Authority
from manager_agent.control.commands import Command, Tick, To
from manager_agent.control.keeper import Keeper
from manager_agent.instrumentation.charge import Reservation
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.waiter import Waiter
from manager_agent.instrumentation.wallet import Wallet
from tests.control.desk import NOON, policy, tokens
from tests.control.memory_keeper import MemoryKeeper

MS = 1_000
DELAY, COALESCE, CALL, HEARTBEAT, MAX_WAIT = 1 * MS, 2 * MS, 100 * MS, 3_000 * MS, 5_000 * MS


@dataclass(frozen=True)
class Plan:
    """`cost` is what a call is billed, `reserve` what it is held for; `attempts` of each caller.

    `both`: the same limit holds in nano-USD, too.
    """

    processes: int
    callers: int
    attempts: int
    limit: int
    cost: int
    reserve: int
    both: bool = False


@dataclass
class Bill:
    """What came of it."""

    billed: int = 0
    calls: int = 0
    waited: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    ended_us: int = 0


class Process:
    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.fleet = fleet
        self.epoch = Epoch(f"h{number}")
        self.wallet = Wallet("a", self.epoch, self.wake)
        self.asked = False
        self.alive = True
        self.frozen = False

    def wake(self) -> None:
        """Ask for a report soon; what comes together is told together."""
        if not self.asked:
            self.asked = True
            self.fleet.later(COALESCE, self.speak)

    def speak(self) -> None:
        self.asked = False
        if not self.alive or self.frozen:
            return
        for report in self.wallet.reports(self.fleet.now * 1000, 0):
            self.fleet.send(report)

    def beat(self) -> None:
        if self.alive:
            self.speak()
            self.fleet.later(HEARTBEAT, self.beat)

    def hear(self, said: To) -> None:
        if self.frozen:
            self.fleet.later(100 * MS, lambda: self.hear(said))
        elif isinstance(said.message, Grant):
            self.wallet.take(decode(Grant, encode(said.message)), self.fleet.now * 1000)
        elif isinstance(said.message, Fence) and said.holder == self.epoch.holder:
            self.epoch = Epoch(self.epoch.holder + "'")
            self.fleet.processes[self.epoch.holder] = self
            self.fleet.send(Hello(self.epoch.holder, boot_id="boot"))
            self.wallet.fence(self.epoch)

    def attempt(self, left: int) -> None:
        """Make one call, or be refused, and go on."""
        if not self.alive:
            return
        if self.frozen:
            self.fleet.later(100 * MS, lambda: self.attempt(left))
            return
        reserve, now_ns = self.fleet.plan.reserve, self.fleet.now * 1000
        nano = reserve if self.fleet.plan.both else 0
        held = self.wallet.reserve(nano, reserve, now_ns)
        if held is not None:
            self.go(held, left)
            return
        waiter = Waiter(nano, reserve, lambda: None)

        def answered() -> None:
            answer = waiter.answer
            if answer is not None and not done:
                done.append(True)
                self.answered(answer, left)

        done: list[bool] = []
        waiter._wake = lambda: self.fleet.later(0, answered)
        answer = self.wallet.queue(waiter, now_ns)
        if answer is not None:
            self.answered(answer, left)
            return
        self.fleet.bill.waited += 1

        def enough() -> None:
            if not done and self.alive:
                done.append(True)
                self.answered(self.wallet.withdraw(waiter, self.fleet.now * 1000), left)

        self.fleet.later(MAX_WAIT, enough)

    def answered(self, answer: Reservation | Shortage, left: int) -> None:
        if isinstance(answer, Shortage):
            refused = self.fleet.bill.refused
            refused[answer.verdict] = refused.get(answer.verdict, 0) + 1
            self.again(left)
        else:
            self.go(answer, left)

    def go(self, held: Reservation, left: int) -> None:
        bill, plan = self.fleet.bill, self.fleet.plan
        bill.billed += plan.cost  # on the provider's side, whatever becomes of us
        bill.calls += 1

        def ended() -> None:
            if self.alive:
                nano = plan.cost if plan.both else 0
                self.wallet.settle(held, nano, plan.cost, self.fleet.now * 1000)
                self.again(left)

        self.fleet.later(CALL + self.fleet.random.randrange(20 * MS), ended)

    def again(self, left: int) -> None:
        self.fleet.bill.ended_us = self.fleet.now
        if left > 1:
            self.fleet.later(1 * MS, lambda: self.attempt(left - 1))


class Fleet:
    """Runs a plan to its end; `at` lets a test do something to it in between."""

    def __init__(self, plan: Plan, keeper: Keeper | None = None) -> None:
        self.plan = plan
        self.now = NOON
        self.random = Random(7)
        self.bill = Bill()
        self.keeper = keeper or MemoryKeeper()
        limits = tokens(hour=plan.limit)
        if plan.both:
            limits = replace(limits, hourly_limit_usd=usd(plan.limit))
        self.policy = policy(a=limits)
        self.authority = Authority(self.keeper, self.policy, self.now)
        self.reachable = True
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self.processes = {f"h{number}": Process(self, number) for number in range(plan.processes)}
        for process in list(self.processes.values()):
            self.tell([Hello(process.epoch.holder, boot_id="boot")])
            process.beat()
            for _ in range(plan.callers):
                self.later(0, partial(process.attempt, plan.attempts))
        self.tick()

    def later(self, us: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + us, next(self._order), what))

    def tick(self) -> None:
        self.tell([Tick()])
        self.later(1_000 * MS, self.tick)

    def send(self, command: Report | Hello) -> None:
        self.bill.messages += 1
        self.later(DELAY, lambda: self.tell([decode(type(command), encode(command))]))

    def tell(self, commands: list[Command]) -> None:
        if not self.reachable:
            return
        for said in self.authority.decide(commands, self.now):
            process = self.processes[said.holder]
            if not isinstance(commands[0], Tick | Hello):
                self.bill.messages += 1
            self.later(DELAY, partial(process.hear, said))

    def run(self, seconds: float) -> Bill:
        until = NOON + int(seconds * 1_000_000)
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = until
        return self.bill
