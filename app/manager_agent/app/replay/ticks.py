"""Looks at the past one after another, as the manager looked, or would have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.frames import Thresholds
from manager_agent.analytics.history import History
from manager_agent.app.breakers_frame import breakers_frame
from manager_agent.app.replay.breakers import Opening, PastBreakers, earliest
from manager_agent.app.replay.past_calls import past_calls
from manager_agent.app.run_frame import run_frame
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.breaker import Terms
from manager_agent.rules.finding import Finding
from manager_agent.rules.issues.following import follow
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.issues.view import frame_of, views
from manager_agent.rules.look import look
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Message
from manager_agent.rules.rule import Rule
from manager_agent.rules.step import step


@dataclass(frozen=True, slots=True)
class Watch:
    """What looks at the past: rules and what they are told beside the frames.

    `terms`, `count_429`: when breakers open, and whether for "too many requests".
    """

    rules: Sequence[Rule]
    policy: BudgetPolicy
    thresholds: Thresholds = field(default_factory=Thresholds)
    terms: Terms = field(default_factory=Terms)
    count_429: bool = False


@dataclass(slots=True)
class Replayed:
    """What came of it. `alerts`: every change of every alert, in order of time. `looks` taken.

    `failed`: the first error of each rule that broke. `openings`: of breakers.
    """

    alerts: list[AlertRow] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    looks: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    openings: Sequence[Opening] = ()


@dataclass(frozen=True, slots=True)
class Ticks:
    """Moments `every` so long from `since` to `until`; looked at in strides of `stride` moments.

    1 looks at each. With more, all between two looks are looked at only where what is wrong has
    changed from one to the other, or something waits to become an alert.
    """

    since: datetime
    until: datetime
    every: timedelta
    stride: int = 1

    def __len__(self) -> int:
        return max(0, (self.until - self.since) // self.every + 1)

    def at(self, number: int) -> datetime:
        """Return a moment by its number."""
        return self.since + number * self.every


def replay(
    history: History,
    watch: Watch,
    ticks: Ticks,
    passed: Callable[[int], None] = lambda number: None,
) -> Replayed:
    """Return what `watch` finds at `ticks`; `passed` is told how many are done.

    The same frames, look and step as in a running manager.
    """
    looker = _Looker(history, watch, ticks)
    last = -1
    for number in _strides(ticks):
        before = looker.issues.copy() if number - last > 1 else None
        found = looker.look(number)
        if before is not None and looker.unsteady(found):
            looker.issues = before  # as they were before the look ahead
            for between in range(last + 1, number):
                looker.step(between, looker.look(between))
            found = looker.look(number)
        looker.step(number, found)
        last = number
        passed(number + 1)
    looker.done.openings = looker.breakers.openings(ticks.since)
    return looker.done


def _strides(ticks: Ticks) -> Iterator[int]:
    """Yield the numbers of the moments that are looked at in any case: the last one, too."""
    end = len(ticks)
    yield from range(0, end, ticks.stride)
    if end and (end - 1) % ticks.stride:
        yield end - 1


class _Looker:
    def __init__(self, history: History, watch: Watch, ticks: Ticks) -> None:
        self.done = Replayed()
        self._history = history
        self._watch = watch
        self._ticks = ticks
        self._source = FrameSource(told=True)
        low = earliest(ticks.since, watch.terms)
        calls = past_calls(history, low, ticks.until)
        self.breakers = PastBreakers(calls, watch.terms, count_429=watch.count_429)
        self._memory = Memory()
        self.issues = Tracker()
        self._known: dict[tuple[str, str], tuple[int, str]] = {}

    def look(self, number: int) -> tuple[Finding, ...]:
        """Return what is wrong at a moment."""
        now, watch = self._ticks.at(number), self._watch
        self._source.note(self._history.at(now))
        con = self._history.con
        frames = self._source.frames(con, now, watch.policy, (), watch.thresholds)
        follow(self.issues, frames, now)
        breakers = breakers_frame(self.breakers.at(now))
        runs = run_frame(self.breakers.runs(now))
        frames = replace(frames, issues=self._seen(now), breakers=breakers, runs=runs)
        seen = look(watch.rules, frames, now)
        self.done.failed = {**seen.failed, **self.done.failed}
        self.done.looks += 1
        return seen.findings

    def _seen(self, now: datetime) -> pl.DataFrame:
        """Return `Frames.issues`: those that are not resolved."""
        open_ = [one for one in self.issues.issues.values() if one.state != "resolved"]
        patterns = list(self.issues.patterns.values())
        return frame_of(views(open_, patterns, now, self._watch.policy))

    def unsteady(self, found: Sequence[Finding]) -> bool:
        """Tell whether something else is wrong than at the last step, or waits to be told."""
        waiting = any(alert.state == "pending" for alert in self._memory.alerts)
        return waiting or _marks(found) != self._known

    def step(self, number: int, found: Sequence[Finding]) -> None:
        """Let what was found have its consequences."""
        done = step(self._memory, found, self._ticks.at(number))
        self._memory = done.memory
        self._known = _marks(found)
        self.done.alerts += done.alerts
        self.done.messages += done.messages


def _marks(found: Sequence[Finding]) -> dict[tuple[str, str], tuple[int, str]]:
    return {each.key: (each.level, each.severity) for each in found}
