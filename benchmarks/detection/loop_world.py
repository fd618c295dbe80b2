"""A fleet's calls over some days, with loops put in that are known by kind, start and size."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import cos, pi
from random import Random

import polars as pl

from benchmarks.detection.looping import OPAQUE, PROVABLE, Looping
from benchmarks.detection.run import EMITTERS, Emitter, Rows, Run
from benchmarks.detection.shapes import Shape
from benchmarks.detection.sizes import Sizes
from benchmarks.detection.work import WORK
from manager_agent.analytics.frames import CALLS, TOOLS

BEGIN = datetime(2027, 2, 1, tzinfo=UTC)  # a Monday
_DAY, _HOUR = 86_400.0, 3_600.0
_SHOWS: dict[str, tuple[Emitter, ...]] = {
    "any_arguments": ("full", "tools", "arguments"),
    "in_the_dark": ("full", "tools"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """One loop that was put in. Times: UTC; `third`: when its third repeat had been made."""

    kind: str
    emitter: Emitter
    agents: tuple[str, ...]
    start: datetime
    third: datetime
    end: datetime
    provable: bool


@dataclass(frozen=True, slots=True)
class LoopWorld:
    """All calls and tools (in order of `ts`) of `days`, and the loops among them."""

    calls: pl.DataFrame
    tools: pl.DataFrame
    labels: tuple[Label, ...]
    agents: int
    days: float


def loop_world(shape: Shape, seed: int, days: float, sizes: tuple[Sizes, Sizes]) -> LoopWorld:
    """Return the fleet of a shape; equal for equal arguments."""
    rows, labels = Rows(), []
    for number in range(shape.agents):
        random = Random(f"{seed}:{number}")
        _work(rows, random, shape, f"agent_{number:02}", days, sizes)
    kinds = [
        (name, kind) for name, kind in {**PROVABLE, **OPAQUE}.items() for _ in range(shape.loops)
    ]
    for number, (name, looping) in enumerate(kinds):
        random = Random(f"{seed}:loop:{number}")
        agent = f"agent_{random.randrange(shape.agents):02}"
        emitter = random.choice(_SHOWS.get(name, EMITTERS))
        begin = random.uniform(0.05, 0.95) * days * _DAY
        run = Run(rows, random, agent, emitter, sizes[number % 2], begin)
        labels.append(_loop(run, name, looping))
    return LoopWorld(
        _frame(rows.calls, CALLS), _frame(rows.tools, TOOLS), tuple(labels), shape.agents, days
    )


def _work(
    rows: Rows, random: Random, shape: Shape, agent: str, days: float, sizes: tuple[Sizes, Sizes]
) -> None:
    """Let an agent work: mostly at one kind, in one telemetry, following day and week."""
    shown = shape.emitters or dict.fromkeys(EMITTERS, 1.0)
    [emitter] = random.choices(list(shown), list(shown.values()))
    kinds, weights = list(shape.work), list(shape.work.values())
    [usual] = random.choices(kinds, weights)
    seconds = 0.0
    while seconds < days * _DAY:
        seconds += random.expovariate(shape.runs_a_day / _DAY)
        if random.random() > _busy(seconds, shape.night):
            continue
        kind = usual if random.random() < 0.7 else random.choices(kinds, weights)[0]
        of = sizes[0] if kind in ("code", "move") else sizes[1]
        WORK[kind](Run(rows, random, agent, emitter, of, seconds))  # type: ignore[arg-type]


def _busy(seconds: float, night: float) -> float:
    """Return how busy a moment is, 1 at a working day's two in the afternoon."""
    hour, weekday = seconds % _DAY / _HOUR, int(seconds // _DAY) % 7
    wave = 0.5 + 0.5 * cos((hour - 14) / 24 * 2 * pi)
    return (night + (1 - night) * wave) * (0.35 if weekday >= 5 else 1.0)


def _loop(run: Run, name: str, looping: Looping) -> Label:
    done: list[float] = []
    agent, begin = run.agent, run.seconds
    looping(run, run.random.randint(10, 60), lambda: done.append(run.seconds))
    others = (f"{agent}_reviewer",) if name == "hand_over" else ()
    return Label(
        kind=name,
        emitter=run.emitter,
        agents=(agent, *others),
        start=BEGIN + timedelta(seconds=begin),
        third=BEGIN + timedelta(seconds=done[3]),
        end=BEGIN + timedelta(seconds=done[-1]),
        provable=name in PROVABLE,
    )


def _frame(rows: list[dict[str, object]], schema: pl.Schema) -> pl.DataFrame:
    """Return rows in order of time, with moments in place of seconds."""
    known = {name: kind for name, kind in schema.items() if name != "ts"}
    columns = {"ts": pl.Float64(), **known}
    frame = pl.DataFrame(rows, schema=columns).with_columns(
        ts=pl.lit(BEGIN) + pl.duration(microseconds=(pl.col("ts") * 1e6).cast(pl.Int64))
    )
    return frame.select(*schema.names()).cast(schema).sort("ts")
