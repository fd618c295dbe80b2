"""A guard and its speaker, as in an agent, and a manager in the same process: a real ledger.

Amounts are tokens: a call reserves 200, and costs what its answer says.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.contract.frame import messages_of
from manager_agent.contract.guard import FromGuard, FromManager, Grant, Pauses, Policy
from manager_agent.contract.usage import Usage
from manager_agent.contract.wire_format import encode
from manager_agent.control.authority import Authority
from manager_agent.control.book import micros
from manager_agent.control.commands import Command, To
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation.absence import Absence, Setting
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.clock import now_ns
from manager_agent.instrumentation.guard import Guard
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.receipt import Receipt
from manager_agent.instrumentation.sender import UnreachableError
from manager_agent.instrumentation.settlement import Parts
from manager_agent.instrumentation.speaker import Speaker, Subjects
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.word import Word
from manager_agent.prices.book import PriceBook
from tests.control.memory_keeper import MemoryKeeper
from tests.harness.metered import CHAT, asked, ended

SECOND = 1_000_000_000
RESERVED = 200
DEADLINE = 30.0
BOOK = PriceBook()


class Manager:
    """The manager's half. `away`: it refuses connections; `frozen`: it answers nothing."""

    def __init__(self, policy: BudgetPolicy, told: Policy) -> None:
        self.began_ns = time.monotonic_ns()
        self.keeper = MemoryKeeper()
        self.authority = Authority(self.keeper, policy, self.now_us())
        self.told = told
        self.away = self.frozen = False
        self.knows_rates = True
        self.streams: set[Line] = set()
        self.heard: list[FromGuard] = []
        self.lock = threading.RLock()

    def now_us(self) -> int:
        """Return the time of a clock that stood at 12:10 at first: its hour ends in no test."""
        passed_ns = time.monotonic_ns() - self.began_ns
        return micros(datetime(2026, 11, 26, 12, 10, tzinfo=UTC)) + passed_ns // 1000

    def connect(self) -> "Line":
        if self.away:
            raise UnreachableError("connection refused")
        return Line(self)

    def tell(self, *commands: Command) -> None:
        with self.lock:
            self.deliver(self.authority.decide(commands, self.now_us()))

    def hear(self, line: "Line", said: FromGuard) -> None:
        with self.lock:
            self.heard.append(said)
            command = said.hello or said.report or said.bye
            if command is None or self.frozen:
                return
            line.holders.add(command.holder)
            if said.report:
                line.put(FromManager(policy=self._policy(said.report.agent)))
            self.deliver(self.authority.decide([command], self.now_us()))

    def _policy(self, agent: str) -> Policy:
        values = {name: getattr(self.told, name) for name in Policy.__slots__}
        return Policy(**{**values, "agent": agent})

    def deliver(self, answers: Sequence[To]) -> None:
        for to in answers:
            for line in self.streams:
                if to.holder in line.holders:
                    line.put(_wrapped(to.message))

    def end_streams(self) -> None:
        for line in list(self.streams):
            line.lose()

    def used(self, column: str) -> int:
        with self.lock:
            return sum(getattr(one, column) for one in self.authority.book.accounts.values())


def _wrapped(message: Any) -> FromManager:
    if isinstance(message, Grant):
        return FromManager(grant=message)
    if isinstance(message, Pauses):
        return FromManager(pauses=message)
    return FromManager(fence=message)


