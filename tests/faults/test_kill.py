"""kill -9 under load, again and again: no acknowledged call is lost, none is counted twice."""

import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from manager_agent.store.journal import JOURNAL, Journal
from tests.harness.load import Load
from tests.harness.manager import Manager, manager
from tests.harness.rollups import assert_rollups_are_sums

pytestmark = pytest.mark.slow

SEALS_AT_ONCE = {"receiver": {"merge_window_seconds": 1}}
SEALS_MEANWHILE = {"receiver": {"merge_window_seconds": 20}}
CHECKPOINTS = {
    "storage": {"checkpoint_mib": 1, "snapshot_seconds": 0.2},
    "receiver": {"merge_window_seconds": 1},
}
JOURNALED = {
    "receiver": {"journal_after_ms": 1, "merge_window_seconds": 20},
    "storage": {"checkpoint_mib": 1},
}
CROWDED = {"receiver": {"max_window_spans": 300, "merge_window_seconds": 20}}


@pytest.mark.parametrize(
    ("rounds", "emitters", "config", "seed"),
    [
        pytest.param(9, 1, SEALS_MEANWHILE, 1, id="one emitter"),
        pytest.param(6, 1, SEALS_AT_ONCE, 2, id="while calls are sealed"),
        pytest.param(6, 2, {}, 3, id="two emitters a call, in different requests"),
        pytest.param(6, 2, SEALS_AT_ONCE, 4, id="two emitters, one of them after the seal"),
        pytest.param(9, 1, CHECKPOINTS, 5, id="while it checkpoints, seals and publishes"),
        pytest.param(5, 1, JOURNALED, 7, id="while requests are only in the journal"),
        pytest.param(3, 2, JOURNALED, 8, id="in the journal, two emitters a call"),
        pytest.param(8, 1, CROWDED, 6, id="while a crowded window seals early"),
    ],
)
def test_kill(
    rounds: int, emitters: int, config: dict[str, object], seed: int, tmp_path: Path
) -> None:
    """Exporters send again what was not answered, as real ones do; in the end all is there once."""
    rng, data = random.Random(seed), tmp_path / "data"
    ports: dict[str, int] = {}
    sealed_early, longest_log, left = 0.0, 0, 0
    with ExitStack() as stack:
        load: Load | None = None
        for _ in range(rounds):
            with manager(data, config, **ports) as running:
                if load is None:
                    ports = {
                        name: _port(running.where[name]) for name in ("otlp_grpc", "otlp_http")
                    }
                    load = stack.enter_context(Load(running.where, emitters=emitters, seed=seed))
                else:
                    assert_kept(running, load.so_far())
                time.sleep(rng.uniform(0.3, 2.0))  # the moment of the kill: any
                sealed_early += running.metric("manager_receiver_calls_total", event="sealed_early")
                running.kill()
                left += len(Journal(data / JOURNAL).leftover())
                log = data / "manager.duckdb.wal"  # not there right after a checkpoint
                longest_log = max(longest_log, log.stat().st_size if log.exists() else 0)
        assert load is not None
        with manager(data, config, **ports) as running:
            load.finish()
            assert_kept(running, load.so_far())
            assert_complete(running, load.calls, emitters)
            assert running.stop() == 0
        with manager(data, config) as again:
            assert_complete(again, load.calls, emitters)
    assert (sealed_early > 0) == (config is CROWDED)
    assert (left > 0) == (config is JOURNALED)
    assert config is not CHECKPOINTS or longest_log < 2 * 2**20


def assert_kept(running: Manager, acknowledged: dict[str, str]) -> None:
    """Fail where an acknowledged span is missing, or anything is there twice."""
    spans = Counter(running.column("SELECT span_id FROM spans"))
    calls = Counter(running.column("SELECT response_id FROM llm_calls"))

    assert [span for span in acknowledged if span not in spans] == []
    assert [span for span, times in spans.items() if times > 1] == []
    assert [call for call in acknowledged.values() if call not in calls] == []
    assert [call for call, times in calls.items() if times > 1] == []


def assert_complete(running: Manager, calls: int, emitters: int) -> None:
    """Fail where not every call is there once, known by all its emitters, and summed."""
    names = ",".join(f"test.emitter-{number}" for number in range(emitters))
    found = running.sql("SELECT emitters, count(*) AS calls FROM llm_calls GROUP BY emitters")

    assert found == [{"emitters": names, "calls": calls}]
    assert_rollups_are_sums(running)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
