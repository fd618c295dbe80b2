"""Runs spike detectors over what a fleet spends, as the manager does; a look each ten minutes.

Fleets are judged side by side, as one manager judges all of its agents; baselines are computed each
hour, as there. The simple detectors judge whole hours, as they are used: a fixed percentage, a
z-score, an EWMA.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median, pstdev
from zoneinfo import ZoneInfo

import polars as pl

from benchmarks.detection.loop_trial import Told
from benchmarks.detection.spend_agents import BEGIN
from benchmarks.detection.spend_world import SpendWorld, Spike
from manager_agent.analytics.baseline import baselines
from manager_agent.analytics.frames import Frames, Thresholds
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.memory import Memory
from manager_agent.rules.rule import Rule
from manager_agent.rules.step import step

LOOK = timedelta(minutes=10)
_HOUR = timedelta(hours=1)
_AFTER = timedelta(hours=2)
_ZONE = ZoneInfo("UTC")
Judge = Callable[[Sequence[float], float], bool]


@dataclass(frozen=True, slots=True)
class SpendScore:
    """How well a detector found spikes of three times normal or more."""

    detector: str
    seed: int
    spikes: int
    recall: float
    by_factor: Mapping[str, float]
    precision: float | None
    false_alerts: int
    false_a_week: float
    agent_weeks: float
    minutes_median: float | None
    minutes_p95: float | None
    leaked_usd: float
    missed: tuple[str, ...]


def rule_alerts(
    rule: Rule, worlds: Sequence[SpendWorld], percent: float | None = None
) -> list[list[Told]]:
    """Return the alerts that the life of alerts makes of what a rule finds, of each world."""
    alerts = _alerts(rule, _together(worlds), percent)
    each: list[list[Told]] = [[] for _ in worlds]
    for one in alerts:
        number, _, agent = one.agent.partition("/")
        each[int(number)].append(Told(agent, one.at, one.headline))
    return each


def _together(worlds: Sequence[SpendWorld]) -> SpendWorld:
    """Return one world of all agents, each named after the place of its own in `worlds`."""
    named = [(pl.lit(f"{n}/") + pl.col("agent")).alias("agent") for n in range(len(worlds))]
    history, steps = (
        pl.concat(
            [getattr(world, part).with_columns(n) for world, n in zip(worlds, named, strict=True)]
        )
        for part in ("history", "steps")
    )
    agents, days = sum(world.agents for world in worlds), max(world.days for world in worlds)
    return SpendWorld(history, steps, (), {}, agents, days)


def _alerts(rule: Rule, world: SpendWorld, percent: float | None) -> list[Told]:
    told, memory, now = [], Memory(), BEGIN
    normal, computed = pl.DataFrame(), BEGIN - timedelta(days=1)
    while now < BEGIN + timedelta(days=world.days):
        if percent is None and now - computed >= _HOUR:
            normal, computed = baselines(_hours(world, now), now, _ZONE), now
        now += LOOK
        done = step(memory, rule.find(_frames(world, now, normal, percent), now), now)
        known = {alert.alert_id for alert in memory.alerts}
        memory = done.memory
        for message in done.messages:
            if message.state == "firing" and message.alert_id not in known:
                told.append(Told(message.agent or "", now, message.headline))
    return told


def _frames(
    world: SpendWorld, now: datetime, normal: pl.DataFrame, percent: float | None
) -> Frames:
    nothing = pl.DataFrame()
    policy, ts = BudgetPolicy(), pl.col("ts")
    minutes = world.steps.filter((ts < now) & (ts >= now - timedelta(hours=2)))
    if percent is not None:
        within = ts >= now.replace(minute=0) - timedelta(hours=48)
        hours = _hours(world, now).filter(within)
        limit = Thresholds(cost_spike_percentage=percent)
        return Frames(nothing, nothing, policy, hours=hours, minutes=minutes, thresholds=limit)
    budgets = pl.DataFrame(schema={"agent": pl.String, "period": pl.String, "unit": pl.String,
                                   "limit": pl.Int64})  # fmt: skip
    return Frames(budgets, nothing, policy, minutes=minutes, baselines=normal)


def _hours(world: SpendWorld, now: datetime) -> pl.DataFrame:
    """Return usage by hour up to now."""
    keys = ["ts", "agent", "provider", "model"]
    late = world.steps.filter(pl.col("ts") < now).with_columns(pl.col("ts").dt.truncate("1h"))
    late = late.group_by(keys, maintain_order=True).agg(pl.all().sum())
    return pl.concat([world.history, late.select(world.history.columns)])


def fixed(before: Sequence[float], cost: float, percent: float = 100) -> bool:
    """Judge an hour by the median of the last 24, plus so many percent."""
    return cost > median(before[-24:]) * (1 + percent / 100)


def z_score(before: Sequence[float], cost: float, sigmas: float = 3) -> bool:
    """Judge an hour by mean and standard deviation of the last seven days."""
    return cost > fmean(before[-168:]) + sigmas * pstdev(before[-168:])


def ewma(before: Sequence[float], cost: float, times: float = 3, weight: float = 0.1) -> bool:
    """Judge an hour by a moving average that forgets."""
    average = before[-168:][0]
    for each in before[-168:]:
        average += weight * (each - average)
    return cost > times * average


def simple_alerts(judge: Judge, world: SpendWorld, least_usd: float = 0.5) -> list[Told]:
    """Return an alert at the end of each dear hour, unless the hour before was one, too."""
    series: dict[str, list[float]] = defaultdict(list)
    last: dict[str, datetime] = {}
    told = []
    hours = _hours(world, BEGIN + timedelta(days=world.days)).group_by("ts", "agent")
    rows = hours.agg(pl.col("cost").sum()).sort("ts", "agent").iter_rows()
    for at, agent, cost in rows:
        before, usd = series[agent], cost / 1e9
        if at >= BEGIN and len(before) >= 3 and usd >= least_usd and judge(before, usd):
            if last.get(agent) != at - _HOUR:
                told.append(Told(agent, at + _HOUR))
            last[agent] = at
        before.append(usd)
    return told


def spend_score(detector: str, seed: int, world: SpendWorld, told: Sequence[Told]) -> SpendScore:
    """Return the figures of a detector's alerts."""
    first = {spike: _first(spike, told) for spike in world.spikes}
    by_factor: dict[str, list[bool]] = defaultdict(list)
    for spike, at in first.items():
        by_factor[f"{spike.factor:g}x"].append(at is not None)
    false = sum(not any(_concerns(one, spike) for spike in world.spikes) for one in told)
    waits = sorted((at - s.start).total_seconds() / 60 for s, at in first.items() if at is not None)
    weeks = world.agents * world.days / 7
    return SpendScore(
        detector=detector,
        seed=seed,
        spikes=len(first),
        recall=len(waits) / len(first),
        by_factor={name: fmean(found) for name, found in sorted(by_factor.items())},
        precision=1 - false / len(told) if told else None,
        false_alerts=false,
        false_a_week=false / weeks,
        agent_weeks=weeks,
        minutes_median=median(waits) if waits else None,
        minutes_p95=waits[int(len(waits) * 0.95)] if waits else None,
        leaked_usd=sum(_leaked(world, spike, at) for spike, at in first.items()),
        missed=tuple(f"{s.kind} {s.factor:g}x" for s, at in first.items() if at is None),
    )


def _concerns(told: Told, spike: Spike) -> bool:
    return told.agent == spike.agent and spike.start <= told.at <= spike.end + _AFTER


def _first(spike: Spike, told: Sequence[Told]) -> datetime | None:
    return min((one.at for one in told if _concerns(one, spike)), default=None)


def _leaked(world: SpendWorld, spike: Spike, told: datetime | None) -> float:
    """Return USD above normal from the spike's start until it was told."""
    until = spike.end if told is None else min(told, spike.end)
    within = pl.col("ts").is_between(spike.start, until, closed="left")
    mine = world.steps.filter(within & (pl.col("agent") == spike.agent))
    return float(mine["cost"].sum()) / 1e9 * (1 - 1 / spike.factor)
