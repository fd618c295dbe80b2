"""A flood is cut down to some: a burst, then so many a second."""

import pytest

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import provider, spans
from manager_agent.instrumentation.pace import Pace
from tests.harness.metered import asked


def test_a_burst_passes_then_so_many_a_second() -> None:
    pace = Pace(burst=5, per_second=2)

    assert [pace.take(100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [pace.take(101.0) for _ in range(3)] == [True, True, False]
    assert sum(pace.take(1000.0) for _ in range(100)) == 5


def test_the_manager_is_told_of_some_of_a_flood_of_refusals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    monkeypatch.setattr(spans, "_REFUSALS", Pace(burst=10, per_second=0))
    monkeypatch.setattr(provider, "put", told.append)
    for _ in range(1000):
        spans.refused(asked(), Refuse("paused", "paused", "resume it"))

    assert len(told) == 10
