"""What agents would spend whose requests arrive and weigh as those of a real trace do.

The Azure trace holds an hour of each of two services. Agents replay it in one of two ways:

- `thinned`: each hour is the real hour, of which a part is kept, as the rhythm of day and week
  asks for; how busy a day is strays by 15 %, an hour by the agent's own;
- `slowed`: the hour fills four weeks, warped by the rhythm: bursts of seconds become busy hours.

So arrivals and tails of tokens are real, rhythms are not. The last days are judged, and have spikes
of 3 to 10 times for one to six hours in half of the agents.
"""

import csv
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import cos, exp, pi
from pathlib import Path
from random import Random
from typing import Any, Literal

import polars as pl

from benchmarks.detection.spend_agents import BEGIN
from benchmarks.detection.spend_world import KINDS, STEP, SpendWorld, Spike, bucket
from manager_agent.analytics.frames import HOURS

_WEEKS = 3
_INPUT, _OUTPUT = 1.25, 10.0  # USD for a million tokens
_LEAST_EXCESS = 1.0
_HOUR = timedelta(hours=1)
Way = Literal["thinned", "slowed"]
Request = tuple[float, float]
"""How far into the trace it came (0 to 1), and USD that it costs at list prices."""


def real_world(trace: Path, way: Way, seed: int, agents: int, days: int) -> SpendWorld:
    """Return the world of a seed; equal for equal arguments. Raises `OSError` without the trace."""
    services = [read(trace / f"azure_llm_2023_{name}.csv") for name in ("conv", "code")]
    random = Random(f"real {way} {seed}")
    spikes: list[Spike] = []
    normal: dict[tuple[str, datetime], float] = {}
    rows: list[dict[str, Any]] = []
    for number in range(agents):
        name = f"agent_{number:02}"
        buckets = (_thinned if way == "thinned" else _slowed)(services[number % 2], random, days)
        for at, usd in buckets.items():
            hour = (name, at.replace(minute=0))
            normal[hour] = normal.get(hour, 0.0) + usd
        spike = _spike(name, number, random, normal, days) if number % 4 < 2 else None
        spikes += [spike] if spike else []
        for at, usd in sorted(buckets.items()):
            of = spike if spike and spike.start <= at < spike.end else None
            rows.append(bucket(name, at, usd, of))
    table = pl.DataFrame(rows, schema=HOURS)
    before = table.filter(pl.col("ts") < BEGIN)
    keys = ["ts", "agent", "provider", "model"]
    history = before.with_columns(pl.col("ts").dt.truncate("1h")).group_by(keys).agg(pl.all().sum())
    steps = table.filter(pl.col("ts") >= BEGIN)
    return SpendWorld(
        history.select(HOURS.names()).sort("ts", "agent"),
        *(steps, tuple(spikes), normal, agents, days),
    )


def read(path: Path) -> list[Request]:
    """Return a service's requests in order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    at = [datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows]
    usd = [
        (int(row["ContextTokens"]) * _INPUT + int(row["GeneratedTokens"]) * _OUTPUT) / 1e6
        for row in rows
    ]
    length = at[-1] - at[0] + 1
    return [((each - at[0]) / length, cost) for each, cost in zip(at, usd, strict=True)]


def _thinned(service: Sequence[Request], random: Random, days: int) -> dict[datetime, float]:
    """Return USD by buckets of five minutes; an hour holds 5 to 80 requests at a working noon."""
    begin, hours = BEGIN - timedelta(weeks=_WEEKS), _WEEKS * 168 + days * 24
    shift, night = random.uniform(-6, 6), random.uniform(0.05, 0.6)
    noise, calls = random.uniform(0.05, 0.25), random.uniform(5, 80)
    mean = sum(cost for _, cost in service) / len(service)
    each = random.lognormvariate(1.2, 0.9) / calls / mean
    found: dict[datetime, float] = defaultdict(float)
    today = 1.0
    for number in range(hours):
        at = begin + _HOUR * number
        today = exp(random.gauss(0, 0.15)) if at.hour == 0 else today
        many = calls * _busy(at, shift, night) * today * exp(random.gauss(0, noise))
        kept = int(many) + (random.random() < many % 1)
        for share, cost in random.choices(service, k=kept):
            came = at + _HOUR * share
            found[came - (came - begin) % STEP] += cost * each
    return found


def _slowed(service: Sequence[Request], random: Random, days: int) -> dict[datetime, float]:
    """Return USD by buckets of five minutes, an hour of a working day's noon costing some."""
    begin, hours = BEGIN - timedelta(weeks=_WEEKS), _WEEKS * 168 + days * 24
    shift, night = random.uniform(-6, 6), random.uniform(0.05, 0.6)
    busy = [_busy(begin + _HOUR * n, shift, night) for n in range(hours)]
    passed = [0.0, *accumulate(busy)]
    turned = random.random()
    usd = random.lognormvariate(1.2, 0.9)
    each = usd * passed[-1] / sum(cost for _, cost in service)
    found: dict[datetime, float] = defaultdict(float)
    for share, cost in service:
        where = (share + turned) % 1.0 * passed[-1]
        hour = min(bisect_right(passed, where) - 1, hours - 1)
        at = begin + _HOUR * (hour + (where - passed[hour]) / busy[hour])
        found[at - (at - begin) % STEP] += cost * each
    return found


def _busy(at: datetime, shift: float, night: float) -> float:
    wave = 0.5 + 0.5 * cos((at.hour - 14 - shift) / 24 * 2 * pi)
    return (night + (1 - night) * wave) * (0.4 if at.weekday() >= 5 else 1.0)


def _spike(
    name: str, number: int, random: Random, normal: dict[tuple[str, datetime], float], days: int
) -> Spike | None:
    """Return a spike of an hour in which the agent is at work; None where it never is enough."""
    kind, factor = KINDS[number % len(KINDS)], round(random.uniform(3, 10), 1)
    for _ in range(500):
        start = BEGIN + timedelta(hours=random.randrange(2, days * 24 - 8), minutes=10)
        clock = start.replace(minute=0)
        least = min(normal.get((name, clock + _HOUR * n), 0.0) for n in (0, 1))
        if least * (factor - 1) >= _LEAST_EXCESS:
            return Spike(name, kind, factor, start, start + _HOUR * random.randint(1, 6))
    return None
