"""Runs the rules of failures and of creep over their fleets, as the manager does.

Failures are looked at each five minutes, creep once a day; simple detectors stand beside them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from statistics import fmean, pstdev

import polars as pl

from benchmarks.detection import creep_world as creeps
from benchmarks.detection import error_world as errors
from benchmarks.detection.creep_world import Creeping, CreepWorld
from benchmarks.detection.error_world import ErrorWorld, Outage
from benchmarks.detection.label_score import LabelScore, label_score
from benchmarks.detection.loop_trial import Told
from manager_agent.analytics.creep import creep
from manager_agent.analytics.frames import Frames
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.catalog.creep import Creep
from manager_agent.rules.catalog.error_burst import ErrorBurst
from manager_agent.rules.catalog.success_rate import SuccessRate
from manager_agent.rules.memory import Memory
from manager_agent.rules.rule import Rule
from manager_agent.rules.step import step

_KEYS = ["ts", "agent", "provider", "model"]
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_NOTHING, _POLICY = pl.DataFrame(), BudgetPolicy()
See = Callable[[datetime], Frames]


def error_scores(seed: int, agents: int, days: int) -> Iterator[LabelScore]:
    """Yield the figures of each detector of failures on the fleet of a seed."""
    world = errors.error_world(seed, agents, days)
    hours = world.steps.with_columns(pl.col("ts").dt.truncate("1h")).group_by(_KEYS)
    by_hour = hours.agg(pl.all().sum()).sort("ts")
    minutes = world.steps.sort("ts")

    def see(now: datetime) -> Frames:
        recent = _between(minutes, now - 2 * _HOUR, now)
        # Hours that are not over hold what came so far; what rules say of the past is older.
        past = _between(by_hour, now - 49 * _HOUR, now - _HOUR)
        return Frames(_NOTHING, _NOTHING, _POLICY, minutes=recent, hours=past)

    found = {
        rule.__name__: _alerts(
            made, see, errors.BEGIN, errors.BEGIN + world.days * _DAY, errors.STEP
        )
        for rule, made in ((ErrorBurst, ErrorBurst()), (SuccessRate, SuccessRate()))
    }
    found["tenth_fails"] = _error_ways(world, lambda share, _: share > 0.1)
    found["error_z_score"] = _error_ways(world, _far)
    names = {"ErrorBurst": "error_burst", "SuccessRate": "success_rate"}
    for name, told in found.items():
        yield label_score(
            *(names.get(name, name), seed, world.outages, told, agents * days / 7),
            *(timedelta(minutes=30), _no_money),
        )


def creep_scores(seed: int, agents: int, days: int) -> Iterator[LabelScore]:
    """Yield the figures of each detector of creep on the fleet of a seed."""
    world = creeps.creep_world(seed, agents, days)

    def see(now: datetime) -> Frames:
        return Frames(_NOTHING, _NOTHING, _POLICY, creep=creep(world.hours, now))

    found = {
        "creep": _alerts(Creep(), see, creeps.BEGIN, creeps.BEGIN + days * _DAY, _DAY),
        "week_on_week": _creep_ways(world, lambda week, before: fmean(week) > 1.3 * fmean(before)),
        "daily_z_score": _creep_ways(
            world, lambda week, before: week[-1] > fmean(before) + 3 * pstdev(before)
        ),
    }
    for name, told in found.items():
        yield label_score(
            *(name, seed, world.labels, told, agents * days / 7, _DAY),
            lambda label, at: _crept(world, label, at),
        )


def _alerts(rule: Rule, see: See, begin: datetime, end: datetime, every: timedelta) -> list[Told]:
    told: dict[str, Told] = {}
    memory, now = Memory(), begin
    while now < end:
        now += every
        done = step(memory, rule.find(see(now), now), now)
        memory = done.memory
        for message in done.messages:
            if message.state == "firing":
                one = Told(message.agent or "", now, message.headline)
                told.setdefault(message.alert_id, one)
    return list(told.values())


def _between(frame: pl.DataFrame, low: datetime, high: datetime) -> pl.DataFrame:
    first, last = (frame["ts"].search_sorted(at) for at in (low, high))
    return frame.slice(first, last - first)


def _error_ways(world: ErrorWorld, judge: Callable[[float, list[float]], bool]) -> list[Told]:
    """Judge the share of ten minutes by that of the past day; repeats within an hour are one."""
    told: list[Told] = []
    for (agent,), rows in world.steps.sort("ts").group_by("agent", maintain_order=True):
        shares: list[float] = []
        last, before = None, (0, 0)
        for at, calls, failed in rows.select("ts", "calls", "errors").iter_rows():
            share = (failed + before[1]) / (calls + before[0])
            before = (calls, failed)
            if at >= errors.BEGIN and judge(share, shares[-288:]):
                if last is None or at - last > _HOUR:
                    told.append(Told(str(agent), at + errors.STEP))
                last = at
            shares.append(share)
    return told


def _far(share: float, before: list[float]) -> bool:
    return share > fmean(before) + 3 * pstdev(before)


def _creep_ways(world: CreepWorld, judge: Callable[[list[float], list[float]], bool]) -> list[Told]:
    """Judge a week's cost a call by that of the week before; repeats within a week are one."""
    told: list[Told] = []
    for (agent,), rows in world.hours.sort("ts").group_by("agent", maintain_order=True):
        days: Mapping[datetime, float] = {
            at: cost / calls for at, calls, cost in rows.select("ts", "calls", "cost").iter_rows()
        }
        each, last = list(days.items()), None
        for number in range(14, len(each)):
            at = each[number - 1][0]
            values = [cost for _, cost in each[number - 14 : number]]
            if at >= creeps.BEGIN and judge(values[7:], values[:7]):
                if last is None or at - last > 7 * _DAY:
                    told.append(Told(str(agent), at + _HOUR * 12))
                last = at
    return told


def _no_money(label: Outage, told: datetime | None) -> float:
    return 0.0


def _crept(world: CreepWorld, label: Creeping, told: datetime | None) -> float:
    """Return USD beyond what the same calls cost in the week before the creep, until told."""
    mine = world.hours.filter(pl.col("agent") == label.agent)
    usual = _between(mine.sort("ts"), label.start - 7 * _DAY, label.start)
    since = _between(mine.sort("ts"), label.start, min(told or label.end, label.end))
    a_call = int(usual["cost"].sum()) / int(usual["calls"].sum())
    return (int(since["cost"].sum()) - a_call * int(since["calls"].sum())) / 1e9
