"""How calls without a guard went, and what all calls cost, told when their spans are stored.

A guard tells the outcomes of its own calls. For agents without one the spans do, seconds later:
each call once, after a moment in which a second span may still say that a guard watched it. What
calls cost is told of all of them: a guard's span, which leaves within a second, says it. It is told
after how they went, so that a model family that fails is to blame before the agents that call it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any

import structlog

from manager_agent.app.call_costs import CallCosts, Cost, spent
from manager_agent.contract.family import family_of
from manager_agent.contract.guard import Outcomes
from manager_agent.contract.metric import Metric, Sample
from manager_agent.control.observed import SPANS
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion
from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.kinds import Kind
from manager_agent.rules.issues.recognise import kind_of

_log = structlog.get_logger()

GRACE_NS = 2 * 10**9
_RECENT_NS = 120 * 10**9
"""Calls that ended longer ago say nothing about how it goes now."""

EVERY_NS = 5 * 10**8
"""How often what is due is told."""

_MOST_KNOWN = 50_000
_MOST_PLACES = 10_000
_FAILED: frozenset[Kind] = frozenset({"server_error", "overloaded", "timeout", "connection"})

Place = tuple[str, str, str]
"""Agent, provider, family."""


@dataclass(slots=True)
class _Waiting:
    call: Call
    due_ns: int


@dataclass(slots=True)
class _Totals:
    counts: dict[str, int] = field(
        default_factory=lambda: {"ok": 0, "failed": 0, "pressure": 0, "streak": 0, "streak_429": 0}
    )

    def add(self, result: str) -> None:
        """Count one more outcome: ok, failed, pressure."""
        self.counts[result] += 1
        ok, pressed = result == "ok", result == "pressure"
        self.counts["streak_429"] = 0 if ok else self.counts["streak_429"] + 1
        if not pressed:
            self.counts["streak"] = 0 if ok else self.counts["streak"] + 1


class SpanOutcomes:
    """Tells outcomes in a thread of its own; `note` is for any thread, and cheap.

    `tell` takes an `Outcomes` or a `Spent`, and must not block. `now_ns`: nanoseconds since 1970.
    `costs`: also given what calls cost that ended not long ago, in that thread.
    """

    def __init__(self, tell: Callable[[Any], None], now_ns: Callable[[], int]) -> None:
        self._tell = tell
        self._now_ns = now_ns
        self._lock = Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._totals: OrderedDict[Place, _Totals] = OrderedDict()
        self._stopping = Event()
        self._told = 0
        self._uncosted: deque[tuple[int, Sequence[CallVersion]]] = deque()
        self._costs = CallCosts()
        self.costs: Callable[[Sequence[Cost]], None] = lambda costs: None
        self._thread = Thread(target=self._run, name="outcomes", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """End. Safe to repeat."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, versions: Sequence[CallVersion]) -> None:
        """Have the outcomes of calls told soon; the writer calls it after each commit."""
        now_ns = self._now_ns()
        with self._lock:
            self._uncosted.append((now_ns + GRACE_NS, versions))
            for version in versions:
                if version.retracted:
                    self._waiting.pop(version.call.call_id, None)
                else:
                    self._note(version.call, now_ns)

    def tell_now(self) -> int:
        """Tell what is due; return how many calls that were."""
        now_ns = self._now_ns()
        with self._lock:
            due = [one.call for one in self._waiting.values() if one.due_ns <= now_ns]
            for call in due:
                del self._waiting[call.call_id]
                self._known[call.call_id] = None
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
            uncosted = self._due_costs(now_ns)
        for outcomes in self._outcomes(sorted(due, key=lambda call: call.end_ns)):
            self._tell(outcomes)
        self._tell_costs(uncosted, now_ns)
        self._told += len(due)
        return len(due)

    def _due_costs(self, now_ns: int) -> list[CallVersion]:
        found: list[CallVersion] = []
        while self._uncosted and self._uncosted[0][0] <= now_ns:
            found += self._uncosted.popleft()[1]
        return found

    def _tell_costs(self, versions: Iterable[CallVersion], now_ns: int) -> None:
        costs = [one for one in self._costs.changes(versions) if now_ns - one.end_ns <= _RECENT_NS]
        for command in spent(costs):
            self._tell(command)
        if costs:
            self.costs(costs)

    def metrics(self) -> list[Metric]:
        """Return the numbers of it."""
        about = "Calls without a guard whose outcome was told to the breakers."
        return [Metric("manager_span_outcomes_total", "counter", about, [Sample(self._told)])]

    def _note(self, call: Call, now_ns: int) -> None:
        if call.guarded:
            self._waiting.pop(call.call_id, None)
            return
        if call.call_id in self._known or now_ns - call.end_ns > _RECENT_NS:
            return
        waiting = self._waiting.get(call.call_id)
        due_ns = waiting.due_ns if waiting else now_ns + GRACE_NS
        self._waiting[call.call_id] = _Waiting(call, due_ns)

    def _outcomes(self, calls: Iterable[Call]) -> list[Outcomes]:
        """Return what is told of calls in order: of several that went alike one after the other in
        a model family together, so that no failures in a row are lost between two successes."""
        told: list[Outcomes] = []
        running: dict[tuple[str, str], tuple[Place, str]] = {}
        changed: dict[Place, _Totals] = {}
        for call in calls:
            result = result_of(call)
            if result is None:
                continue
            place = place_of(call)
            before = running.get(place[1:])
            running[place[1:]] = place, result
            if before is not None and _parted(before, (place, result)) and before[0] in changed:
                told.append(_said(before[0], changed.pop(before[0])))
            totals = self._totals.setdefault(place, _Totals())
            self._totals.move_to_end(place)
            totals.add(result)
            changed[place] = totals
        while len(self._totals) > _MOST_PLACES:
            self._totals.popitem(last=False)
        return told + [_said(place, one) for place, one in changed.items()]

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_NS / 1e9):
            try:
                self.tell_now()
            except Exception as error:  # noqa: BLE001 - breakers must outlive one odd call
                _log.error("outcomes of spans were not told to the breakers", error=repr(error))


def _said(place: Place, totals: _Totals) -> Outcomes:
    return Outcomes(SPANS, *place, dict(totals.counts))


def _parted(before: tuple[Place, str], now: tuple[Place, str]) -> bool:
    """Say whether what is told of two calls together would hide in which order they went."""
    return before != now and not before[1] == now[1] == "ok"


def result_of(call: Call) -> str | None:
    """Return what a call says of its provider: ok, failed, pressure; None where nothing.

    5xx, 529, no answer and time-outs are failures; 429 is pressure; other 4xx are the caller's.
    """
    if not call.error:
        return "ok"
    kind = kind_of(_as_failed(call))
    if kind == "rate_limit":
        return "pressure"
    return "failed" if kind in _FAILED else None


def _as_failed(call: Call) -> Failed:
    return Failed(
        key=call.call_id,
        ts=datetime.fromtimestamp(call.start_ns / 1e9, UTC),
        source="call",
        agent=call.agent,
        error_type=call.error_type or "",
        http_status=call.http_status,
        message=call.error_message or "",
    )


def place_of(call: Call) -> Place:
    """Return whose call it is, and to which provider's model family."""
    model = call.response_model or call.request_model
    return call.agent, call.provider or "unknown", family_of(model)
