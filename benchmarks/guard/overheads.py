"""Row 10: what a call costs more, with the manager up and the budget ample."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.guard.lines import Line
from benchmarks.guard.sides import Agents
from benchmarks.guard.truth import provider
from benchmarks.guard.world import AMPLE, World

WORKER = Path(__file__).parent / "paired_agent.py"
ISOLATED_US = 5.0
PAIRED_US = 20.0


def overhead(world: World) -> Iterator[Line]:
    """Row 10: reserve and settle alone; and calls of the SDK in turns with bare ones."""
    calls = 500 if world.quick else 3000
    with provider() as truth, Agents(world.ours, truth, AMPLE) as agents:
        agents.start_words([str(WORKER), str(calls)])
        process = agents.running[0]
        out, err = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(err[-2000:])
    found = json.loads(out.splitlines()[-1])
    isolated = found["isolated_us"]
    note = (
        f"in the caller's thread {isolated['p50']:.1f} us p50, {isolated['p99']:.1f} us p99, and"
        f" {isolated['settling']:.1f} us elsewhere to settle it;"
        f" of {found['allowed']} calls {found['allowed'] - found['refused']} had a lease"
    )
    name = world.ours.name
    passed = isolated["p50"] < ISOLATED_US and not found["refused"]
    yield Line(10, "guard alone < 5 us", name, None, None, passed, note, found)
    bare, metered, guarded = found["bare"], found["metered"], found["guarded"]
    note = (
        f"bare {bare['p50']:.0f}/{bare['p99']:.0f} us p50/p99, gate, meter and span"
        f" {metered['p50']:.0f}/{metered['p99']:.0f}, with the guard"
        f" {guarded['p50']:.0f}/{guarded['p99']:.0f}; guard {found['guard_us']:+.1f} us"
    )
    passed = found["guard_us"] < PAIRED_US
    yield Line(10, "paired calls of the SDK", name, None, None, passed, note, found)
