"""Everything that can happen between the fleet's breakers and processes, in any order.

Small on purpose: two failures open, two successes close, two processes, two agents, one family.
`breaker_mutants.py` plants errors that this machine must find.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.instrumentation.call import Ask
from manager_agent.rules.breaker import Terms
from tests.control.breaker_fleet import FAMILY, SECOND, BreakerFleet

TERMS = Terms(
    failures_in_row=2,
    least_calls=1000,
    base_open_us=10 * SECOND,
    max_open_us=30 * SECOND,
    successes=2,
    probe_idle_us=3 * SECOND,
    probe_us=20 * SECOND,
)
KEYS = (FAMILY, BreakerKey(agent="a"), BreakerKey(agent="b"))
AGENTS = st.sampled_from(("a", "b"))


@dataclass
class Flight:
    """A call under way; `probes`: the keys that it tries for the manager."""

    process: str
    agent: str
    ask: Ask
    probes: tuple[BreakerKey, ...]
    begun_us: int
    life: int


class BreakerMachine(RuleBasedStateMachine):
    """Messages to processes arrive at once; those to the manager when they speak."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = BreakerFleet(terms=TERMS)
        self.flights: list[Flight] = []
        self.failures = dict.fromkeys(KEYS, 0)
        self.phases: dict[BreakerKey, str] = {}
        self.started = self.life = 0
        for _ in range(2):
            self._start()

    def _start(self) -> None:
        self.started += 1
        self.fleet.start(f"h{self.started}")

    @property
    def names(self) -> list[str]:
        return list(self.fleet.processes)

    @rule(place=st.integers(0, 1), agent=AGENTS)
    def begin(self, place: int, agent: str) -> None:
        name = self.names[place]
        stopped = [key for key in (FAMILY, BreakerKey(agent=agent)) if self._state(key) == "open"]
        found = self.fleet.begin(name, agent)
        if not isinstance(found, Ask):
            return
        assert not stopped, "a call left that somebody knew must not"
        probes = self.fleet.processes[name].breakers._probes._calls.get(found.call_id, [])
        keys = tuple(known.key for known, probe, _ in probes if probe)
        flight = Flight(name, agent, found, keys, self.fleet.now_us, self.life)
        self.flights.append(flight)
        self.fleet.exchange()

    @precondition(lambda self: self.flights)
    @rule(place=st.integers(0, 5), status=st.sampled_from((200, 200, 500, None, 404)))
    def end(self, place: int, status: int | None) -> None:
        flight = self.flights.pop(place % len(self.flights))
        if status in (500, None):
            for key in (FAMILY, BreakerKey(agent=flight.agent)):
                self.failures[key] += 1
        self.fleet.end(flight.process, flight.ask, status)

    @rule(place=st.integers(0, 1), agent=AGENTS, alone=st.booleans())
    def fail_in_a_row(self, place: int, agent: str, alone: bool) -> None:
        """Two calls of an agent fail; `alone`: those of another succeed in between."""
        for _ in range(2):
            if alone:
                self.whole(place, "c", 200)
            self.whole(place, agent, 500)

    @rule(place=st.integers(0, 1), agent=AGENTS, status=st.sampled_from((200, 500, None)))
    def try_again(self, place: int, agent: str, status: int | None) -> None:
        """What is open becomes half open, and somebody tries; None: and dies."""
        self.whole(place, agent, 200)  # refused: it wants to
        self.tick(10)
        self.tick(10)
        self.tick(10)
        self.begin(place, agent)
        self.reconnect(place)
        self.begin(place, agent)  # one at a time, also over a new connection
        self.one_probe_at_a_time()
        if status is None:
            self.crash(place)
            return
        while self.flights:
            self.end(0, status)
        self.fleet.exchange()

    def whole(self, place: int, agent: str, status: int) -> None:
        before = len(self.flights)
        self.begin(place, agent)
        if len(self.flights) > before:
            self.end(len(self.flights) - 1, status)
        self.fleet.exchange()
        # After each call, not each step: what fails after a breaker closed counts for the next row.
        self.it_opens_for_a_reason_and_for_its_time()

    @rule(place=st.integers(0, 1))
    def speak(self, place: int) -> None:
        self.fleet.speak(self.names[place])
        self._deliver()

    @rule(place=st.integers(0, 1))
    def reconnect(self, place: int) -> None:
        name = self.names[place]
        self.fleet.processes[name].breakers.outcomes(name)  # what was sent is lost
        self.fleet.reconnect(name)

    @rule(place=st.integers(0, 1), agent=AGENTS)
    def tell_twice(self, place: int, agent: str) -> None:
        """One failure, told over two connections."""
        self.whole(place, agent, 500)
        self.reconnect(place)

    @rule(seconds=st.sampled_from((1, 3, 10)))
    def tick(self, seconds: int) -> None:
        """Whoever wants to speak does within less than a second."""
        self.fleet.exchange()
        self.fleet.tick(seconds)

    @rule(place=st.integers(0, 1))
    def crash(self, place: int) -> None:
        name = self.names[place]
        del self.fleet.processes[name]
        self.flights = [one for one in self.flights if one.process != name]
        self._start()

    @rule()
    def restart(self) -> None:
        self.life += 1
        self.fleet.restart()
        for name in self.names:
            self.fleet.reconnect(name)

    @rule(key=st.sampled_from(KEYS), to=st.sampled_from(("open", "closed", "reset")))
    def people(self, key: BreakerKey, to: str) -> None:
        self.fleet.people(key.text, to, None if to == "reset" else 10)
        self.failures[key] = TERMS.failures_in_row  # what was failed before may count or not

    def _deliver(self) -> None:
        for name in self.names:
            self.fleet.deliver(name)

    def _state(self, key: BreakerKey) -> str:
        return self.fleet.state(key.text)

    @invariant()
    def one_probe_at_a_time(self) -> None:
        for key in KEYS:
            fresh = [
                flight
                for flight in self.flights
                if key in flight.probes
                and flight.life == self.life
                and self.fleet.now_us - flight.begun_us < TERMS.probe_us
                and self._state(key) == "half_open"
            ]
            assert len(fresh) <= 1, "two probes at a time"

    @invariant()
    def one_agent_of_few_is_stopped_by_itself(self) -> None:
        views = self.fleet.manager.views
        stopped = [one for one in views if one.key.agent and one.state != "closed" and not one.held]
        assert len(stopped) <= 1

    @invariant()
    def what_is_open_is_stored(self) -> None:
        now = {
            key: replace(one, probe=None)
            for key, one in self.fleet.manager._book.breakers.items()
            if one.phase != "closed" or one.held is not None
        }
        assert {key: row.breaker for key, row in self.fleet.keeper.rows.items()} == now

    @invariant()
    def it_opens_for_a_reason_and_for_its_time(self) -> None:
        for key in KEYS:
            one = self.fleet.manager._book.get(key)
            before = self.phases.get(key, "closed")
            if one.phase == "open" and before == "closed":
                assert self.failures[key] >= TERMS.failures_in_row, "it opened for nothing"
                self.failures[key] = self._untold()
            if one.phase == "open":
                assert TERMS.base_open_us <= one.until_us - one.since_us <= TERMS.max_open_us
            if one.phase == "closed" and before != "closed":
                self.failures[key] = self._untold()
            self.phases[key] = one.phase

    def _untold(self) -> int:
        """Return how many failures may still be told of that ended before."""
        rows = [row for one in self.fleet.processes.values() for row in one.breakers._rows.values()]
        return TERMS.failures_in_row if any(row.changed for row in rows) else 0

    def teardown(self) -> None:
        """Once all is well and people hold nothing, all of it closes."""
        self.fleet.exchange()
        for key in KEYS:
            if self.fleet.manager._book.get(key).held is not None:
                self.fleet.people(key.text, "reset")
        for _ in range(60):
            for name in self.names:
                for agent in ("a", "b"):
                    self.fleet.call(name, 200, agent)
                    self.fleet.exchange()
            self.fleet.tick(2)
        assert {key: self._state(key) for key in KEYS} == dict.fromkeys(KEYS, "closed")
        assert all(one.breakers.quiet for one in self.fleet.processes.values())
