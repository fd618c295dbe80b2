"""Whole fleets in simulated time: the limit holds, it is used, and nobody waits in vain."""

from dataclasses import replace

import pytest

from manager_agent.control.authority import Authority
from tests.control.fleet import Fleet, Plan

# A limit of 100 calls, in the proportions of $1.00 and $0.01.
PLAN = Plan(processes=4, callers=100, attempts=3, limit=10_000, cost=100, reserve=100)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(PLAN, processes=1, callers=1, attempts=300), id="one caller"),
        pytest.param(replace(PLAN, processes=1, callers=10, attempts=30), id="10 callers"),
        pytest.param(replace(PLAN, processes=1, callers=100), id="100 callers"),
        pytest.param(PLAN, id="4 processes of 100 callers"),
        pytest.param(replace(PLAN, processes=40, callers=10), id="40 processes of 10 callers"),
        pytest.param(replace(PLAN, reserve=200), id="twice the cost is reserved"),
        pytest.param(replace(PLAN, both=True), id="USD and tokens"),
        pytest.param(replace(PLAN, both=True, reserve=300), id="USD and tokens, much reserved"),
    ],
)
def test_the_limit_holds_and_is_used(plan: Plan) -> None:
    bill = Fleet(plan).run(120)

    assert plan.limit * 97 // 100 <= bill.billed <= plan.limit
    assert not bill.refused.get("wait"), "somebody waited in vain"


def test_the_worst_case_is_reserved_and_most_is_used_all_the_same() -> None:
    """No `max_tokens`: each call holds 16 times its cost."""
    bill = Fleet(replace(PLAN, attempts=1, reserve=1660)).run(120)

    assert 7_500 <= bill.billed <= 10_000


def test_few_messages_with_an_ample_limit() -> None:
    plan = replace(PLAN, callers=20, attempts=100, limit=10_000_000)
    bill = Fleet(plan).run(13)

    assert bill.calls == 8_000
    assert bill.messages < 0.05 * bill.calls


def test_a_killed_process_strands_little() -> None:
    fleet = Fleet(PLAN)
    fleet.run(0.15)
    fleet.processes["h1"].alive = False
    bill = fleet.run(120)

    assert 7_500 <= bill.billed <= 10_000


def test_a_frozen_process_that_comes_back_spends_nothing_twice() -> None:
    fleet = Fleet(replace(PLAN, attempts=30))
    fleet.run(0.05)
    fleet.processes["h1"].frozen = True
    fleet.run(40)
    fleet.processes["h1"].frozen = False
    bill = fleet.run(120)

    assert bill.billed <= 10_000


def test_a_manager_that_restarts_knows_all_that_it_granted() -> None:
    fleet = Fleet(replace(PLAN, attempts=30))
    fleet.run(0.15)
    fleet.authority = Authority(fleet.keeper, fleet.policy, fleet.now)
    bill = fleet.run(120)

    assert 9_700 <= bill.billed <= 10_000


def test_without_the_manager_only_what_was_granted_is_spent() -> None:
    fleet = Fleet(replace(PLAN, attempts=1000, limit=1_000_000))
    fleet.run(1)
    fleet.reachable = False
    before = fleet.bill.billed
    fleet.run(20)
    stopped = fleet.bill.billed
    fleet.run(40)

    assert fleet.bill.billed == stopped
    assert before < stopped <= 1_000_000
