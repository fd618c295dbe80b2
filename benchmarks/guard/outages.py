"""Row 9: the manager is killed, stands still, or cannot be reached, in the middle of a run."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.guard.lines import Line
from benchmarks.guard.relay import Relay, relaying
from benchmarks.guard.sides import Agents, Told, ours
from benchmarks.guard.spending import wait_for
from benchmarks.guard.truth import Bill, provider
from benchmarks.guard.world import LIMIT, World, held

CALL_SECONDS = 0.05
LEAST, AFTER_SECONDS = 97, 60.0
"""Calls in all after which agents end, and how long after the manager is back at the latest."""
RECOVERY_SECONDS = 5.0
ADDED_SECONDS = 0.001
_NOISE = 1.57
"""Of a median: so many times the spread of the middle half over the root of their number (McGill
and others, 1978). Where others work on the machine, calls differ by far more than is looked for."""


@dataclass(frozen=True)
class Outage:
    """How the manager goes away, and comes back; how long it is away in the full run."""

    name: str
    begin: Callable[[World, Relay], None]
    end: Callable[[World, Relay], None]
    seconds: float


def _kill(world: World, relay: Relay) -> None:
    world.manager.kill()


def _start_again(world: World, relay: Relay) -> None:
    world.start_again()


def _freeze(world: World, relay: Relay) -> None:
    os.kill(world.manager.pid, signal.SIGSTOP)


def _thaw(world: World, relay: Relay) -> None:
    os.kill(world.manager.pid, signal.SIGCONT)


def _part(world: World, relay: Relay) -> None:
    relay.swallowing = True


def _join(world: World, relay: Relay) -> None:
    relay.swallowing = False


OUTAGES = [
    Outage("manager killed", _kill, _start_again, 20),
    Outage("manager frozen", _freeze, _thaw, 20),
    Outage("network parted", _part, _join, 60),
]


def absence(world: World) -> Iterator[Line]:
    """Row 9: no more than was granted goes out, no call is slower, and it goes on afterwards."""
    for outage in OUTAGES:
        seconds = min(outage.seconds, 8.0) if world.quick else outage.seconds
        yield _survived(world, outage, seconds)


def _survived(world: World, outage: Outage, seconds: float) -> Line:
    agent = world.agent()
    with (
        relaying(world.manager.where["otlp_grpc"]) as relay,
        provider(hang=CALL_SECONDS) as truth,
        Agents(ours(f"http://{relay.address}"), truth, agent) as agents,
    ):
        agents.start(endless=True, callers=4, pause=0.1)
        wait_for(truth, 20)
        began = time.time()
        outage.begin(world, relay)
        time.sleep(seconds)  # is what is measured
        outage.end(world, relay)
        ended = time.time()
        wait_for(truth, LEAST, AFTER_SECONDS, failing=False)
        told = agents.stop()
        return _line(outage, seconds, truth.bill(), told, began, ended)


def _line(
    outage: Outage, seconds: float, bill: Bill, told: Told, began: float, ended: float
) -> Line:
    ok = sorted((at, taken) for at, taken, outcome in told.attempts if outcome == "ok")
    before = [taken for at, taken in ok if at < began]
    within = [taken for at, taken in ok if began <= at < ended]
    after = [at for at, _ in ok if at >= ended]
    added, noise = _added(before, within)
    recovery = after[0] - ended if after else float("inf")
    note = (
        f"away {seconds:.0f} s, {len(within)} calls meanwhile, {added * 1000:+.1f} ms each"
        f" (give or take {noise * 1000:.1f}),"
        f" back after {recovery:.1f} s"
    )
    line = held(9, outage.name, ours("none"), bill, told, 90, note)
    good = recovery < RECOVERY_SECONDS and added - noise < ADDED_SECONDS
    figures = {**line.figures, "added_seconds": added, "recovery_seconds": recovery}
    figures["added_noise_seconds"] = noise
    figures["meanwhile_usd"] = sum(1 for start in bill.starts if began <= start < ended) / 100
    passed = line.passed and good and bill.nano <= LIMIT
    return Line(9, outage.name, line.guard, line.over, line.used, bool(passed), note, figures)


def _added(before: list[float], within: list[float]) -> tuple[float, float]:
    """Return by how much calls took longer, of medians, and how far that may be chance."""
    if min(len(before), len(within)) < 2:
        return 0.0, 0.0
    quarters = [statistics.quantiles(taken) for taken in (before, within)]
    noises = [
        _NOISE * (three - one) / len(taken) ** 0.5
        for (one, _, three), taken in zip(quarters, (before, within), strict=True)
    ]
    return quarters[1][1] - quarters[0][1], (noises[0] ** 2 + noises[1] ** 2) ** 0.5
