"""The collectors that people have, and what their settings do to spend."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.captures import spans_of
from tests.harness.collector import DEPLOY, ROOT, Collector, backend, collector
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, one_call, request
from tests.harness.rollups import assert_rollups_are_sums

pytestmark = pytest.mark.slow

EXISTING = ROOT / "tests" / "data" / "collector" / "existing.yaml"
ADDED = DEPLOY / "add-to-existing.yaml"
CALLS = 4000
FAILED = 40
SAMPLERS = {"probabilistic_sampler": 0.25, "tail_sampling": 0.10}
"""The samplers of existing.yaml, and the share of the traces that each lets pass."""


@contextmanager
def sending(collector: Collector, calls: int = CALLS, size: int = 500) -> Iterator[None]:
    """Send calls, each in a trace of its own, of which the first 40 failed."""
    with Sender(collector.where) as sender:
        made = [one_call("shop", seed) for seed in range(calls)]
        made[:FAILED] = [replace(call, error="Error code: 500") for call in made[:FAILED]]
        for begin in range(0, calls, size):
            sender.send(request(made[begin : begin + size]))
        yield


def assert_exact(running: Manager, calls: int = CALLS) -> None:
    """Fail where not every call is there once, with its tokens: failed ones have no output."""
    until("all calls", lambda: running.calls_of("shop") >= calls, 60)
    [sums] = running.sql(
        "SELECT count(*) AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output"
        " FROM llm_calls"
    )

    assert sums == {"calls": calls, "input": calls * 1000, "output": (calls - FAILED) * 100}
    assert_rollups_are_sums(running)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_before_the_manager_deletes_spend(sampler: str, tmp_path: Path) -> None:
    """What docs/collector.md says of it: the share that is left is the share that is counted."""
    with (
        manager(tmp_path / "data") as running,
        existing(tmp_path, running.where["otlp_grpc"], f"{sampler}, batch") as sampling,
        sending(sampling),
    ):
        kept = settled(running)

    share = (kept - (FAILED if sampler == "tail_sampling" else 0)) / CALLS
    print(f"{sampler}: {kept} of {CALLS} calls were counted")
    assert SAMPLERS[sampler] * 0.8 < share < SAMPLERS[sampler] * 1.2


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_a_sampled_span_tells(sampler: str, tmp_path: Path) -> None:
    """Of the two, only one leaves a trace of itself: the threshold in W3C's trace state."""
    with (
        backend() as other,
        existing(tmp_path, other.endpoint, f"{sampler}, batch") as sampling,
        sending(sampling),
    ):
        until("spans", lambda: other.spans > CALLS * SAMPLERS[sampler] * 0.7, 60)
        spans = list(spans_of(other.message))
    states = {re.sub(r"rv:[0-9a-f]{14};", "", span.trace_state) for span in spans}
    keys = {pair.key for span in spans for pair in span.attributes if "sampl" in pair.key}

    # th: the share that was rejected, in hex of 56 bits, zeros cut: 0xc/0x10 is 75 %.
    assert states == ({"ot=th:c"} if sampler == "probabilistic_sampler" else {""})
    assert keys == set()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_added_beside_a_sampler_spend_is_exact(sampler: str, tmp_path: Path) -> None:
    """add-to-existing.yaml: the other backend is sampled, the manager sees all."""
    with ExitStack() as stack:
        other = stack.enter_context(backend())
        running = stack.enter_context(manager(tmp_path / "data"))
        both = stack.enter_context(
            collector(
                tmp_path / "collector",
                EXISTING,
                ADDED,
                endpoint=running.where["otlp_grpc"],
                BACKEND_ENDPOINT=other.endpoint,
                PROCESSORS=f"[memory_limiter, {sampler}, batch]",
            )
        )
        stack.enter_context(sending(both))

        assert_exact(running)
        until("a sample", lambda: other.spans > CALLS * SAMPLERS[sampler] * 0.7, 60)
        assert other.spans < CALLS * 0.35


def test_batches_larger_than_grpc_usually_takes(tmp_path: Path) -> None:
    """The batch processor's own default has no upper bound: people raise its size."""
    calls = 14_000
    one = len(request([one_call("shop", 1)]).SerializeToString())
    with (
        manager(tmp_path / "data") as running,
        existing(tmp_path, running.where["otlp_grpc"], "batch/large") as large,
        sending(large, calls, 1000),
    ):
        assert_exact(running, calls)
        requests = running.metric("manager_receiver_requests_total", outcome="accepted")

    assert 0 < requests <= 2
    assert calls * one / requests > 4 << 20


def test_default_batches(tmp_path: Path) -> None:
    with (
        manager(tmp_path / "data") as running,
        existing(tmp_path, running.where["otlp_grpc"], "batch") as batching,
        sending(batching),
    ):
        assert_exact(running)


@contextmanager
def existing(place: Path, endpoint: str, processors: str) -> Iterator[Collector]:
    """Run existing.yaml with some of its processors in front of `endpoint`."""
    with collector(
        place / "collector",
        EXISTING,
        endpoint="",
        BACKEND_ENDPOINT=endpoint,
        PROCESSORS=f"[memory_limiter, {processors}]",
    ) as running:
        yield running


def settled(running: Manager) -> int:
    """Return how many calls there are, once there are some and no more came for two seconds."""
    seen, since = 0, time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        now = running.calls_of("shop")
        if now != seen:
            seen, since = now, time.monotonic()
        return seen > 0 and time.monotonic() - since > 2

    until("no more calls", still, 60)
    return seen
