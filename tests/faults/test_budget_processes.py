"""A dollar is held by real processes over a real network, whatever happens to either.

Agents use the official SDK under `manager-agent run` and go on after refusals; what counts is what
the provider billed. The whole acceptance table is `make bench-guard`.
"""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from benchmarks.guard.relay import relaying
from benchmarks.guard.sides import Agents, ours
from benchmarks.guard.spending import wait_for
from benchmarks.guard.truth import provider
from benchmarks.guard.world import LIMIT, World, world

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("budget processes")]

TTL_SECONDS = 10.0


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world(quick=True, peers=[]) as found:
        yield found


def test_four_processes_of_a_hundred_callers(here: World) -> None:
    """Two have threads, two have coroutines; all of them want all of it at once."""
    with provider() as truth, Agents(here.ours, truth, here.agent()) as agents:
        agents.start(2, callers=100, attempts=100)
        told = agents.run(2, callers=100, attempts=100, how="coroutines")
        bill = truth.bill()

    assert bill.nano <= LIMIT
    assert bill.nano >= LIMIT * 97 // 100
    assert bill.calls == told.outcomes["ok"]
    assert not told.errors


def test_a_killed_process_takes_nothing_with_it_that_is_spent_twice(here: World) -> None:
    """What it held is free again at once but for its calls under way: its journal is there."""
    with provider(hang=0.2) as truth, Agents(here.ours, truth, here.agent()) as agents:
        agents.start(4, callers=10, attempts=100)
        wait_for(truth, 30)
        os.killpg(agents.running[1].pid, signal.SIGKILL)
        agents.wait()
        at_once = truth.bill().nano
        agents.run(callers=4, attempts=40, pause=0.1)
        bill = truth.bill()

    assert LIMIT * 75 // 100 <= at_once <= LIMIT
    assert LIMIT * 90 // 100 <= bill.nano <= LIMIT


def test_a_process_that_stood_still_beyond_its_lease_spends_nothing_twice(here: World) -> None:
    """It wakes up with money in its memory that others may have spent since, and is fenced."""
    with provider(hang=0.05) as truth, Agents(here.ours, truth, here.agent()) as agents:
        agents.start(endless=True, callers=4, pause=0.3)
        wait_for(truth, 8)
        [frozen] = agents.running
        os.killpg(frozen.pid, signal.SIGSTOP)
        time.sleep(3 * TTL_SECONDS)  # is what is tried
        agents.start(2, callers=10, attempts=80)
        wait_for(truth, 60)
        os.killpg(frozen.pid, signal.SIGCONT)
        agents.start(callers=4, attempts=20)  # whatever is left now
        agents.stop()
        bill = truth.bill()

    assert LIMIT * 75 // 100 <= bill.nano <= LIMIT  # what it held may still be in doubt


def test_children_of_a_fork_in_the_middle_of_calls(here: World) -> None:
    with provider(hang=0.1) as truth, Agents(here.ours, truth, here.agent()) as agents:
        agents.run(forks=3, callers=5, attempts=60)
        bill = truth.bill()

    assert LIMIT * 90 // 100 <= bill.nano <= LIMIT


def test_a_manager_that_is_killed_and_comes_back_remembers(here: World) -> None:
    with provider(hang=0.05) as truth, Agents(here.ours, truth, here.agent()) as agents:
        agents.start(2, endless=True, callers=3, pause=0.2)
        wait_for(truth, 20)
        here.manager.kill()
        here.start_again()
        wait_for(truth, 97)  # it goes on
        agents.stop()
        bill = truth.bill()

    assert LIMIT * 90 // 100 <= bill.nano <= LIMIT


def test_a_network_that_delays_parts_halves_and_cuts(here: World) -> None:
    """One after the other while four processes spend; at the end all of it is spent, once."""
    with (
        relaying(here.manager.where["otlp_grpc"]) as relay,
        provider(hang=0.05) as truth,
        Agents(ours(f"http://{relay.address}"), truth, here.agent()) as agents,
    ):
        agents.start(4, endless=True, callers=3, pause=0.8)
        wait_for(truth, 10)
        relay.delay = 0.3
        wait_for(truth, 20)
        relay.half_close()
        wait_for(truth, 30)
        relay.delay = 0.0
        relay.cut()
        wait_for(truth, 40)
        relay.swallowing = True
        time.sleep(5)  # is what is tried
        relay.swallowing = False
        wait_for(truth, 90)
        agents.stop()
        bill, connections = truth.bill(), relay.connections

    assert LIMIT * 90 // 100 <= bill.nano <= LIMIT
    assert connections > 4, "nobody came back"
