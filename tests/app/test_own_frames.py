"""What only a running manager knows: arrivals, drops, what guards told, as frames."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from manager_agent.app.clocks import Clocks
from manager_agent.app.drops import Drops
from manager_agent.app.own_frames import OwnFrames
from manager_agent.app.troubles import Trouble
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.guard import Outcomes
from manager_agent.control.observed import SPANS
from manager_agent.control.told_calls import ToldCalls
from manager_agent.receiver.changes import CallVersion
from manager_agent.rules.testing import NOW, frames
from tests.harness.facts import call

NOW_NS = int(NOW.timestamp()) * 10**9


def test_arrivals_are_remembered_for_ten_minutes() -> None:
    clock = [NOW_NS]
    clocks = Clocks(lambda: clock[0])
    for age in (300, 20):
        late = call(start_ns=NOW_NS - age * 10**9, duration_ms=1000.0, agent="a")
        clocks.note([CallVersion(late, 1, False), CallVersion(late, 2, True)])

    assert clocks.frame(NOW).rows() == [("a", 2, 19_000, 299_000)]
    clock[0] += 300 * 10**9
    clocks.note([CallVersion(call(start_ns=clock[0], duration_ms=60_000.0, agent="a"), 3, False)])
    assert clocks.frame(NOW + timedelta(minutes=9)).rows() == [("a", 3, -60_000, 299_000)]
    assert clocks.frame(NOW + timedelta(minutes=11)).rows() == [("a", 1, -60_000, -60_000)]


def test_drops_are_those_of_ten_minutes() -> None:
    totals: Mapping[tuple[str, str], int] = {("dropped", "late"): 3, ("spans", "stored"): 9}
    drops = Drops(lambda: totals)

    assert drops.frame(NOW).rows() == [("items", "late", 3)]
    totals = {("dropped", "late"): 5, ("dropped", "log_of_no_call"): 99, ("requests", "full"): 1}
    assert drops.frame(NOW + timedelta(minutes=5)).rows() == [
        ("items", "late", 2),
        ("requests", "full", 1),
    ]
    assert drops.frame(NOW + timedelta(minutes=16)).is_empty()


def told(holder: str, ok: int, failed: int = 0) -> Outcomes:
    return Outcomes(holder, "a", "openai", "gpt-4o", {"ok": ok, "failed": failed, "streak": 5})


def test_what_guards_told_is_counted_from_the_second_word_on() -> None:
    calls = ToldCalls()
    minute_us = 60 * 10**6

    calls.decide([told("h1", 100), told("h2", 0), told(SPANS, 50)], 10 * minute_us)
    calls.decide([told("h1", 105, 2), told("h2", 3), told(SPANS, 90)], 12 * minute_us)

    assert calls.between(11, 13) == {"a": 10}
    assert calls.between(13, 20) == {}


def test_all_of_it_is_put_beside_the_frames_of_the_store() -> None:
    calls = ToldCalls()
    minute_us = int(NOW.timestamp()) // 60 * 60 * 10**6
    calls.decide([told("h", 0)], minute_us - 30 * 60 * 10**6)
    calls.decide([told("h", 7)], minute_us - 10 * 60 * 10**6)
    own = OwnFrames(
        Clocks(lambda: NOW_NS),
        Drops(dict),
        calls,
        lambda: [Trouble("rule", "budget", "it raises")],
    )

    found = own.beside(frames(policy=BudgetPolicy()), NOW)

    assert found.told["calls"].to_list() == [7]
    assert found.health.rows() == [("rule", "budget", "it raises")]
    assert found.clocks.is_empty()
    assert own.beside(frames(), datetime(2030, 1, 1, tzinfo=UTC)).told.is_empty()