class Line:
    """A channel and its stream in one, in memory."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.holders: set[str] = set()
        self.came: deque[bytes] = deque()
        self.changed = threading.Condition()
        self.woken = self.lost = False

    def call(self, method: str, payload: bytes, seconds: float) -> bytes:
        if not self.manager.knows_rates:
            raise UnreachableError("no rates")
        return rates_answer(payload, BOOK, datetime.now(UTC), b"key")

    def open(self, method: str) -> "Line":
        self.manager.streams.add(self)
        return self

    def put(self, message: FromManager) -> None:
        with self.changed:
            self.came.append(encode(message))
            self.changed.notify_all()

    def send(self, messages: Sequence[bytes]) -> None:
        if self.lost:
            raise UnreachableError("lost")
        for each in messages:
            for message in messages_of(FromGuard, each):
                self.manager.hear(self, message)

    def receive(self, seconds: float) -> list[bytes]:
        with self.changed:
            self.changed.wait_for(lambda: self.came or self.woken or self.lost, seconds)
            self.woken = False
            found, self.came = list(self.came), deque()
            if not found and self.lost:
                raise UnreachableError("lost")
            return found

    def wake(self) -> None:
        with self.changed:
            self.woken = True
            self.changed.notify_all()

    def lose(self) -> None:
        self.manager.streams.discard(self)
        with self.changed:
            self.lost = True
            self.changed.notify_all()

    def close(self) -> None:
        self.lose()

    def abandon(self) -> None:
        return


@dataclass
class Office:
    """One agent's process. `offset_ns`: how much later it is than the clock says."""

    manager: Manager
    state: Path | None = None
    mode: str | None = None
    cap_nano: int | None = None
    explicit: bool = True
    remembered: dict[str, str] = field(default_factory=dict)
    offset_ns: int = 0

    def __post_init__(self) -> None:
        self.known = KnownRates()
        self.word = Word(self.state, "boot")
        self.breakers = Breakers(lambda: self.speaker.wake(), self.clock)
        self.absence = Absence(
            Setting(self.mode, self.cap_nano, self.explicit, "http://boss:4317"),
            self.remembered.get,
        )
        self.parts = Parts(self.word, Bounds(self.known), self.breakers, Approvals(), self.absence)
        self.guard = Guard(self.parts, lambda: self.speaker.start(), self.clock)
        subjects = Subjects(
            self.word,
            self.parts.bounds,
            self.breakers,
            self.parts.approvals,
            "1",
            "test",
            lambda: self.guard.longest_ms,
        )
        self.speaker = Speaker(subjects, self.manager.connect, self.clock)
        self.word.wake = self.speaker.wake
        self.word.hungers = self.speaker.hungers

    def clock(self) -> int:
        return now_ns() + self.offset_ns

    def ask(self, agent: str = "a", model: str = "gpt-4o", **identity: Any) -> Ask:
        body = Asked(model, body_bytes=36, text_bytes=20, max_output_tokens=100)
        return asked(CHAT, body, Identity(agent, "context", **identity))

    def decided(self, ask: Ask) -> Allow | Refuse:
        """Decide as the gate does, waiting where it says so."""
        decision: Decision = self.guard.decide(ask)
        if isinstance(decision, (Hold, Wait)):
            return self.guard.wait(ask, decision)
        return decision

    def settle(self, ask: Ask, tokens: int = RESERVED) -> Receipt | None:
        return self.guard.settle(self.ended(ask, tokens))

    def ended(self, ask: Ask, tokens: int = RESERVED) -> Ended:
        usage = Usage(input_tokens=tokens - 1, output_tokens=1)
        return ended(ask, Told(response_model=ask.asked.model, usage=usage, complete=True))

    def call(self, agent: str = "a", tokens: int = RESERVED) -> Allow | Refuse:
        """Make one call to its end."""
        ask = self.ask(agent)
        decision = self.decided(ask)
        if isinstance(decision, Allow):
            self.settle(ask, tokens)
        return decision


@contextmanager
def office(policy: BudgetPolicy, told: Policy | None = None, **how: Any) -> Iterator[Office]:
    """Yield an agent's process; its speaker has ended after the block."""
    said = told or Policy(enforcement="hard", unreachable="static", max_wait_ms=20_000)
    manager = Manager(policy, said)
    here = Office(manager, **how)
    try:
        yield here
    finally:
        manager.away = True
        here.speaker.leave(DEADLINE)
        manager.end_streams()
        thread = here.speaker._thread
        if thread is not None:
            thread.join(DEADLINE)
            assert not thread.is_alive()


def until(met: Callable[[], object]) -> None:
    """Wait until something holds; fails after a deadline that only a broken program needs."""
    limit = time.monotonic() + DEADLINE
    while not met():
        assert time.monotonic() < limit, "it never came about"
        time.sleep(0.005)
