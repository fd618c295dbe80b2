"""Signals of one run that come apart: sealed between them, shuffled, repeated, over a restart.

The merge window is a second long here, so that "minutes apart" takes seconds.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import pytest

from manager_agent.receiver.signals import SignalName
from tests.harness.deliver import FORMS, Courier
from tests.harness.manager import Manager, Rows, manager, until
from tests.harness.rollups import assert_rollups_are_sums
from tests.harness.runs import CLAUDE, CODEX, CUMULATIVE, DELTA, SIGNALS, Made, Run, truth

CONFIG = {"receiver": {"merge_window_seconds": 1}}
SEED = 11
SECOND_NS = 10**9
ORDERS = [order for size in (1, 2, 3) for order in permutations(SIGNALS, size)]


def runs() -> list[tuple[Run, tuple[SignalName, ...]]]:
    """Return a run of each tool for each order in which some of its signals come."""
    rng, found = random.Random(SEED), []
    for tool in (CLAUDE, CODEX):
        for number, order in enumerate(ORDERS):
            begun_ns = (time.time_ns() // SECOND_NS - 3600) * SECOND_NS
            at_ns, calls = begun_ns, []
            for _ in range(3):
                at_ns += rng.randrange(5, 50) * SECOND_NS
                counts = (rng.randrange(1, 9000) for _ in range(4))
                model = rng.choice(["claude-sonnet-4-5", "claude-haiku-4-5"])
                calls.append(Made(at_ns, 2 * SECOND_NS, model, *counts))
            found.append((
                Run(
                    tool, f"{tool}-{number}", tuple(calls), begun_ns,
                    traced=number % 2 == 0, alike=number % 3 == 0,
                    temporality=CUMULATIVE if number % 2 else DELTA,
                    service=f"{tool}-{number}", skew_ns=7 * 10**6,
                ),
                order,
            ))  # fmt: skip
    return found


def send(courier: Courier, told: Sequence[tuple[bytes, SignalName]], seed: int) -> None:
    """Send requests in any order and form, up to twenty of one signal joined into one."""
    rng = random.Random(seed)
    joined: list[tuple[bytes, SignalName]] = []
    for signal in SIGNALS:
        order = [payload for payload, each in told if each == signal]
        rng.shuffle(order)
        while order:
            size = rng.randrange(1, 20)
            joined.append((b"".join(order[:size]), signal))
            order = order[size:]
    rng.shuffle(joined)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: courier.deliver(each[0], each[1], rng.choice(FORMS)), joined))


def forgotten(running: Manager) -> None:
    until("the window is empty", lambda: running.metric("manager_receiver_window_spans") == 0)


def test_each_call_is_counted_once(tmp_path: Path) -> None:
    """Each step sends one signal of every run, after those before it were sealed."""
    told = runs()
    for step in range(3):
        pieces = [
            (payload, order[step])
            for run, order in told
            if step < len(order)
            for payload in run.told(order[step])
        ]
        with manager(tmp_path / "data", CONFIG) as running, Courier(running.where) as courier:
            send(courier, pieces, step)
            forgotten(running)
            send(courier, pieces, step + 10)
            forgotten(running)
            if step == 2:
                found = running.sql("SELECT * FROM llm_calls")
                assert_rollups_are_sums(running)
            assert running.stop() == 0

    for run, order in told:
        rows = [row for row in found if row["service"] == run.service]
        assert summed(rows) == truth(run.calls), (run.service, order)
        coarse = [row for row in rows if row["usage_estimated"]]
        assert (len(rows) == len(run.calls) and not coarse) or set(order) == {"metrics"}


def test_a_log_takes_back_what_a_long_session_s_metrics_told(tmp_path: Path) -> None:
    """A cumulative point counts from the beginning of the session, hours before the call."""
    begun_ns = time.time_ns() - 9 * 3600 * SECOND_NS
    calls = (
        Made(begun_ns + 10 * SECOND_NS, SECOND_NS, "claude-sonnet-4-5", 10, 5),
        Made(begun_ns + 8 * 3600 * SECOND_NS, SECOND_NS, "claude-sonnet-4-5", 700, 70),
    )
    run = Run(CLAUDE, "long", calls, begun_ns, temporality=CUMULATIVE, every_ns=600 * SECOND_NS)

    with manager(tmp_path / "data", CONFIG) as running, Courier(running.where) as courier:
        send(courier, [(payload, "metrics") for payload in run.told("metrics")], 1)
        forgotten(running)
        coarse = running.sql("SELECT * FROM llm_calls")
        courier.deliver(run.told("logs")[1], "logs")
        forgotten(running)
        found = running.sql("SELECT * FROM llm_calls ORDER BY ts")
        assert_rollups_are_sums(running)

    assert [row["usage_estimated"] for row in coarse] == [True, True]
    assert [row["usage_estimated"] for row in found] == [True, False]
    assert summed(found) == truth(calls)


def summed(rows: Rows) -> tuple[int, ...]:
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return tuple(sum(row[name] for row in rows) for name in names)


@pytest.mark.slow
def test_killed_between_the_signals(tmp_path: Path) -> None:
    """kill -9 after each signal's requests were answered: nothing is lost, nothing doubled."""
    told = runs()
    for step in range(3):
        pieces = [
            (payload, order[step])
            for run, order in told
            if step < len(order)
            for payload in run.told(order[step])
        ]
        with manager(tmp_path / "data") as running, Courier(running.where) as courier:
            send(courier, pieces, step)
            running.kill()
    with manager(tmp_path / "data") as running:
        found = running.sql("SELECT * FROM llm_calls")
        assert_rollups_are_sums(running)
    for run, order in told:
        rows = [row for row in found if row["service"] == run.service]
        assert summed(rows) == truth(run.calls), (run.service, order)
