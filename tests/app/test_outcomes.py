"""Calls without a guard tell the breakers how they went: each once, when their spans are stored."""

from typing import Any

import pytest

from manager_agent.app.outcomes import GRACE_NS, SpanOutcomes, result_of
from manager_agent.contract.guard import Outcomes
from manager_agent.control.breakers import FleetBreakers
from manager_agent.control.commands import Tick
from manager_agent.control.observed import SPANS, Spent
from manager_agent.receiver.changes import CallVersion
from manager_agent.receiver.testing import NOW_NS
from manager_agent.rules.breaker import Terms
from tests.control.breaker_fleet import FAMILY, MemoryBreakers
from tests.harness.facts import call

SECOND_NS = 10**9
FAILED: dict[str, Any] = {"error": True, "http_status": 503, "error_type": "InternalServerError"}


class World:
    """Outcomes on their way to breakers; the time is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS + 2 * SECOND_NS
        self.told: list[Outcomes | Spent] = []
        self.outcomes = SpanOutcomes(self.told.append, lambda: self.now_ns)
        self.breakers = FleetBreakers(
            MemoryBreakers(), Terms(base_open_us=60_000_000), draw=lambda: 0.0
        )

    def stored(self, call_id: str, *, retracted: bool = False, **values: Any) -> None:
        known = {"provider": "openai", "response_model": "gpt-4o-2024-08-06"}
        one = call(call_id, **{**known, "start_ns": self.now_ns - 2 * SECOND_NS, **values})
        self.outcomes.note([CallVersion(one, 1, retracted)])

    def passes(self, seconds: float = 3) -> int:
        """Let time pass; return how many calls were told, and have the breakers hear of them."""
        self.now_ns += int(seconds * SECOND_NS)
        told = self.outcomes.tell_now()
        commands: list[Outcomes | Spent | Tick] = [*self.told, Tick()]
        self.told.clear()
        said = self.breakers.decide(commands, self.now_ns // 1000)
        assert SPANS not in [one.holder for one in said], "nobody is there to be told"
        return told

    def states(self) -> dict[str, str]:
        return {one.key.text: one.state for one in self.breakers.views if one.state != "closed"}


def test_an_outage_opens_the_familys_breaker_not_the_agents() -> None:
    world = World()
    for number in range(6):
        world.stored(f"c{number}", agent=f"a{number % 3}", **FAILED)
    world.passes()

    assert world.states() == {FAMILY.text: "open"}
    world.passes(61)
    assert world.states() == {FAMILY.text: "half_open"}


def test_calls_that_nobody_could_refuse_try_what_is_half_open() -> None:
    world = World()
    for number in range(5):
        world.stored(f"c{number}", **FAILED)
    world.passes()
    world.passes(61)
    world.stored("bad", **FAILED)
    world.passes()
    again = world.states()
    world.passes(121)
    for number in range(3):
        world.stored(f"good{number}")
    world.passes()

    assert again == {FAMILY.text: "open"}
    assert world.states() == {}


def test_each_call_counts_once_whatever_its_spans_still_say() -> None:
    world = World()
    for _ in range(3):
        world.stored("c1", **FAILED)
        world.passes(1)
    first = world.passes(3)
    world.stored("c1", **FAILED, input_tokens=5)

    assert world.passes(3) == 0
    assert first == 0, "it was told when its time had come"
    (view,) = [one for one in world.breakers.views if one.key == FAMILY]
    assert view.failures == 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"guarded": True}, id="its guard tells"),
        pytest.param({"retracted": True}, id="it was none"),
        pytest.param({"start_ns": NOW_NS - 300 * SECOND_NS}, id="it ended long ago"),
    ],
)
def test_what_is_not_told(values: dict[str, Any]) -> None:
    world = World()
    world.stored("c1", **{**FAILED, **values})

    assert world.passes() == 0


def test_a_call_that_turns_out_to_be_guarded_in_time_is_left_to_its_guard() -> None:
    world = World()
    world.stored("c1", **FAILED)
    early = world.passes(GRACE_NS / SECOND_NS / 2)
    world.stored("c1", guarded=True, **FAILED)

    assert (early, world.passes()) == (0, 0)


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ({}, "ok"),
        ({"error": True, "http_status": 500}, "failed"),
        ({"error": True, "http_status": 529}, "failed"),
        ({"error": True, "error_type": "APIConnectionError"}, "failed"),
        ({"error": True, "error_message": "Request timed out."}, "failed"),
        ({"error": True, "http_status": 429}, "pressure"),
        ({"error": True, "http_status": 400}, None),
        ({"error": True, "http_status": 401}, None),
        ({"error": True, "error_type": "ValueError"}, None),
    ],
)
def test_what_a_call_says_of_its_provider(values: dict[str, Any], result: str | None) -> None:
    assert result_of(call(**values)) == result


# What calls cost

DOLLAR = 10**9
UNUSABLE: dict[str, Any] = {"error": True, "error_type": "ValidationError", "cost_nano": 2 * DOLLAR}


@pytest.mark.parametrize("guarded", [False, True])
def test_dear_failures_open_the_agents_breaker_guarded_or_not(guarded: bool) -> None:
    world = World()
    for number in range(3):
        world.stored(f"bad{number}", agent="a", guarded=guarded, **UNUSABLE)
        world.stored(f"good{number}", agent="a", guarded=guarded, cost_nano=DOLLAR)
    world.passes()

    assert world.states() == {"a": "open"}
    (view,) = [one for one in world.breakers.views if one.key.agent == "a"]
    assert view.reason == "3 failed calls cost $6.00 in 10 min, of $9.00 spent"


def test_an_outage_that_costs_money_is_the_familys() -> None:
    world = World()
    for number in range(5):
        world.stored(f"c{number}", agent="a", cost_nano=2 * DOLLAR, **FAILED)
    world.passes()

    assert world.states() == {FAMILY.text: "open"}


def test_corrections_of_what_a_call_cost_come_as_differences() -> None:
    world = World()
    world.stored("c1", **UNUSABLE)
    world.passes()
    world.stored("c1", **{**UNUSABLE, "cost_nano": 3 * DOLLAR})
    world.stored("c1", **{**UNUSABLE, "cost_nano": 3 * DOLLAR}, retracted=True)
    world.stored("c2", **{**UNUSABLE, "cost_nano": 3 * DOLLAR})
    world.outcomes.tell_now()
    world.now_ns += GRACE_NS
    world.outcomes.tell_now()

    (spent,) = [one for one in world.told if isinstance(one, Spent)]
    assert (spent.nano, spent.failed_nano, spent.failed) == (DOLLAR, DOLLAR, 0)


def test_what_failed_long_ago_or_at_unknown_cost_is_not_told() -> None:
    world = World()
    world.stored("old", start_ns=NOW_NS - 300 * SECOND_NS, **UNUSABLE)
    world.stored("unknown", **{**UNUSABLE, "cost_nano": None})
    world.outcomes.tell_now()
    world.now_ns += GRACE_NS
    world.outcomes.tell_now()

    assert [one for one in world.told if isinstance(one, Spent)] == []
