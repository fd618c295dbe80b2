"""Real SDKs -> the real collector -> the manager, and kill -9 of each while they work."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from manager_agent.app.demo.provider import Provider, ProviderSettings, Served, serving
from tests.faults.test_kill import assert_complete, assert_kept
from tests.flow.test_no_content import texts
from tests.harness.collector import (
    CONFIG,
    DEPLOY,
    ROOT,
    backend,
    collector,
    free_ports,
    run_telemetrygen,
)
from tests.harness.load import Load
from tests.harness.manager import Manager, environment, manager, until
from tests.harness.rollups import assert_rollups_are_sums
from tests.harness.talking_agent import AGENT, SECRET

pytestmark = pytest.mark.slow

PATIENT = ProviderSettings(pace=0.1, rate_429=0, rate_500=0)
KILLS = 3


@contextmanager
def talking(place: Path, provider: Provider, *endpoints: str) -> Iterator[Callable[[], None]]:
    """Run an agent for each endpoint until what is yielded is called; it waits for their ends."""
    stop = place / "stop"
    command = [sys.executable, "-m", "tests.harness.talking_agent"]
    capture = {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    }
    running = [
        subprocess.Popen(
            [*command, f"service-{number}", provider.url, endpoint, str(stop)],
            cwd=ROOT,
            env=environment(**capture),
        )
        for number, endpoint in enumerate(endpoints)
    ]

    def finish() -> None:
        stop.touch()
        assert [each.wait(90) for each in running] == [0] * len(endpoints)

    try:
        yield finish
    finally:
        for each in running:
            each.kill()
            each.wait(30)


def until_more(what: str, count: Callable[[], int], more: int) -> None:
    """Return when `count` is higher by more than `more` than it is now."""
    now = count()
    until(f"more {what}", lambda: count() > now + more, 120)


def assert_is_what_was_served(running: Manager, served: Sequence[Served]) -> None:
    """Fail where not every call that the provider served is there once, with its tokens."""
    expected = Counter(each.response_id for each in served)
    until("all calls", lambda: running.calls_of(AGENT) >= len(expected), 60)
    [sums] = running.sql(
        "SELECT sum(input_tokens) AS input, sum(output_tokens) AS output,"
        " count(*) FILTER (WHERE agent = 'researcher') AS attributed FROM llm_calls"
    )
    usages = [each.usage for each in served if each.usage is not None]

    assert Counter(running.column("SELECT response_id FROM llm_calls")) == expected
    assert set(expected.values()) == {1}
    assert sums == {
        "input": sum(usage.prompt.total for usage in usages),
        "output": sum(usage.output for usage in usages),
        "attributed": len(served),
    }
    assert_rollups_are_sums(running)


def test_the_manager_is_killed_while_agents_work(tmp_path: Path) -> None:
    """Every call exactly once, sums exact, rollups equal, and no prompt on its disk."""
    data, [port] = tmp_path / "data", free_ports(1)
    with (
        serving(PATIENT) as provider,
        collector(tmp_path / "collector", endpoint=f"127.0.0.1:{port}") as between,
        talking(tmp_path, provider, *[between.where["otlp_grpc"]] * 2) as finish,
    ):
        for _ in range(KILLS):
            with manager(data, {}, otlp_grpc=port) as running:
                until_more("calls", partial(running.calls_of, AGENT), 20)
                running.kill()
            until_more("work while it is away", lambda: len(provider.served), 20)
        with manager(data, {}, otlp_grpc=port) as running:
            finish()
            assert_is_what_was_served(running, provider.served)
            assert running.stop() == 0
        print(f"{len(provider.served)} calls, each counted once, {KILLS} kills of the manager")
    assert [where for where, text in texts(data) if SECRET in text] == []
    assert [p for p in data.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()] == []


def test_the_agents_do_send_their_prompts(tmp_path: Path) -> None:
    """To a backend without the collector; with it, what arrives there holds none."""
    with ExitStack() as stack:
        provider = stack.enter_context(serving(PATIENT))
        direct, behind = stack.enter_context(backend()), stack.enter_context(backend())
        between = stack.enter_context(collector(tmp_path / "collector", endpoint=behind.endpoint))
        endpoints = direct.endpoint, between.where["otlp_grpc"]
        finish = stack.enter_context(talking(tmp_path, provider, *endpoints))
        until("spans from both", lambda: direct.spans > 12 and behind.spans > 12, 120)
        finish()
        assert between.stop() == 0

        assert SECRET.encode() in b"".join(direct.of("traces"))
        assert SECRET.encode() not in b"".join(behind.of("traces"))


def test_the_collector_is_killed_under_load(tmp_path: Path) -> None:
    """What it acknowledged lies on its disk: nothing of it is lost, nothing is counted twice."""
    with (
        manager(tmp_path / "data") as running,
        collector(tmp_path / "collector", endpoint=running.where["otlp_grpc"]) as between,
        Load(between.where, emitters=2, seed=11) as load,
    ):
        for _ in range(KILLS):
            until_more("acknowledged spans", lambda: len(load.so_far()), 300)
            between.kill()
            between.start()
        load.finish()
        assert_arrived(running, load)
        print(f"{load.calls} calls, {KILLS} kills of the collector, {load.refusals} refusals")


def test_the_queue_waits_on_disk_for_a_manager(tmp_path: Path) -> None:
    """Before there is a manager the collector takes all; killed and restarted, it delivers it."""
    [port] = free_ports(1)
    with collector(tmp_path / "collector", endpoint=f"127.0.0.1:{port}") as between:
        with Load(between.where, emitters=1, seed=12) as load:
            until_more("acknowledged spans", lambda: len(load.so_far()), 1000)
            load.finish()
        between.kill()
        between.start()
        with manager(tmp_path / "data", {}, otlp_grpc=port) as running:
            assert_arrived(running, load)
            assert load.refusals == 0


def assert_arrived(running: Manager, load: Load) -> None:
    """Fail where not all that was acknowledged is there once, with its tokens."""
    until("all spans", lambda: spans_in(running) >= len(load.acknowledged), 90)
    assert_kept(running, load.so_far())
    emitters = int(len(load.acknowledged) / load.calls)
    assert_complete(running, load.calls, emitters)
    [sums] = running.sql(
        "SELECT sum(input_tokens) AS input, sum(output_tokens) AS output FROM llm_calls"
    )
    n = load.calls
    assert sums == {"input": 1000 * n + n * (n + 1) // 2, "output": 10 * n}


def spans_in(running: Manager) -> int:
    return int(running.sql("SELECT count(*) AS n FROM spans")[0]["n"])


MARKED = (
    '--telemetry-attributes=gen_ai.operation.name="chat"',
    '--telemetry-attributes=gen_ai.request.model="gpt-4o-mini"',
    '--telemetry-attributes=gen_ai.provider.name="openai"',
    "--telemetry-attributes=gen_ai.usage.input_tokens=100",
    "--telemetry-attributes=gen_ai.usage.output_tokens=10",
)
RUNS, WORKERS, TRACES = 3, 2, 500
"""The generator's own queue drops what is beyond 2048 spans: runs that fit into it."""
MADE = RUNS * WORKERS * TRACES
"""Traces, each of a root and one span below it."""


