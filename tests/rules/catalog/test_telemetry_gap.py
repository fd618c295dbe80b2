"""The rule that holds the calls that guards told of against the spans that arrived."""

from datetime import timedelta

import pytest

from manager_agent.rules.catalog.telemetry_gap import TelemetryGap
from manager_agent.rules.testing import NOW, frames


@pytest.mark.parametrize(
    ("told", "arrived", "gap"),
    [
        pytest.param(30, 19, True, id="eleven are missing"),
        pytest.param(30, 20, False, id="ten may be"),
        pytest.param(1000, 900, False, id="a tenth may be, of many"),
        pytest.param(1000, 899, True, id="more than a tenth"),
        pytest.param(20, 40, False, id="more spans than guards told of"),
    ],
)
def test_what_is_a_gap(told: int, arrived: int, gap: bool) -> None:
    row = {"agent": "a", "calls": told, "since": NOW - timedelta(minutes=30), "until": NOW}
    call = {"agent": "a", "ts": NOW - timedelta(minutes=10), "guarded": True}
    of_others = [{**call, "guarded": False}, {**call, "agent": "b"}] * 40

    seen = frames(told=[row], calls=[call] * arrived + of_others)

    assert bool(list(TelemetryGap().find(seen, NOW))) == gap
