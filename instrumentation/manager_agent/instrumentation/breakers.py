"""Circuit breakers as one process knows them: what is open, and how its own calls went.

The manager decides for the fleet, in `control/breakers.py`. Here its word is kept, outcomes are
counted for it, and where so many calls failed in a row that it will surely open, calls are held
until it speaks: a failing agent does not hammer for a heartbeat.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from manager_agent.contract import guard
from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.decision import Refuse
from manager_agent.contract.family import family_of
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.outcome import Outcome, outcome_of
from manager_agent.instrumentation.probes import Known, Probes
from manager_agent.instrumentation.row import Row
from manager_agent.instrumentation.shut import held, shut
from manager_agent.instrumentation.tempo import Tempo

_FAILURES_IN_ROW = 5
_MOST_ROWS = 1000
_LONGEST_PRESSURE_NS = 60_000_000_000

Place = tuple[str, str, str]
"""Agent, provider, family."""
_Last = tuple[Identity | None, Endpoint | None, str | None, Row, Tempo]
"""Whose call to which model was counted last, and where."""
_NOBODY: _Last = (None, None, None, Row(), Tempo())


class Breakers:
    """Breakers of this process; methods may be called from any thread, and never block for long.

    `quiet`: nothing is open, held or under pressure: the one attribute that a call reads.
    """

    def __init__(
        self, wake: Callable[[], None], clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """`wake` asks the speaker to send soon and must not block; `clock`: nanoseconds."""
        self._wake = wake
        self._clock = clock
        self._last: _Last = _NOBODY
        self._families: dict[str | None, str] = {}
        self._known: dict[BreakerKey, Known] = {}
        self._revision = self._heard_ns = 0
        self._failures_in_row = _FAILURES_IN_ROW
        self.forget()

    def forget(self) -> None:
        """Count anew, for a new epoch of this process, or as the child of a fork.

        What is open stays open. The lock is a new one: a thread of the parent may have held it.
        """
        self._lock = threading.Lock()
        self._late: deque[Ended] = deque()
        self._rows: dict[Place, Row] = {}
        self._forget_ways()
        self._tempos: dict[tuple[str, str, bool], Tempo] = {}
        self._pressed: dict[tuple[str, str], int] = {}
        self._probes = Probes()
        self._revision = 0
        for known in self._known.values():
            known.probe = ""
        self._look()

    def refusal(self, ask: Ask) -> Refuse | None:
        """Return why a call must not go out, None where it may; to be asked unless `quiet`.

        Where None is a probe's and the call does not leave after all, `withdrawn` is to be told. A
        call may ask again after it has waited.
        """
        with self._held():
            place = self._place(ask)
            now_ns = self._clock()
            row = self._row(place)
            known = (self._known.get(key) for key in _keys(place))
            ways = [one for one in known if one is not None and one.state.phase != "closed"]
            if self._probes.has(ask.call_id):  # it was let, and has waited for something since
                if all(one.state.phase == "half_open" for one in ways):
                    return None
                self._probes.end(ask.call_id, "neither", now_ns)
            barred = next((one for one in ways if not one.passable(now_ns, self._heard_ns)), None)
            if barred is not None:
                row.refuse()
                refuse = shut(barred.key, barred.state, barred.left_ms(now_ns))
                wanted = barred.due(now_ns)
            elif not self._governed(place) and now_ns < row.held_until_ns:
                row.refuse()
                return held(place, (row.held_until_ns - now_ns) // 1_000_000)
            else:
                for one in ways:
                    self._probes.begin(ask.call_id, one, place)
                refuse, wanted = None, bool(ways)
            self._look()
        if wanted:
            self._wake()
        return refuse

    def withdrawn(self, ask: Ask) -> None:
        """Take note that a call does not leave although it was not refused here."""
        with self._held():
            known = self._probes.end(ask.call_id, "neither", self._clock())
        if known:
            self._wake()

    def delay(self, ask: Ask) -> float:
        """Return the seconds that a call had better wait: its provider said when to come again."""
        with self._held():
            _, provider, family = self._place(ask)
            until_ns = self._pressed.get((provider, family), 0)
            return max(0, until_ns - self._clock()) / 1e9

    def ended(self, ended: Ended) -> None:
        """Count how a call went; never blocks, for a finalizer may be what ends a call.

        It would find the lock held by the thread that it runs in. Then whoever holds it counts.
        """
        if not self._late and self._lock.acquire(blocking=False):  # as nearly always
            try:
                wanted = self._count(ended)
            finally:
                self._lock.release()
            if wanted:
                self._wake()
        else:
            self._late.append(ended)
        if self._late:
            self._count_late()

    def answered(self, many: Sequence[Ended], sound: bool) -> None:
        """Count calls that were answered whole, as `ended` does each; `sound`: without an error."""
        if self._late or not self._lock.acquire(blocking=False):
            for ended in many:
                self.ended(ended)
            return
        try:
            wanted = self._count_many(many, sound and not self._probes.any)
        finally:
            self._lock.release()
        if wanted:
            self._wake()
        if self._late:
            self._count_late()

    def _count_many(self, many: Sequence[Ended], sound: bool) -> bool:
        """Count calls that were answered whole, as `_count` does each; those of a kind at once.

        Calls of one kind come one after the other.
        """
        wanted, probing = False, self._probes.any
        who, where, model, row, tempo = self._last
        took: list[int] = []
        calls = 0
        for ended in many:
            ask = ended.ask
            closer = not sound and (probing or ended.counted.error_type is not None)
            if (
                closer
                or who is not ask.identity
                or where is not ask.endpoint
                or model != ask.asked.model
            ):
                row.went_well(calls, tempo.slow(took))
                calls, took = 0, []
                if closer:
                    wanted = self._count(ended) or wanted
                    who, where, model, row, tempo = self._last
                    continue
                row, tempo = self._way(ask)
                who, where, model = ask.identity, ask.endpoint, ask.asked.model
            calls += 1
            if ended.decision.reason != "approved":  # else somebody's answer was waited for
                took.append(ended.ended_ns - (ended.left_ns or ask.started_ns))
        row.went_well(calls, tempo.slow(took))
        return wanted

    def _way(self, ask: Ask) -> tuple[Row, Tempo]:
        way = ask.identity.agent, ask.endpoint.provider, ask.asked.model or ask.endpoint.model
        known = self._ways.get(way)
        if known is None:
            place = self._place(ask)
            known = self._ways[way] = self._row(place), self._tempo(place, streaming=False)
        self._last = ask.identity, ask.endpoint, ask.asked.model, *known
        return known

    def _forget_ways(self) -> None:
        self._ways: dict[tuple[str, str, str | None], tuple[Row, Tempo]] = {}
        self._last = _NOBODY

    def _count_late(self) -> None:
        wanted = False
        while self._late and self._lock.acquire(blocking=False):
            try:
                while self._late:
                    wanted = self._count(self._late.popleft()) or wanted
            finally:
                self._lock.release()
        if wanted:
            self._wake()

    def _count(self, ended: Ended) -> bool:
        """Count one call; say whether the manager should hear of it at once."""
        outcome = outcome_of(ended)
        place = self._place(ended.ask)
        row = self._row(place)
        row.count(outcome, outcome == "ok" and self._slow(place, ended))
        probes = self._probes
        probed = probes.any and probes.end(ended.ask.call_id, outcome, self._clock())
        if outcome == "ok" and not probed:
            return False
        self._failed(place, row, ended, outcome)
        return probed or outcome in ("failed", "pressure")

    def outcomes(self, holder: str) -> list[guard.Outcomes]:
        """Return how calls went, as far as that is new, in the order it came about."""
        with self._held():
            said = [guard.Outcomes(holder, *one) for one in self._probes.untold()]
            for place, row in self._rows.items():
                if row.changed:
                    row.changed = False
                    said.append(guard.Outcomes(holder, *place, row.counts()))
            return said

    def tell_again(self) -> None:
        """Tell all that was told, on a new connection: what went over the old one may be lost.

        And believe what comes over it, whatever its revision: it may be another manager's clock.
        """
        with self._held():
            self._revision = 0
            for row in self._rows.values():
                row.changed = True
            self._probes.tell_again()

    def take(self, message: guard.Breakers) -> None:
        """Take what the manager says is open."""
        with self._held():
            if message.revision < self._revision:
                return
            now_ns = self._heard_ns = self._clock()
            self._revision = message.revision
            self._failures_in_row = message.failures_in_row or _FAILURES_IN_ROW
            before, self._known = self._known, {}
            for state in message.states:
                key = BreakerKey(state.agent, state.provider, state.family)
                known = self._known[key] = Known(key, state, now_ns)
                if self._probes.begun(state.probe):
                    known.probe = ""  # told again; it is under way, or was
            self._probes.keep({state.probe for state in message.states if state.probe})
            for place, row in self._rows.items():
                if any(key in before or key in self._known for key in _keys(place)):
                    row.let_go()
                if any(key in before and key not in self._known for key in _keys(place)):
                    row.begin_anew()
            self._look()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the lock, and count what came meanwhile."""
        with self._lock:
            yield
        self._count_late()

    def _failed(self, place: Place, row: Row, ended: Ended, outcome: Outcome) -> None:
        now_ns = self._clock()
        if outcome == "pressure" and ended.retry_after_seconds:
            wait_ns = min(int(ended.retry_after_seconds * 1e9), _LONGEST_PRESSURE_NS)
            self._pressed[place[1:]] = now_ns + wait_ns
        if outcome == "failed" and not self._governed(place):
            row.hold_after(self._failures_in_row, now_ns)
        self._look()

    def _governed(self, place: Place) -> bool:
        """Say whether the manager has decided about the family, or stopped the agent."""
        agent, family = (self._known.get(key) for key in _keys(place))
        return family is not None or (agent is not None and agent.state.phase != "closed")

    def _look(self) -> None:
        """Find out whether anything keeps a call from leaving."""
        now_ns = self._clock()
        self._pressed = {key: until for key, until in self._pressed.items() if until > now_ns}
        self._known = {key: one for key, one in self._known.items() if not one.over}
        self.quiet = not (
            self._pressed
            or any(known.state.phase != "closed" for known in self._known.values())
            or any(row.held_until_ns > now_ns for row in self._rows.values())
        )

    def _slow(self, place: Place, ended: Ended) -> bool:
        """Judge how long it took until the answer, of a stream until its beginning."""
        if ended.decision.reason == "approved":
            return False  # somebody's answer was waited for
        streaming = ended.first_chunk_ns is not None
        tempo = self._tempo(place, streaming)
        came_ns = ended.first_chunk_ns or ended.ended_ns
        return bool(tempo.slow([came_ns - (ended.left_ns or ended.ask.started_ns)]))

    def _tempo(self, place: Place, streaming: bool) -> Tempo:
        kind = (place[1], place[2], streaming)
        tempo = self._tempos.get(kind)
        if tempo is None:
            tempo = self._tempos[kind] = Tempo()
        return tempo

    def _place(self, ask: Ask) -> Place:
        model = ask.asked.model or ask.endpoint.model
        family = self._families.get(model)
        if family is None:
            if len(self._families) >= _MOST_ROWS:
                self._families.clear()
                self._forget_ways()
            family = self._families[model] = family_of(model)
        return ask.identity.agent, ask.endpoint.provider, family

    def _row(self, place: Place) -> Row:
        row = self._rows.get(place)
        if row is None:
            if len(self._rows) >= _MOST_ROWS:  # names without end: the oldest are forgotten
                del self._rows[next(iter(self._rows))]
                self._forget_ways()
            row = self._rows[place] = Row()
        return row


def _keys(place: Place) -> tuple[BreakerKey, BreakerKey]:
    agent, provider, family = place
    return BreakerKey(agent=agent), BreakerKey(provider=provider, family=family)
