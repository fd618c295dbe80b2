"""What a fleet spends by hour over five weeks, then by five minutes over days with known spikes.

Agents and their rhythms are in `spend_agents.py`; here, hours stray with heavy tails, and spikes of
known kind, size and length are put in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Any

import polars as pl

from benchmarks.detection.spend_agents import BEGIN, LUMPY, Spender, pieces
from manager_agent.analytics.frames import HOURS

HISTORY = timedelta(weeks=5)
STEP = timedelta(minutes=5)
KINDS = ("volume", "tokens", "model mix", "cache loss", "price")
FACTORS = (3.0, 5.0, 10.0)
_LEAST_EXCESS = 1.0  # USD an hour: what is less is worth no alert
_UNKNOWN = ("new", "sparse", "few", "bursty", "odd_batch", "day_old")
"""Rhythms that no spikes are put into: too little is known of them, or any hour is as rare."""
_YOUNG = {"new": 1.4, "day_old": -1.5}
"""Rhythms that are less than three days old, and when they begin: days after `BEGIN`. Spikes
of their own are put in where these are judged, apart from all others."""


@dataclass(frozen=True, slots=True)
class Spike:
    """One spike that was put in: cost is `factor` times normal from `start` to `end`."""

    agent: str
    kind: str
    factor: float
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class SpendWorld:
    """`history`: usage by hour before `BEGIN`; `steps`: by five minutes after. As `Frames.hours`.

    `normal`: USD that an agent spends in an hour (its start) where nothing is wrong.
    """

    history: pl.DataFrame
    steps: pl.DataFrame
    spikes: tuple[Spike, ...]
    normal: dict[tuple[str, datetime], float]
    agents: int
    days: int
    young: tuple[Spike, ...] = ()


def of_young(world: SpendWorld) -> SpendWorld:
    """Return the agents of less than three days alone, each with a spike on its first days."""
    names = sorted({spike.agent for spike in world.young})
    mine = pl.col("agent").is_in(names)
    factor = pl.lit(1.0)
    for spike in world.young:
        within = (pl.col("ts") >= spike.start) & (pl.col("ts") < spike.end)
        of = within & (pl.col("agent") == spike.agent)
        factor = pl.when(of).then(spike.factor).otherwise(factor)
    counts = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cost")
    more = [(pl.col(name) * factor).round().cast(pl.Int64()) for name in counts]
    steps = world.steps.filter(mine).with_columns(more)
    history = world.history.filter(mine)
    return replace(world, history=history, steps=steps, spikes=world.young, agents=len(names))


def spend_world(
    seed: int, agents: int, days: int, rhythms: tuple[str, ...], spikes_wanted: int = 15
) -> SpendWorld:
    """Return a fleet; equal for equal arguments."""
    random = Random(f"spend {seed}")
    fleet = [
        Spender(
            f"agent_{n:02}",
            rhythms[n % len(rhythms)],
            random.lognormvariate(1.2, 0.9),
            random.uniform(0.08, 0.3),
            random.uniform(-3, 3),
            f"{seed} {n}",
        )
        for n in range(agents)
    ]
    spikes = tuple(_spikes(fleet, random, days, spikes_wanted))
    normal: dict[tuple[str, datetime], float] = {}
    hours = _rows(fleet, (), random, BEGIN - HISTORY, BEGIN, timedelta(hours=1), normal)
    end = BEGIN + timedelta(days=days)
    steps = _rows(fleet, spikes, random, BEGIN, end, STEP, normal)
    return SpendWorld(
        pl.DataFrame(list(hours), schema=HOURS),
        pl.DataFrame(list(steps), schema=HOURS),
        *(spikes, normal, agents, days, tuple(_of_the_young(fleet, seed, days))),
    )


def _of_the_young(fleet: list[Spender], seed: int, days: int) -> Iterator[Spike]:
    """Yield a spike of each young agent, half a day to two and a half days after it began."""
    random = Random(f"young {seed}")
    for agent in fleet:
        if agent.rhythm not in _YOUNG:
            continue
        for _ in range(200):
            age = timedelta(hours=random.randrange(12, 60))
            begun = BEGIN + timedelta(hours=24 * _YOUNG[agent.rhythm])
            start = (begun + age).replace(minute=10, second=0, microsecond=0)
            within = BEGIN < start < BEGIN + timedelta(days=days, hours=-6)
            factor = random.choice(FACTORS)
            if within and agent.normal(start) * (factor - 1) >= _LEAST_EXCESS:
                hours = timedelta(hours=random.randint(1, 6))
                yield Spike(agent.name, "volume", factor, start, start + hours)
                break


def _spikes(fleet: list[Spender], random: Random, days: int, count: int) -> Iterator[Spike]:
    """Yield spikes of each kind and size in turn, each of another agent while it is at work."""
    each = [(kind, factor) for kind in KINDS for factor in FACTORS]
    old = [agent for agent in fleet if agent.rhythm not in _UNKNOWN]
    random.shuffle(old)
    for number, agent in enumerate(old[:count]):
        kind, factor = each[number % len(each)]
        for _ in range(500):
            start = BEGIN + timedelta(hours=random.randrange(2, days * 24 - 8), minutes=10)
            least = min(agent.normal(start + timedelta(hours=hour)) for hour in (0, 1))
            if least * (factor - 1) >= _LEAST_EXCESS:
                yield Spike(
                    *(agent.name, kind, factor, start),
                    start + timedelta(hours=random.randint(1, 6)),
                )
                break


def _rows(
    fleet: list[Spender],
    spikes: tuple[Spike, ...],
    random: Random,
    begin: datetime,
    end: datetime,
    every: timedelta,
    normal: dict[tuple[str, datetime], float],
) -> Iterator[dict[str, Any]]:
    """Yield usage of each agent in buckets of `every`; `normal` learns what hours should cost."""
    share = every / timedelta(hours=1)
    for agent in fleet:
        at, stray = begin, 0.0
        while at < end:
            if at.minute == 0:  # hours stray as a whole, and one in a hundred far
                stray = random.gauss(0, agent.noise) * (3 if random.random() < 0.01 else 1)
            usd = agent.normal(at) * share
            hour = (agent.name, at.replace(minute=0))
            normal[hour] = normal.get(hour, 0.0) + usd
            spike = next(
                (s for s in spikes if s.agent == agent.name and s.start <= at < s.end), None
            )
            if agent.rhythm in LUMPY:
                told = pieces(random, usd, *LUMPY[agent.rhythm])
            else:
                told = usd * exp(stray + random.gauss(0, 0.25 if every == STEP else 0.07))
            if told > 0:
                yield bucket(agent.name, at, told, spike)
            at += every


def bucket(agent: str, at: datetime, usd: float, spike: Spike | None) -> dict[str, Any]:
    """Return usage worth so many USD: a call of 3,000 tokens in, 60 % of them cached, 200 out."""
    factor = spike.factor if spike else 1.0
    calls = max(usd / 0.004, 1.0)
    tokens, reads, more = 3000.0, 0.6, 1.0
    match spike.kind if spike else None:
        case "volume":
            more = factor
        case "tokens":
            tokens *= factor
        case "cache loss":
            reads = 0.0
    return {
        "ts": at, "agent": agent, "provider": "openai",
        "model": "gpt-5-pro" if spike and spike.kind == "model mix" else "gpt-5",
        "calls": round(calls * more), "errors": 0, "input_tokens": round(calls * more * tokens),
        "output_tokens": round(calls * more * 200),
        "cache_read_tokens": round(calls * more * tokens * reads),
        "cost": round(usd * factor * 1e9), "unpriced_calls": 0,
        "duration_ms": calls * more * 2000.0,
    }  # fmt: skip
