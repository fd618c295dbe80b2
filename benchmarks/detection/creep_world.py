"""What calls of agents cost over weeks: those that creep, by kind, and what only looks like it.

Hard negatives: traffic that grows at the same cost a call, weeks that swing, one dear day, agents
of few calls with heavy tails, growth that is worth cents, days of long documents at a month's end,
and a price that falls while prompts grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, pi, sin
from random import Random
from typing import Any

import polars as pl

from manager_agent.analytics.frames import HOURS

BEGIN = datetime(2027, 4, 5, tzinfo=UTC)
"""First judged day; six weeks of past lie before."""

_PAST = 42
CREEPING = ("prompts", "answers", "cache", "price")
_INNOCENT = ("traffic", "swinging", "dear_day", "few", "cents", "month_end", "cheaper", "steady")


@dataclass(frozen=True, slots=True)
class Creeping:
    """An agent's calls grow dearer from `start` on; `weekly`: by what share in each week."""

    agent: str
    kind: str
    weekly: float
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CreepWorld:
    """`hours`: usage by day, at noon, past included, as `Frames.hours`."""

    hours: pl.DataFrame
    labels: tuple[Creeping, ...]
    agents: int
    days: int


def creep_world(seed: int, agents: int, days: int) -> CreepWorld:
    """Return a fleet; equal for equal arguments. Each second agent creeps."""
    random = Random(f"creep {seed}")
    rows: list[dict[str, Any]] = []
    labels: list[Creeping] = []
    for number in range(agents):
        agent, creeps = f"agent_{number:02}", number % 2 == 0
        kinds = CREEPING if creeps else _INNOCENT
        kind = kinds[number // 2 % len(kinds)]
        start = BEGIN + timedelta(days=random.randint(-3, 5))
        label = Creeping(agent, kind, random.uniform(0.2, 0.5), start, BEGIN + timedelta(days=days))
        labels += [label] if creeps else []
        rows += _days(agent, kind, label, random, days)
    return CreepWorld(pl.DataFrame(rows, schema=HOURS), tuple(labels), agents, days)


def _days(
    agent: str, kind: str, label: Creeping, random: Random, days: int
) -> Iterator[dict[str, Any]]:
    pace = random.lognormvariate(7, 0.6) + 300
    tokens, answer, cached, dear = random.uniform(2000, 8000), 300.0, 0.6, random.randint(0, days)
    noise = random.uniform(0.02, 0.08)
    for number in range(-_PAST, days):
        at = BEGIN + timedelta(days=number, hours=12)
        weeks = max(0.0, (at - label.start) / timedelta(weeks=1))
        grown = (1 + label.weekly) ** weeks
        calls = pace * exp(random.gauss(0, 0.1)) * (0.4 if at.weekday() >= 5 else 1.0)
        more_in, more_out, hit, price = 1.0, 1.0, cached, 1.0
        match kind:
            case "prompts":
                more_in = grown
            case "answers":
                more_out = grown**2
            case "cache":
                hit = max(0.05, cached - 0.3 * weeks)
            case "price":
                price = grown
            case "traffic":
                calls *= grown
            case "swinging":
                more_in = 1 + 0.15 * sin(number / 7 * pi)
            case "dear_day":
                price = 5.0 if number == dear else 1.0
            case "few":
                calls, more_in = random.randint(5, 12), exp(random.gauss(0, 0.9))
            case "cents":
                calls, more_in = 40, grown
            case "month_end":
                more_in = 2.5 if at.day >= 29 else 1.0
            case "cheaper":
                more_in, price = grown, 1 / grown
            case _:
                pass
        yield _day(agent, at, round(calls), (
            tokens * more_in * exp(random.gauss(0, noise)),
            answer * more_out * exp(random.gauss(0, noise)), hit, price))  # fmt: skip


def _day(
    agent: str, at: datetime, calls: int, of: tuple[float, float, float, float]
) -> dict[str, Any]:
    """Return a day's usage; `of`: tokens in and out of a call, share cached, times the price."""
    tokens, answer, hit, price = of
    nano = (tokens * (1 - 0.9 * hit) * 1_250 + answer * 10_000) * price
    return {
        "ts": at, "agent": agent, "provider": "openai", "model": "gpt-5", "calls": calls,
        "errors": 0, "input_tokens": round(calls * tokens),
        "output_tokens": round(calls * answer),
        "cache_read_tokens": round(calls * tokens * hit), "unpriced_calls": 0,
        "cost": round(calls * nano), "duration_ms": calls * 2000.0,
    }  # fmt: skip
