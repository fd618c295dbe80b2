"""Runs loop detectors over a fleet as the manager does, and takes down when they told what.

Looks are `LOOK` seconds apart and see what had ended `DELAY` seconds before. The rule keeps telling
of a loop for five minutes, so that a look each 150 s misses none: false alerts are counted so, over
the whole time. Around each loop every look is taken, to know how soon it is told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from benchmarks.detection.loop_world import BEGIN, Label, LoopWorld
from manager_agent.analytics.frames import Frames, Thresholds
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.memory import Memory
from manager_agent.rules.rule import Rule
from manager_agent.rules.step import step

LOOK, DELAY, COARSE = (timedelta(seconds=n) for n in (30, 5, 150))
_HOUR = timedelta(hours=1)
_AFTER = timedelta(seconds=360)
_POLICY = BudgetPolicy()


@dataclass(frozen=True, slots=True)
class Told:
    """An alert: of whom, when it was told, and in which words."""

    agent: str
    at: datetime
    headline: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a detector did: for each label when it was told (None: never), and every alert."""

    detected: tuple[datetime | None, ...]
    alerts: tuple[Told, ...]


def rule_trial(rule: Rule, world: LoopWorld, threshold: int | None = None) -> Trial:
    """Return what a rule of the catalog tells of a world."""
    see = _seeing(world, threshold)
    detected = tuple(_first(rule, see, label) for label in world.labels)
    return Trial(detected, tuple(_alerts(rule, see, world.days)))


def stream_trial(find: Callable[[LoopWorld], Sequence[Told]], world: LoopWorld) -> Trial:
    """Return what a baseline tells; it names moments, and repeats within an hour are one alert."""
    told = find(world)
    detected = tuple(
        min((one.at for one in told if concerns(one, label)), default=None)
        for label in world.labels
    )
    return Trial(detected, tuple(_once_an_hour(told)))


def concerns(told: Told, label: Label) -> bool:
    """Tell whether an alert is of a loop: its agent, while it runs or soon after."""
    return told.agent in label.agents and label.start <= told.at <= label.end + _AFTER


See = Callable[[datetime, Sequence[str] | None], Frames]


def _seeing(world: LoopWorld, threshold: int | None) -> See:
    """Return what gives the frames of a moment, of some agents or all."""
    thresholds = Thresholds(infinite_loop_calls_per_minute=threshold)

    def part(frame: pl.DataFrame, now: datetime, agents: Sequence[str] | None) -> pl.DataFrame:
        low, high = (frame["ts"].search_sorted(at, side="right") for at in (now - _HOUR, now))
        seen = frame.slice(low, high - low)
        ended = pl.col("ts") + pl.duration(milliseconds=pl.col("duration_ms")) + DELAY <= now
        mine = pl.lit(value=True) if agents is None else pl.col("agent").is_in(agents)
        return seen.filter(ended & mine)

    def see(now: datetime, agents: Sequence[str] | None) -> Frames:
        nothing = pl.DataFrame()
        return Frames(
            *(nothing, nothing, _POLICY),
            calls=part(world.calls, now, agents),
            tools=part(world.tools, now, agents),
            thresholds=thresholds,
        )

    return see


def _first(rule: Rule, see: See, label: Label) -> datetime | None:
    """Return the first look at which one of a loop's agents is told of, during it or soon after."""
    now = _look_after(label.start)
    while now <= label.end + _AFTER:
        if any(one.agent in label.agents for one in rule.find(see(now, label.agents), now)):
            return now
        now += LOOK
    return None


def _look_after(moment: datetime) -> datetime:
    passed = (moment - BEGIN) // LOOK
    return BEGIN + (passed + 1) * LOOK


def _alerts(rule: Rule, see: See, days: float) -> Iterator[Told]:
    """Yield every alert that the life of alerts makes of the rule's findings."""
    memory, now = Memory(), BEGIN
    while now < BEGIN + timedelta(days=days):
        now += COARSE
        done = step(memory, rule.find(see(now, None), now), now)
        fired = {alert.alert_id for alert in memory.alerts}
        memory = done.memory
        for message in done.messages:
            if message.state == "firing" and message.alert_id not in fired:
                yield Told(message.agent or "", now, message.headline)


def _once_an_hour(told: Sequence[Told]) -> Iterator[Told]:
    last: dict[str, datetime] = {}
    for one in sorted(told, key=lambda each: each.at):
        if one.agent not in last or one.at - last[one.agent] > _HOUR:
            yield one
        last[one.agent] = one.at
