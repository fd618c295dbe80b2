"""Row 10: what a call costs more, with the manager up and the budget ample.

Asked for are less than 5 us for gate, reserve and settle isolated, span apart, and no change at p99
of the SDK's calls that can be told from what two series of the bare SDK differ by. Isolated is in a
process of its own, as `benchmarks.reserve` measures it. What the same steps take in an agent, and
what the guard adds to a typical call, is told beside them and is no criterion: other threads and
two milliseconds of an SDK leave little of the guard in the processor's caches, so that each of its
steps takes longer there, by how much is the machine's and the SDK's doing.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.guard.lines import Line
from benchmarks.guard.resampling import at, difference
from benchmarks.guard.sides import Agents
from benchmarks.guard.truth import provider
from benchmarks.guard.world import AMPLE, World
from benchmarks.reserve import LIMIT_NS, WHOLE

WORKER = Path(__file__).parent / "paired_agent.py"
ISOLATED_US = LIMIT_NS / 1000


def overhead(world: World) -> Iterator[Line]:
    """Row 10: reserve and settle isolated; and calls of the SDK in turns with bare ones."""
    yield _isolated(world.ours.name)
    calls = 500 if world.quick else 4000
    with provider() as truth, Agents(world.ours, truth, AMPLE) as agents:
        agents.start_words([str(WORKER), str(calls)])
        process = agents.running[0]
        out, err = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(err[-2000:])
    found = json.loads(out.splitlines()[-1])
    yield _in_an_agent(world.ours.name, found)
    yield _typical(world.ours.name, found)
    yield _rare(world.ours.name, found)


def _isolated(name: str) -> Line:
    command = [sys.executable, "-m", "benchmarks.reserve", "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    figures = json.loads(said.stdout)
    tenth, median = (figures[WHOLE][each] / 1000 for each in ("tenth", "median"))
    note = f"{tenth:.1f} us in the best tenth of the rounds, median {median:.1f}"
    case = f"gate, reserve and settle isolated < {ISOLATED_US:.0f} us"
    return Line(10, case, name, None, None, tenth < ISOLATED_US, note, figures)


def _in_an_agent(name: str, found: dict[str, Any]) -> Line:
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
    figures = {"isolated_us": alone, "in_place_us": placed}
    passed = False if found["refused"] else None
    return Line(10, "the same in an agent's process", name, None, None, passed, note, figures)


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
