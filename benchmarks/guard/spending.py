"""Rows 1 to 8: a runaway agent, a dollar, and every way in which more of it could be spent."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.guard.lines import Line
from benchmarks.guard.sides import Agents, Side
from benchmarks.guard.truth import Truth, provider
from benchmarks.guard.world import World, held

ALL = 300
"""Attempts of one case, thrice what the budget pays for."""


def concurrency(world: World) -> Iterator[Line]:
    """Row 1: 1, 10 and 100 callers at once; and the other SDKs."""
    for callers in (10, 100) if world.quick else (1, 10, 100):
        hang = 0.01 if callers == 1 else 0.1
        yield from _case(world, 1, f"{callers} threads", 97, hang=hang, callers=callers)
        yield _ours(
            world,
            *(1, f"{callers} coroutines", 97),
            hang=hang,
            plan={"callers": callers, "how": "coroutines"},
        )
    for sdk in ("anthropic", "google"):
        yield _ours(world, 1, f"{sdk}, 10 threads", 90, sdk=sdk, plan={"callers": 10})


def processes(world: World) -> Iterator[Line]:
    """Row 2: four processes of a hundred callers each."""
    hows = ["threads"] if world.quick else ["threads", "coroutines"]
    for how in hows:
        for side in world.sides if how == "threads" else [world.ours]:
            with provider() as truth, Agents(side, truth, world.agent()) as agents:
                told = agents.run(4, callers=100, attempts=100, how=how)
                yield held(2, f"4 processes x 100 {how}", side, truth.bill(), told, 97)


def restarts(world: World) -> Iterator[Line]:
    """Row 3: what was spent is remembered when the agent, the manager, or both start again."""
    for side in world.sides:
        with provider(hang=0.02) as truth, Agents(side, truth, world.agent()) as agents:
            agents.run(callers=5, attempts=50)
            told = agents.run(callers=5, attempts=100)
            yield held(3, "agent restarted", side, truth.bill(), told, 97)
    with provider(hang=0.05) as truth, Agents(world.ours, truth, world.agent()) as agents:
        agents.start(endless=True, callers=5, pause=0.1)
        wait_for(truth, 20)
        world.restart(kill=True)
        wait_for(truth, 97, failing=False)
        told = agents.stop()
        yield held(3, "manager killed and restarted", world.ours, truth.bill(), told, 97)
    with provider(hang=0.02) as truth, Agents(world.ours, truth, world.agent()) as agents:
        agents.run(callers=5, attempts=40)
        world.restart()
        agents.run(callers=5, attempts=40)
        told = agents.run(callers=5, attempts=100)
        yield held(3, "both restarted", world.ours, truth.bill(), told, 97)


def killed(world: World) -> Iterator[Line]:
    """Row 4: of four processes one is killed while its calls are under way."""
    for side in world.sides:
        with provider(hang=0.2) as truth, Agents(side, truth, world.agent()) as agents:
            agents.start(4, callers=10, attempts=100)
            wait_for(truth, 30)
            os.killpg(agents.running[1].pid, signal.SIGKILL)
            told = agents.wait()
            bill = truth.bill()
            if side.ours:  # what a dead process held comes back: by its journal, or its spans
                told = agents.run(callers=10, attempts=50, pause=0.2)
                note = f"{bill.nano / 1e7:.0f} % at once"
                line = held(4, "a process killed", side, truth.bill(), told, 90, note)
                yield line
            else:
                yield held(4, "a process killed", side, bill, told)


def without_limit(world: World) -> Iterator[Line]:
    """Row 5: requests that do not say how much may be generated."""
    yield from _case(world, 5, "no max_tokens, 100 threads", 75, callers=100, limit=None)


def streams(world: World) -> Iterator[Line]:
    """Row 6: streams read, left early, cut by the provider, and without usage."""
    slow = {"chunk_seconds": 0.01, "callers": 10}
    yield from _case(world, 6, "streams, read", 97, stream="read", callers=10)
    yield from _case(world, 6, "streams, left early", 0, stream="left", bill_left=1, **slow)
    yield from _case(world, 6, "streams, cut", 0, stream="read", cut_after=3, bill_left=1, **slow)
    yield from _case(
        world, 6, "streams, no usage", 0, stream="read", usage=False, no_usage=1, callers=10
    )
    yield from _case(world, 6, "answers without usage", 0, no_usage=1, callers=10)
    yield from _case(world, 6, "answers that say 0 tokens", 0, zero_usage=1, callers=10)
    yield from _case(world, 6, "usage in every 2nd answer", 0, usage_every=2, callers=10)


def retries(world: World) -> Iterator[Line]:
    """Row 7: every second attempt fails, is billed, and is tried again by the SDK."""
    faults: dict[str, Any] = {"fail_every": 2, "bill_errors": 1, "retry_after_ms": 20}
    yield from _case(world, 7, "errors billed, SDK retries", 0, callers=10, retries=2, **faults)


def hangs(world: World) -> Iterator[Line]:
    """Row 8: the client gives up before the answer, and tries again; both are billed."""
    yield from _case(
        world, 8, "time-outs billed, SDK retries", 0, hang=2.0, callers=20, timeout=0.5, retries=1
    )


_FAULTS = {
    *("fail_every", "bill_errors", "retry_after_ms", "no_usage", "zero_usage", "usage_every"),
    *("cut_after", "bill_left", "chunk_seconds", "hang"),
}


def _case(world: World, row: int, case: str, least: float, **given: Any) -> Iterator[Line]:
    """Yield a case's line of each guard; `given`: of the provider and of the plan, together."""
    faults = {name: value for name, value in given.items() if name in _FAULTS}
    plan = {name: value for name, value in given.items() if name not in _FAULTS}
    for side in world.sides:
        yield _line(world, side, row, case, least, "openai", faults, plan)


def _ours(
    world: World,
    row: int,
    case: str,
    least: float,
    sdk: str = "openai",
    hang: float = 0.1,
    plan: dict[str, Any] | None = None,
) -> Line:
    return _line(world, world.ours, row, case, least, sdk, {"hang": hang}, plan or {})


def _line(
    world: World,
    side: Side,
    row: int,
    case: str,
    least: float,
    sdk: str,
    faults: dict[str, Any],
    plan: dict[str, Any],
) -> Line:
    with provider(sdk, **faults) as truth, Agents(side, truth, world.agent(), sdk) as agents:
        told = agents.run(**{"attempts": ALL, **plan})
        return held(row, case, side, truth.bill(), told, least)


def wait_for(truth: Truth, calls: int, seconds: float = 90.0, failing: bool = True) -> None:
    """Wait until so many calls were billed. Raises `TimeoutError` if `failing`."""
    deadline = time.monotonic() + seconds
    while (seen := truth.bill(pending=True).calls) < calls:
        if time.monotonic() > deadline:
            if not failing:
                return
            raise TimeoutError(f"{seen} of {calls} calls came within {seconds} s")
        time.sleep(0.05)  # the condition above, polled