@pytest.mark.parametrize(
    ("configs", "plain_spans"),
    [
        pytest.param((CONFIG,), MADE, id="roots go"),
        pytest.param((CONFIG, DEPLOY / "genai-only.yaml"), 0, id="all that is plain goes"),
    ],
)
def test_the_load_generator(configs: tuple[Path, ...], plain_spans: int, tmp_path: Path) -> None:
    """Marked spans are counted once; of the others the filter leaves what may be a parent."""
    load = (f"--traces={TRACES}", f"--workers={WORKERS}", "--rate=0")
    with (
        manager(tmp_path / "data") as running,
        collector(tmp_path / "c", *configs, endpoint=running.where["otlp_grpc"]) as between,
    ):
        began = time.monotonic()
        for _ in range(RUNS):
            run_telemetrygen(between, *load, "--service=marked", *MARKED)
            run_telemetrygen(between, *load, "--service=plain")
        until("all spans", lambda: spans_in(running) >= 2 * MADE + plain_spans, 60)
        print(f"{4 * MADE} spans in {time.monotonic() - began:.1f} s")
        assert between.stop() == 0
        [sums] = running.sql(
            "SELECT count(*) AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output"
            " FROM llm_calls"
        )

        # Root and child both claim a call; a claim below a claim is the same call.
        assert sums == {"calls": MADE, "input": MADE * 100, "output": MADE * 10}
        assert spans_in(running) == 2 * MADE + plain_spans
        assert_rollups_are_sums(running)
