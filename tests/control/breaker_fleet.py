"""The manager's breakers and those of several processes, one clock, and messages by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from manager_agent.contract.breaker_key import BreakerKey, breaker_key
from manager_agent.contract.decision import Refuse
from manager_agent.contract.guard import Breakers as Told
from manager_agent.contract.guard import Hello
from manager_agent.control.breaker_rows import BreakerRow, BreakerView
from manager_agent.control.breakers import BreakerCommand, FleetBreakers
from manager_agent.control.commands import Gone, SetBreaker, Tick, To
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Event
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.identity import Identity
from manager_agent.rules.breaker import Terms
from tests.harness.metered import CHAT, asked, ended

SECOND = 1_000_000
START = 1_790_000_000 * SECOND
FAMILY = breaker_key("openai/gpt-4o")


class MemoryBreakers:
    """Keeps rows as the database does; `fail` makes the next `keep` fail."""

    def __init__(self) -> None:
        self.rows: dict[BreakerKey, BreakerRow] = {}
        self.events: list[Event] = []
        self.fail = False

    def load(self) -> Iterable[BreakerRow]:
        return list(self.rows.values())

    def keep(self, rows: Sequence[BreakerRow | Event]) -> None:
        if self.fail:
            self.fail = False
            raise KeeperError("no space left on device")
        for row in rows:
            if isinstance(row, Event):
                self.events.append(row)
            elif row.breaker.phase == "closed" and row.breaker.held is None:
                self.rows.pop(row.key, None)
            else:
                self.rows[row.key] = replace(row, breaker=replace(row.breaker, probe=None))


@dataclass
class Process:
    """One process; `woken`: it wants to speak. `inbox`: what is under way to it."""

    name: str
    breakers: Breakers
    woken: bool = False
    inbox: list[Told] = field(default_factory=list)


class BreakerFleet:
    """Times in seconds since the start. Nothing reaches anybody but by `exchange` and `tick`."""

    def __init__(
        self, *processes: str, terms: Terms | None = None, count_429: bool = False
    ) -> None:
        self.terms = terms or Terms()
        self.keeper = MemoryBreakers()
        self.now_us = START
        self._count_429 = count_429
        self._ids = count()
        self.restart()
        self.processes: dict[str, Process] = {}
        for name in processes:
            self.start(name)

    def restart(self) -> None:
        """The manager starts anew, with what is stored."""
        self.manager = FleetBreakers(
            self.keeper, self.terms, self._count_429, lambda: 0.0, lambda: f"p{next(self._ids)}"
        )

    def start(self, name: str) -> Process:
        def wake() -> None:
            made.woken = True

        made = Process(name, Breakers(wake, lambda: self.now_us * 1000))
        self.processes[name] = made
        self.decide(Hello(name))
        self.deliver(name)
        return made

    def reconnect(self, name: str) -> None:
        """A stream ends and another begins; or the manager came back."""
        self.processes[name].inbox.clear()
        self.processes[name].breakers.tell_again()
        self.decide(Gone(name), Hello(name))
        self.exchange(name)
        for other in self.processes:
            self.deliver(other)

    def begin(self, name: str, agent: str = "a", model: str = "gpt-4o") -> Ask | Refuse:
        """Let a call want to leave; return why it must not, or what is to be ended."""
        one = self.processes[name].breakers
        ask = asked(CHAT, Asked(model=model), Identity(agent, "context"))
        refuse = None if one.quiet else one.refusal(ask)
        return refuse or ask

    def end(self, name: str, ask: Ask, status: int | None = 200, took: float = 0) -> None:
        """End a call: None as status is a connection that broke."""
        ask.started_ns = (self.now_us - int(took * SECOND)) * 1000
        made = ended(
            ask,
            status=status,
            ending="whole" if status else "broken",
            failure=None if status else "ConnectError",
        )
        made.ended_ns = self.now_us * 1000
        self.processes[name].breakers.ended(made)

    def call(
        self,
        name: str,
        status: int | None = 200,
        agent: str = "a",
        model: str = "gpt-4o",
        took: float = 0,
    ) -> bool:
        """Make one call from beginning to end; say whether it left."""
        found = self.begin(name, agent, model)
        if isinstance(found, Refuse):
            return False
        self.end(name, found, status, took)
        return True

    def exchange(self, *names: str) -> None:
        """Let processes speak, and hear what the manager says."""
        for name in names or tuple(self.processes):
            self.speak(name)
        for name in names or tuple(self.processes):
            self.deliver(name)

    def speak(self, name: str) -> None:
        one = self.processes[name]
        one.woken = False
        self.decide(*one.breakers.outcomes(name))

    def deliver(self, name: str) -> None:
        one = self.processes[name]
        told, one.inbox = one.inbox, []
        for message in told:
            one.breakers.take(message)

    def tick(self, seconds: float) -> None:
        """Let time pass, the manager's clock tick, and everybody hear."""
        self.now_us += int(seconds * SECOND)
        self.decide(Tick())
        for name in self.processes:
            self.deliver(name)

    def people(self, key: str, to: str, seconds: float | None = None) -> None:
        """Hold or reset a breaker from the command line."""
        until_us = None if seconds is None else self.now_us + int(seconds * SECOND)
        self.decide(
            SetBreaker(*breaker_key(key), to, until_us, "ann", "a test")  # type: ignore[arg-type]
        )
        self.exchange()

    def decide(self, *commands: BreakerCommand) -> list[To]:
        said = self.manager.decide(commands, self.now_us)
        for one in said:
            assert isinstance(one.message, Told)
            if one.holder in self.processes:
                self.processes[one.holder].inbox.append(one.message)
        return said

    def view(self, key: str = "openai/gpt-4o") -> BreakerView:
        return next(one for one in self.manager.views if one.key.text == key)

    def state(self, key: str = "openai/gpt-4o") -> str:
        return next((one.state for one in self.manager.views if one.key.text == key), "closed")
