"""Limits, pauses and corrections in mid-run. Amounts are tokens of agent `a`."""

from dataclasses import replace

import pytest

from manager_agent.contract.budget import BudgetPolicy, Group
from manager_agent.contract.guard import Grant, Hello, Pause, Pauses
from manager_agent.control.commands import (
    Configure,
    Correct,
    PauseCalls,
    ResumeCalls,
    SetLimit,
)
from tests.control.desk import Desk, policy, tokens
from tests.control.memory_keeper import MemoryKeeper


@pytest.fixture
def desk() -> Desk:
    made = Desk(policy(a=tokens(hour=100)))
    made.hello("h1", "h2")
    return made


def hourly(amount: int | None) -> SetLimit:
    return SetLimit("agent", "a", "hour", "tokens", amount, "ann", "sprint")


def test_a_raised_limit_reaches_who_waits(desk: Desk) -> None:
    desk.report("h1", need=100)
    desk.report("h2", need=10)

    desk.tell(hourly(120))

    assert desk.answer("h2").granted_total == 10


def test_a_raised_limit_is_told_to_who_was_told_that_nothing_is_left(desk: Desk) -> None:
    first = desk.report("h1", need=100)
    told = desk.report("h1", lease=first.lease, settled_total=100, need=1)
    assert told.verdict == "exhausted"

    desk.tell(hourly(120))

    assert desk.answer("h1").verdict == "ok"
    assert desk.report("h1", lease=first.lease, settled_total=100, need=1).granted_total == 101


def test_below_a_lowered_limit_nothing_more_is_granted(desk: Desk) -> None:
    first = desk.report("h1", need=60)

    desk.tell(hourly(50))

    assert desk.account().excess == 10
    assert desk.report("h2", need=1).verdict == "wait"
    desk.report("h1", lease=first.lease, settled_total=20, returned_total=40)
    assert desk.account().excess == 0
    assert desk.answer("h2").granted_total == 1


def test_a_lowered_limit_calls_idle_money_back(desk: Desk) -> None:
    first = desk.report("h1", need=60)
    desk.report("h1", lease=first.lease, settled_total=20, reserved_now=10)
    busy = desk.report("h2", need=20)
    desk.report("h2", lease=busy.lease, reserved_now=20)

    desk.tell(hourly(50))

    called = [to.message for to in desk.said if isinstance(to.message, Grant)]
    assert [(grant.holder, grant.recall_to) for grant in called] == [("h1", 0)]


def test_a_limit_may_be_taken_away(desk: Desk) -> None:
    first = desk.report("h1", need=60)

    desk.tell(hourly(None))

    assert desk.report("h1", lease=first.lease, need=1000).unlimited


def test_each_change_is_audited_and_survives_a_restart(desk: Desk) -> None:
    desk.tell(hourly(120))
    desk.tell(hourly(110))
    desk.restart()

    assert isinstance(desk.keeper, MemoryKeeper)
    said = [(e.kind, e.subject, e.before, e.after, e.by, e.why) for e in desk.keeper.events]
    assert said == [
        ("set_limit", "agent a hour tokens", 100, 120, "ann", "sprint"),
        ("set_limit", "agent a hour tokens", 120, 110, "ann", "sprint"),
    ]
    assert desk.report("h1", need=111).verdict == "exhausted"


def test_a_younger_limit_counts_what_is_out_already(desk: Desk) -> None:
    desk.report("h1", need=60)

    desk.tell(SetLimit("agent", "a", "day", "tokens", 70))

    assert desk.sums(period="day") == (0, 0, 60)
    assert desk.report("h2", need=11).verdict == "wait"


