"""What runs cost: each conversation of an agent, or trace where it has none, beside earlier ones.

Pure, and given the time. What it keeps are immutable records, so that a copy is cheap.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import nlargest
from statistics import median
from typing import Literal, NamedTuple

IDLE_US = 1800 * 1_000_000
"""A run is over when nothing was called for so long; what comes later is another run."""

EARLIER = 200
"""Runs of each agent that later ones are held against."""

MOST_RUNS = 100_000
"""Runs that go on at most: of more, the one called least recently counts as over."""

_MOST_AGENTS = 10_000
_SHOWN = 500
_LEAST_NANO = 10_000_000


class RunKey(NamedTuple):
    """Whose run it is, and what it is known by."""

    agent: str
    scope: Literal["conversation", "trace"]
    name: str


class Run(NamedTuple):
    """What a run cost so far, in nano-USD. Times: microseconds since 1970, of its first and last
    call."""

    cost: int
    calls: int
    since_us: int
    last_us: int


class RunRow(NamedTuple):
    """A run that goes on, and what the `earlier` ones of its agent cost: `typical` is their median,
    None without any."""

    key: RunKey
    run: Run
    earlier: int
    typical: int | None
    dearest: int | None


@dataclass(slots=True)
class RunBook:
    """`going`: runs that are not over, the one called least recently first. `over`: what those cost
    that are, by agent."""

    going: OrderedDict[RunKey, Run] = field(default_factory=OrderedDict)
    over: OrderedDict[str, tuple[int, ...]] = field(default_factory=OrderedDict)

    def copy(self) -> "RunBook":
        """Return one that goes its own way from now on."""
        return RunBook(self.going.copy(), self.over.copy())

    def add(self, key: RunKey, told: Run) -> None:
        """Add what calls of a run cost; what is taken back is negative."""
        before = self.going.pop(key, None)
        if before is not None and told.since_us - before.last_us > IDLE_US:
            self._end(key, before)
            before = None
        now = told if before is None else _sum(before, told)
        if now.calls > 0:
            self.going[key] = now
        if len(self.going) > MOST_RUNS:
            self._end(*self.going.popitem(last=False))

    def rows(self, now_us: int) -> list[RunRow]:
        """Return the dearest runs that go on, the dearest first."""
        for key, run in list(self.going.items()):
            if now_us - run.last_us <= IDLE_US:
                break
            del self.going[key]
            self._end(key, run)
        dear = ((key, run) for key, run in self.going.items() if run.cost >= _LEAST_NANO)
        return [self._row(*one) for one in nlargest(_SHOWN, dear, lambda one: (one[1].cost, one))]

    def _row(self, key: RunKey, run: Run) -> RunRow:
        earlier = self.over.get(key.agent, ())
        if not earlier:
            return RunRow(key, run, 0, None, None)
        return RunRow(key, run, len(earlier), int(median(earlier)), max(earlier))

    def _end(self, key: RunKey, run: Run) -> None:
        if run.cost <= 0:
            return
        self.over[key.agent] = (*self.over.pop(key.agent, ()), run.cost)[-EARLIER:]
        if len(self.over) > _MOST_AGENTS:
            self.over.popitem(last=False)


def _sum(one: Run, other: Run) -> Run:
    return Run(
        one.cost + other.cost,
        one.calls + other.calls,
        min(one.since_us, other.since_us),
        max(one.last_us, other.last_us),
    )
