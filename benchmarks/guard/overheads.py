"""Row 10: what a call costs more, with the manager up and the budget ample.

Asked for are less than 5 us for gate, reserve and settle alone, span apart, and no change at p99 of
the SDK's calls that can be told from what two series of the bare SDK differ by. What the guard adds
to a typical call is told beside them, and is no criterion: two milliseconds of an SDK leave nothing
of the guard in the processor's caches, so that each of its steps takes several times as long there
as alone, by how much is the machine's and the SDK's doing.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.guard.lines import Line
from benchmarks.guard.resampling import at, difference
from benchmarks.guard.sides import Agents
from benchmarks.guard.truth import provider
from benchmarks.guard.world import AMPLE, World

WORKER = Path(__file__).parent / "paired_agent.py"
ISOLATED_US = 5.0


def overhead(world: World) -> Iterator[Line]:
    """Row 10: reserve and settle alone; and calls of the SDK in turns with bare ones."""
    calls = 500 if world.quick else 4000
    with provider() as truth, Agents(world.ours, truth, AMPLE) as agents:
        agents.start_words([str(WORKER), str(calls)])
        process = agents.running[0]
        out, err = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(err[-2000:])
    found = json.loads(out.splitlines()[-1])
    yield _alone(world.ours.name, found)
    yield _typical(world.ours.name, found)
    yield _rare(world.ours.name, found)


def _alone(name: str, found: dict[str, Any]) -> Line:
    alone, placed = found.pop("isolated_us"), found.pop("in_place_us")
    first = f"{alone['p50']:.1f} us p50, best tenth {alone['p10']:.1f}"
    second = f"{alone['caller p50']:.1f} in its caller's thread ({alone['caller p10']:.1f})"
    third = f"{alone['settling p50']:.1f} elsewhere to settle it ({alone['settling p10']:.1f})"
    fourth = f"{placed['decide p50']:.0f} and {placed['line up p50']:.0f} us"
    note = (
        f"{first}: {second} and {third}, without {alone['timer']:.1f} to read the clock; in the"
        f" midst of the SDK's calls, with nothing in the caches, {fourth};"
        f" {found['refused']} of {found['allowed']} calls refused"
    )
    passed = alone["p50"] < ISOLATED_US and not found["refused"]
    figures = {"isolated_us": alone, "in_place_us": placed}
    return Line(
        10, "gate, reserve and settle alone < 5 us", name, None, None, passed, note, figures
    )


def _typical(name: str, found: dict[str, Any]) -> Line:
    """Tell medians of processor time, for information: what other processes do is not in them."""
    taken = {kind: at(cpu, 50) / 1000 for kind, cpu in found["cpu"].items()}
    pairs = zip(found["cpu"]["guarded"], found["cpu"]["metered"], strict=True)
    guard = at([with_it - without for with_it, without in pairs], 50) / 1000
    said = ", ".join(f"{kind} {value:.0f}" for kind, value in taken.items())
    note = f"us of processor time, p50: {said}; the guard {guard:+.1f}"
    figures = {"p50_us": taken, "guard_us": guard}
    return Line(10, "paired calls of the SDK, p50", name, None, None, None, note, figures)


def _rare(name: str, found: dict[str, Any]) -> Line:
    """Compare p99 by the clock: no more than what two series of the bare SDK differ by."""
    clock = found["clock"]
    bare = clock["bare"]
    told = {kind: difference(bare, clock[kind], 99) for kind in clock if kind != "bare"}
    _, low, high = told["guarded"]
    noise = max(abs(each) for each in told["bare again"][1:])
    said = ", ".join(
        f"{kind} {each[0] / 1000:+.0f} ({each[1] / 1000:+.0f} to {each[2] / 1000:+.0f})"
        for kind, each in told.items()
    )
    note = f"us at p99 beside the bare SDK's {at(bare, 99) / 1000:.0f}, 95 % sure: {said}"
    passed = low <= 0 <= high or abs(told["guarded"][0]) <= noise
    figures = {"p99_difference_ns": told, "bare_p99_ns": at(bare, 99)}
    return Line(10, "paired calls of the SDK, p99", name, None, None, passed, note, figures)