def test_a_younger_limit_settles_with_the_lease(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease
    desk.tell(SetLimit("agent", "a", "day", "tokens", 70))

    desk.report("h1", lease=lease, settled_total=25, returned_total=35)

    assert desk.sums(period="day") == (25, 0, 0)


def test_a_changed_configuration_holds_at_once(desk: Desk) -> None:
    desk.report("h1", need=60)

    desk.tell(Configure(policy(a=tokens(hour=65))))

    assert desk.report("h2", need=6).verdict == "wait"


def test_an_agent_of_another_priority_draws_on_a_new_lease(desk: Desk) -> None:
    first = desk.report("h1", need=60)

    desk.tell(Configure(replace(policy(a=tokens(hour=100, priority=1)), unreachable="closed")))

    assert desk.report("h1", lease=first.lease, need=10).lease != first.lease
    assert desk.account().used == (10, 0, 60, 0)


def test_people_may_say_what_was_spent(desk: Desk) -> None:
    first = desk.report("h1", need=60)
    desk.report("h1", lease=first.lease, settled_total=60)

    desk.tell(Correct("agent", "a", "hour", "tokens", 0, "ann", "price was wrong"))

    assert desk.sums() == (0, 0, 0)
    assert desk.report("h2", need=100).granted_total == 100


def paused(desk: Desk) -> list[Pauses]:
    return [to.message for to in desk.said if isinstance(to.message, Pauses)]


@pytest.mark.parametrize("scope", ["agent", "group", "fleet"])
def test_what_is_paused_gets_nothing_and_is_called_back(scope: str) -> None:
    group = Group(frozenset({"a"}))
    desk = Desk(BudgetPolicy(agents={"a": tokens(hour=100)}, groups={"g": group}))
    desk.hello("h1")
    first = desk.report("h1", need=10)
    name = {"agent": "a", "group": "g", "fleet": ""}[scope]

    desk.tell(PauseCalls(scope, name, "ann", "loop"))  # type: ignore[arg-type]
    told = desk.report("h1", lease=first.lease, need=5)
    assert (told.verdict, told.recall_to, told.granted_total) == ("paused", 0, 10)

    desk.tell(ResumeCalls(scope, name, "ann"))  # type: ignore[arg-type]
    assert desk.report("h1", lease=first.lease, need=5).granted_total == 15


def test_all_that_is_paused_is_told_to_everyone_and_to_who_comes_later(desk: Desk) -> None:
    desk.tell(PauseCalls("trace", "t1", "ann", "runaway"))
    assert [(to.holder, type(to.message)) for to in desk.said] == [("h1", Pauses), ("h2", Pauses)]

    desk.tell(PauseCalls("conversation", "c1", "ann", ""))
    desk.tell(Hello("h3"))

    [told] = paused(desk)
    assert told.pauses == (
        Pause("trace", "t1", "runaway", "ann"),
        Pause("conversation", "c1", "", "ann"),
    )


def test_a_paused_group_is_told_as_its_agents() -> None:
    group = Group(frozenset({"b", "a"}))
    desk = Desk(BudgetPolicy(groups={"g": group}))
    desk.hello("h1")

    desk.tell(PauseCalls("group", "g", "ann", "loop"))

    assert [one.name for one in paused(desk)[0].pauses] == ["a", "b"]


def test_a_pause_survives_a_restart_and_a_resume_does_too(desk: Desk) -> None:
    desk.tell(PauseCalls("agent", "a", "ann", ""))
    desk.restart()
    assert desk.report("h1", need=1).verdict == "paused"

    desk.tell(ResumeCalls("agent", "a", "ann", ""))
    desk.restart()
    assert desk.report("h1", need=1).verdict == "ok"


def test_a_paused_agent_leaves_the_queue(desk: Desk) -> None:
    first = desk.report("h1", need=100)
    waiting = desk.report("h2", need=10)
    desk.tell(PauseCalls("agent", "a", "ann", ""))
    desk.report("h2", lease=waiting.lease, need=10)

    desk.report("h1", lease=first.lease, returned_total=100)

    assert not [
        to for to in desk.said if isinstance(to.message, Grant) and to.message.holder == "h2"
    ]
