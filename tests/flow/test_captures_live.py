"""Every real capture, torn apart, shuffled and sent twice to a live manager, comes out true."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.captures import Capture, captures, spans_of, verdict
from tests.harness.manager import Manager, Rows, manager
from tests.harness.otlp import Sender, parts, shuffled
from tests.harness.rollups import assert_rollups_are_sums

SEED = 20261123
CONFIG = {"receiver": {"merge_window_seconds": 3600}}
"""The captures were recorded within half an hour; all of it is in the window here."""


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that got each capture's spans twice, in small requests, in any order."""
    rng, now = random.Random(SEED), time.time_ns()
    pieces = [piece for case in captures() for _ in "12" for piece in parts(case.ending(now), rng)]
    with (
        manager(tmp_path_factory.mktemp("captures") / "data", CONFIG) as running,
        Sender(running.where) as sender,
        ThreadPoolExecutor(24) as pool,
    ):
        refused = pool.map(lambda each: sender.send(*each), shuffled(pieces, rng))
        assert sum(refused) == 0
        yield running


@pytest.fixture(scope="module")
def calls(fed: Manager) -> Rows:
    return fed.sql("SELECT * FROM llm_calls")


@pytest.mark.parametrize("case", captures(), ids=lambda case: case.name)
def test_capture(case: Capture, calls: Rows) -> None:
    """The calls that went out, with the provider, tokens and outcome the server saw."""
    got = [call for call in calls if call["trace_id"] in case.trace_ids]

    assert verdict(case.truth, got) is None


def test_nothing_else_is_there(calls: Rows) -> None:
    """No capture interferes with another, no call is there twice."""
    known = {trace_id for case in captures() for trace_id in case.trace_ids}

    assert len(captures()) == 195
    assert {call["trace_id"] for call in calls} <= known
    assert len({call["call_id"] for call in calls}) == len(calls)


def test_each_span_is_stored_once(fed: Manager) -> None:
    sent = sum(len(list(spans_of(case.message))) for case in captures())
    found = fed.sql("SELECT count(*) AS n, count(DISTINCT (trace_id, span_id)) AS ids FROM spans")

    assert found == [{"n": sent, "ids": sent}]
    assert fed.metric("manager_receiver_spans_total", outcome="stored") == sent
    assert fed.metric("manager_receiver_spans_total", outcome="duplicate") == sent


def test_rollups_are_sums_of_calls(fed: Manager) -> None:
    assert_rollups_are_sums(fed)
