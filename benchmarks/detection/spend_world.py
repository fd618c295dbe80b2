"""What a fleet spends by hour over five weeks, then by five minutes over days with known spikes.

Rhythms of day and week, growth, jobs at night and on Mondays, noise with heavy tails; and what
looks like a spike and is none: a deploy that lasts, a first day, a busier end of the month.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import cos, exp, pi
from random import Random
from typing import Any

import polars as pl

from manager_agent.analytics.frames import HOURS

BEGIN = datetime(2027, 1, 25, tzinfo=UTC)
"""First judged moment, a Monday; five weeks of history lie before."""

HISTORY = timedelta(weeks=5)
STEP = timedelta(minutes=5)
KINDS = ("volume", "tokens", "model mix", "cache loss", "price")
FACTORS = (3.0, 5.0, 10.0)
RHYTHMS = ("people", "service", "nightly", "mondays", "sparse", "growing", "deploy", "new")
_DAY = 86_400.0
_LEAST_EXCESS = 1.0  # USD an hour: what is less is worth no alert
_MONTH_END = datetime(2027, 1, 31, tzinfo=UTC)


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


@dataclass(frozen=True, slots=True)
class _Agent:
    """`usd`: an hour at noon of a working day; `noise`: how far its hours stray (log scale)."""

    name: str
    rhythm: str
    usd: float
    noise: float
    shift: float

    def normal(self, at: datetime) -> float:
        """Return USD an hour, without noise."""
        hour = at.hour + at.minute / 60
        seconds = (at - BEGIN).total_seconds()
        wave = 0.55 + 0.45 * cos((hour - 14 - self.shift) / 24 * 2 * pi)
        week = 0.3 if at.weekday() >= 5 else 1.0
        match self.rhythm:
            case "service":
                shape = 0.7 + 0.3 * wave
            case "nightly":
                shape = 3.0 if 2 <= hour < 4 else 0.1 * wave
            case "mondays":
                shape = 3.0 if at.weekday() == 0 and 8 <= hour < 11 else 0.3 * wave * week
            case "sparse":
                shape = wave * week if at.hour % 4 == 0 else 0.0
            case "growing":
                shape = wave * week * exp(seconds / _DAY * 0.012)
            case "deploy":
                shape = wave * week * (1.7 if seconds >= 2.6 * _DAY else 1.0)
            case "new":
                shape = wave if seconds >= 1.4 * _DAY else 0.0
            case _:
                shape = wave * week
        if self.rhythm == "people" and at.date() == _MONTH_END.date():
            shape *= 1.8
        return self.usd * shape


def spend_world(seed: int, agents: int, days: int, rhythms: tuple[str, ...]) -> SpendWorld:
    """Return a fleet; equal for equal arguments."""
    random = Random(f"spend {seed}")
    fleet = [
        _Agent(
            f"agent_{n:02}",
            rhythms[n % len(rhythms)],
            random.lognormvariate(1.2, 0.9),
            random.uniform(0.08, 0.3),
            random.uniform(-3, 3),
        )
        for n in range(agents)
    ]
    spikes = tuple(_spikes(fleet, random, days))
    normal: dict[tuple[str, datetime], float] = {}
    hours = _rows(fleet, (), random, BEGIN - HISTORY, BEGIN, timedelta(hours=1), normal)
    end = BEGIN + timedelta(days=days)
    steps = _rows(fleet, spikes, random, BEGIN, end, STEP, normal)
    return SpendWorld(
        pl.DataFrame(list(hours), schema=HOURS),
        pl.DataFrame(list(steps), schema=HOURS),
        *(spikes, normal, agents, days),
    )


def _spikes(fleet: list[_Agent], random: Random, days: int) -> Iterator[Spike]:
    """Yield a spike of each kind and size, each of another agent while it is at work."""
    wanted = [(kind, factor) for kind in KINDS for factor in FACTORS]
    old = [agent for agent in fleet if agent.rhythm not in ("new", "sparse")]
    for number, (kind, factor) in enumerate(wanted):
        agent = old[number % len(old)]
        for _ in range(500):
            start = BEGIN + timedelta(hours=random.randrange(2, days * 24 - 8), minutes=10)
            least = min(agent.normal(start + timedelta(hours=hour)) for hour in (0, 1, 2))
            if least * (factor - 1) >= _LEAST_EXCESS:
                yield Spike(
                    *(agent.name, kind, factor, start),
                    start + timedelta(hours=random.randint(2, 5)),
                )
                break


def _rows(
    fleet: list[_Agent],
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
            told = usd * exp(stray + random.gauss(0, 0.25 if every == STEP else 0.07))
            if told > 0:
                yield _bucket(agent, at, told, spike)
            at += every


def _bucket(agent: _Agent, at: datetime, usd: float, spike: Spike | None) -> dict[str, Any]:
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
        "ts": at, "agent": agent.name, "provider": "openai",
        "model": "gpt-5-pro" if spike and spike.kind == "model mix" else "gpt-5",
        "calls": round(calls * more), "errors": 0, "input_tokens": round(calls * more * tokens),
        "output_tokens": round(calls * more * 200),
        "cache_read_tokens": round(calls * more * tokens * reads),
        "cost": round(usd * factor * 1e9), "unpriced_calls": 0,
        "duration_ms": calls * more * 2000.0,
    }  # fmt: skip
