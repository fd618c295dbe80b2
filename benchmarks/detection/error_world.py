"""Calls and failures of a fleet by five minutes: outages of known size, and what only looks so.

Hard negatives: agents that always fail a lot, agents of few calls whose few calls fail at times, a
conversation that fails again and again among others, more failures for weeks, rate limits that
cost a tenth of the calls, and rushes: many more calls that fail as seldom as ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import cos, pi
from random import Random
from typing import Any

import polars as pl

from manager_agent.analytics.frames import HOURS

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)
"""First judged moment; two days of past lie before."""

STEP = timedelta(minutes=5)
_PAST = timedelta(days=2)
_KINDS = ("steady", "flaky", "few", "stuck", "worse", "limited", "rushes")
_SHARES = (0.4, 0.6, 1.0)


@dataclass(frozen=True, slots=True)
class Outage:
    """A share of an agent's calls fails from `start` to `end`."""

    agent: str
    kind: str
    share: float
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ErrorWorld:
    """`steps`: usage by five minutes, past included, as `Frames.minutes`."""

    steps: pl.DataFrame
    outages: tuple[Outage, ...]
    agents: int
    days: int


def error_world(seed: int, agents: int, days: int) -> ErrorWorld:
    """Return a fleet; equal for equal arguments."""
    random = Random(f"errors {seed}")
    rows: list[dict[str, Any]] = []
    outages: list[Outage] = []
    for number in range(agents):
        kind = _KINDS[number % len(_KINDS)]
        outage = _outage(f"agent_{number:02}", number, random, days) if kind != "few" else None
        outages += [outage] if outage else []
        rows += _rows(f"agent_{number:02}", kind, outage, random, days)
    return ErrorWorld(pl.DataFrame(rows, schema=HOURS), tuple(outages), agents, days)


def _outage(agent: str, number: int, random: Random, days: int) -> Outage:
    start = BEGIN + STEP * random.randrange(12, days * 288 - 24)
    share = _SHARES[number % len(_SHARES)]
    kind = f"{share:.0%} of calls"
    return Outage(agent, kind, share, start, start + STEP * random.randint(3, 18))


def _rows(
    agent: str, kind: str, outage: Outage | None, random: Random, days: int
) -> Iterator[dict[str, Any]]:
    pace = random.uniform(0.3, 2) if kind == "few" else random.lognormvariate(3.4, 0.5) + 8
    usual = random.uniform(0.1, 0.3) if kind == "flaky" else random.uniform(0.001, 0.03)
    at, stuck = BEGIN - _PAST, 0
    while at < BEGIN + timedelta(days=days):
        wave = 0.75 + 0.25 * cos((at.hour - 14) / 24 * 2 * pi)
        many = pace * wave * (8 if kind == "rushes" and at.hour == 9 else 1)
        calls = _count(random, many)
        share = usual
        if kind == "worse":
            share += 0.05 * max(0.0, (at - BEGIN) / timedelta(days=4))
        if kind == "limited" and at.hour in (9, 10) and at.minute < 20:
            share += 0.1
        if kind == "few" and random.random() < 0.02:
            share = 1.0
        if outage and outage.start <= at < outage.end:
            share = outage.share
        errors = sum(random.random() < share for _ in range(calls))
        stuck = random.randint(2, 5) if kind == "stuck" and random.random() < 0.003 else stuck
        if stuck:  # one conversation retries, once or twice a minute
            stuck, more = stuck - 1, random.randint(3, 8)
            calls, errors = calls + more, errors + more
        if calls:
            yield {
                "ts": at, "agent": agent, "provider": "openai", "model": "gpt-5",
                "calls": calls, "errors": errors, "input_tokens": calls * 1000,
                "output_tokens": calls * 100, "cache_read_tokens": 0, "unpriced_calls": 0,
                "cost": (calls - errors) * 2_000_000, "duration_ms": calls * 2000.0,
            }  # fmt: skip
        at += STEP


def _count(random: Random, mean: float) -> int:
    """Return how many calls come: a Poisson number."""
    count, passed = 0, random.expovariate(1.0)
    while passed < mean:
        count, passed = count + 1, passed + random.expovariate(1.0)
    return count
