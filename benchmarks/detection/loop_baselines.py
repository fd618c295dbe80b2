"""What is often used to find loops, as a measure for the rule: counting, and looking for equals."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from benchmarks.detection.loop_trial import Told
from benchmarks.detection.loop_world import LoopWorld


def calls_per_minute(world: LoopWorld, limit: int = 10) -> Sequence[Told]:
    """More than so many model calls of an agent begin within 60 s."""
    last: dict[str, list[datetime]] = {}
    told = []
    for agent, at in world.calls.select("agent", "ts").iter_rows():
        mine = last.setdefault(agent, [])
        mine.append(at)
        if len(mine) > limit + 1:
            mine.pop(0)
        if len(mine) == limit + 1 and at - mine[0] < timedelta(seconds=60):
            told.append(Told(agent, at))
    return told


def identical_in_a_row(world: LoopWorld, times: int = 5) -> Sequence[Told]:
    """An agent calls the same tool with the same arguments, or asks the same, so often in a row."""
    calls = world.calls.select("ts", "agent", kind=pl.lit("call"), did=pl.col("prompt_digest"))
    tools = world.tools.select("ts", "agent", kind=pl.lit("tool"), did=pl.col("arguments_digest"))
    row: dict[tuple[str, str], tuple[str | None, int]] = {}
    told = []
    for at, agent, kind, did in pl.concat([calls, tools]).sort("ts").iter_rows():
        before, count = row.get((agent, kind), (None, 0))
        count = count + 1 if did is not None and did == before else 1
        row[agent, kind] = (did, count)
        if count >= times:
            told.append(Told(agent, at))
    return told
