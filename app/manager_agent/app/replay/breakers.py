"""The breakers of the past: what would have opened, and what it would have refused.

The spans' outcomes, the fleet's breakers and their state machine are those of a running manager;
only the calls come from what is stored, and nobody holds anything.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from manager_agent.app.call_costs import Cost
from manager_agent.app.outcomes import EVERY_NS, GRACE_NS, SpanOutcomes, place_of
from manager_agent.app.replay.past_runs import PastRuns
from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.control.breaker_book import keys_of
from manager_agent.control.breaker_rows import BreakerRow, BreakerView
from manager_agent.control.breakers import FleetBreakers
from manager_agent.control.commands import Tick
from manager_agent.control.rows import Event
from manager_agent.receiver.changes import CallVersion
from manager_agent.rules.breaker import Terms
from manager_agent.rules.run_costs import RunRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class _Nowhere:
    """Keeps nothing: a replay is never interrupted."""

    def load(self) -> Sequence[BreakerRow]:
        return ()

    def keep(self, rows: Sequence[BreakerRow | Event]) -> None:
        return


@dataclass(slots=True)
class Opening:
    """A breaker that would have been open: from when to when (None: still), and why.

    `refused`: calls that began meanwhile: when, and what each cost in nano-USD. Times: microseconds
    since 1970.
    """

    key: BreakerKey
    reason: str
    since_us: int
    until_us: int | None = None
    refused: list[tuple[int, int]] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """What the calls cost that it would have refused, in nano-USD."""
        return sum(cost for _, cost in self.refused)

    def after(self, since_us: int) -> "Opening":
        """Return it without the calls that began before."""
        return replace(self, refused=[one for one in self.refused if one[0] >= since_us])


class PastBreakers:
    """`at` goes to moments forth or back; what lies before the latest is known."""

    def __init__(self, calls: Iterable[CallVersion], terms: Terms, *, count_429: bool) -> None:
        """`calls`: in the order in which they were over; from `earliest` on."""
        self._now_ns = 0
        self._said: list[Any] = []
        self._outcomes = SpanOutcomes(self._said.append, lambda: self._now_ns)
        self._breakers = FleetBreakers(_Nowhere(), terms, count_429, lambda: 0.0)
        self._groups = ((at, list(group)) for at, group in groupby(calls, _told_ns))
        self._next = next(self._groups, None)
        self._times: list[int] = []
        self._views: list[tuple[BreakerView, ...]] = []
        self._costs: list[tuple[int, Cost]] = []
        self._outcomes.costs = self._spent
        self._runs = PastRuns()
        self._of: dict[BreakerKey, list[Opening]] = defaultdict(list)

    def at(self, now: datetime) -> Sequence[BreakerView]:
        """Return the breakers that were not closed at `now`."""
        now_us = (now - _EPOCH) // _US
        while self._next is not None and self._next[0] <= now_us * 1000:
            self._hear(*self._next)
            self._next = next(self._groups, None)
        self._let_pass(now_us)
        number = bisect_right(self._times, now_us)
        return self._views[number - 1] if number else ()

    def runs(self, now: datetime) -> list[RunRow]:
        """Return the runs that went on at `now`, of which `at` was asked before."""
        return self._runs.at((now - _EPOCH) // _US, self._costs)

    def _spent(self, costs: Sequence[Cost]) -> None:
        self._costs += [(self._now_ns // 1000, one) for one in costs]

    def _hear(self, told_ns: int, calls: list[CallVersion]) -> None:
        """Let calls be stored and, a moment later, told, as a running manager does."""
        told_ns = max(told_ns, self._now_ns)
        self._let_pass(told_ns // 1000)
        self._now_ns = told_ns - GRACE_NS
        self._outcomes.note(calls)
        self._now_ns = told_ns
        self._outcomes.tell_now()
        commands = list(self._said)
        self._said.clear()
        self._decide(commands, told_ns // 1000)
        self._would_refuse(calls)

    def _let_pass(self, now_us: int) -> None:
        """Let breakers half open at their time, the earliest first."""
        while self._views and (due := _due(self._views[-1])) is not None and due <= now_us:
            self._decide([Tick()], due)

    def _decide(self, commands: Sequence[Any], now_us: int) -> None:
        self._breakers.decide(commands, now_us)
        views = tuple(one for one in self._breakers.views if one.state != "closed")
        if views == (self._views[-1] if self._views else ()):
            return
        self._times.append(now_us)
        self._views.append(views)
        self._note(views, now_us)

    def _note(self, views: Sequence[BreakerView], now_us: int) -> None:
        """Note what has opened, and what is no longer open, or has been opened anew."""
        open_ = {one.key: one for one in views if one.state == "open"}
        for key, several in self._of.items():
            last, now = several[-1], open_.get(key)
            if last.until_us is None and (now is None or now.since_us > last.since_us):
                last.until_us = now_us
        for key, one in open_.items():
            if not self._of[key] or self._of[key][-1].until_us is not None:
                self._of[key].append(Opening(key, one.reason, now_us))

    def _would_refuse(self, calls: Sequence[CallVersion]) -> None:
        """Count calls that began while a breaker before them was open, each once."""
        if not self._of:
            return
        for call, _, _ in calls:
            start_us = call.start_ns // 1000
            found = (self._open_at(key, start_us) for key in keys_of(place_of(call)))
            opening = next(filter(None, found), None)
            if opening is not None:
                opening.refused.append((start_us, call.cost_nano or 0))

    def _open_at(self, key: BreakerKey, at_us: int) -> Opening | None:
        for one in reversed(self._of.get(key, ())):
            if one.since_us <= at_us:
                return one if one.until_us is None or at_us < one.until_us else None
        return None

    def openings(self, since: datetime) -> list[Opening]:
        """Return what was open from `since` on, in the order it opened."""
        since_us = (since - _EPOCH) // _US
        found = (one for several in self._of.values() for one in several)
        kept = (one for one in found if one.until_us is None or one.until_us > since_us)
        return sorted(
            (one.after(since_us) for one in kept), key=lambda one: (one.since_us, one.key)
        )


def earliest(since: datetime, terms: Terms) -> datetime:
    """Return from when on calls must be known for breakers to be at `since` as they were."""
    return since - timedelta(microseconds=2 * terms.max_open_us + terms.burnt_us)


def _due(views: Sequence[BreakerView]) -> int | None:
    return min((one.until_us for one in views if one.until_us is not None), default=None)


def _told_ns(version: CallVersion) -> int:
    """Return when a call is told: at the first beat after its moment of grace."""
    due_ns = version.call.end_ns + GRACE_NS
    return -(-due_ns // EVERY_NS) * EVERY_NS
