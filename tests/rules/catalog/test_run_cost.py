"""The rule that watches what single runs cost."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.run_cost import RunCost
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

CENT = 10**7
ROW = {
    "agent": "a",
    "run_is": "conversation",
    "run": "c1",
    "cost": 500 * CENT,
    "calls": 20,
    "since": NOW - timedelta(minutes=9),
    "last": NOW,
    "earlier": 40,
    "typical": 20 * CENT,
    "dearest": 90 * CENT,
}


def found(rule: RunCost, **values: Any) -> list[Finding]:
    return list(rule.find(frames(runs=[{**ROW, **values}]), NOW))


def test_by_default_it_tells_of_a_run_unlike_all_before_and_stops_nothing() -> None:
    (one,) = found(RunCost())

    assert (one.agent, one.severity, one.subject) == ("a", "warning", "a|conversation|c1")
    assert one.headline == (
        "A run of a cost $5.00 so far with 20 calls since 14:21:00 UTC: 25 times the median of 40"
        " runs before, $0.20"
    )
    assert one.evidence["limit_usd"] == "2.00"
    assert (one.evidence["dearest_usd"], one.evidence["action"]) == ("0.90", None)
    assert one.until == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"cost": 200 * CENT}, id="ten times the median is not more than that"),
        pytest.param({"dearest": 250 * CENT}, id="others were half as dear"),
        pytest.param({"earlier": 19}, id="too few to know what is normal"),
        pytest.param({"earlier": 0, "typical": None, "dearest": None}, id="the first run"),
        pytest.param({"calls": 2}, id="a trace for each call"),
        pytest.param({"cost": 100 * CENT, "typical": CENT, "dearest": CENT}, id="a dollar"),
    ],
)
def test_what_is_nothing_by_default(values: dict[str, Any]) -> None:
    assert not found(RunCost(), **values)


def test_a_limit_in_usd_holds_from_the_first_run_on() -> None:
    new = {"earlier": 0, "typical": None, "dearest": None, "calls": 1}
    assert not found(RunCost(usd=5.0), **new)

    (one,) = found(RunCost(usd=4.99), **new)
    assert one.headline.endswith("with 1 call since 14:21:00 UTC: its limit is $4.99")
    assert one.evidence["median_usd"] is None
    assert found(RunCost(usd=9.0, usd_of={"a": 1.0}), **new)
    assert not found(RunCost(usd=1.0, usd_of={"a": 9.0}), **new)


def test_what_it_does_is_set_for_all_and_for_single_agents() -> None:
    assert not found(RunCost(rung="off"))
    assert not found(RunCost(rungs={"a": "off"}))
    assert found(RunCost(rung="annotate"))[0].severity == "info"
    (stop,) = found(RunCost(rungs={"a": "stop"}))
    assert (stop.severity, stop.evidence["action"]) == ("critical", "stop")
    assert (stop.evidence["run_is"], stop.evidence["run"]) == ("conversation", "c1")
    assert not found(RunCost(times=0))


@pytest.mark.parametrize(("cents", "level"), [(101, 0), (199, 0), (200, 1), (399, 1), (400, 2)])
def test_it_worsens_each_time_its_cost_has_doubled(cents: int, level: int) -> None:
    (one,) = found(RunCost(usd=1.0), cost=cents * CENT)

    assert one.level == level
