"""What processes may spend while the manager cannot be reached. Amounts are tokens of agent `a`."""

import pytest

from manager_agent.contract.guard import Grant
from manager_agent.control.commands import To
from tests.control.desk import Desk, policy, tokens


@pytest.fixture
def desk() -> Desk:
    made = Desk(policy(a=tokens(hour=1000)), allowance=True)
    made.hello("h1", "h2", "h3")
    return made


def allowances(said: list[To]) -> list[tuple[str, int]]:
    return [
        (to.holder, to.message.granted_total)
        for to in said
        if isinstance(to.message, Grant) and to.message.offline
    ]


def test_each_gets_half_of_what_is_left_of_2_percent_deducted_in_advance(desk: Desk) -> None:
    found = []
    for holder in ("h1", "h2", "h3"):
        desk.report(holder, need=1)
        found += allowances(desk.said)

    assert found == [("h1", 10), ("h2", 5), ("h3", 2)]
    assert desk.sums() == (0, 0, 3 + 17)


def test_it_is_told_again_until_it_was_heard_of(desk: Desk) -> None:
    first = desk.report("h1", need=1)
    desk.report("h1", lease=first.lease)
    assert allowances(desk.said) == [("h1", 10)]
    [allowance] = [one for one in desk.authority.book.leases.values() if one.offline]

    desk.report("h1", lease=allowance.id)
    desk.report("h1", lease=first.lease)

    assert allowances(desk.said) == []
    assert desk.sums() == (0, 0, 11)


def test_it_is_called_back_when_all_else_is_used(desk: Desk) -> None:
    desk.report("h1", need=1)

    desk.report("h2", need=995)  # 989 are free, one is h1's and idle, the rest its allowance

    called = [to.message for to in desk.said if to.holder == "h1"]
    assert [(one.offline, one.recall_to) for one in called if isinstance(one, Grant)] == [
        (False, 0),
        (True, 0),
    ]


def test_without_a_manager_nothing_is_allowed_where_that_is_configured() -> None:
    desk = Desk(policy(a=tokens(hour=1000)))
    desk.hello("h1")
    desk.report("h1", need=1)

    assert allowances(desk.said) == []


def test_a_limit_that_is_only_watched_needs_none() -> None:
    desk = Desk(policy(a=tokens(hour=1000, enforcement="soft")), allowance=True)
    desk.hello("h1")
    desk.report("h1", need=1)

    assert allowances(desk.said) == []


def test_its_time_counts_from_the_report_that_it_was_made_for(desk: Desk) -> None:
    first = desk.report("h1", need=1)
    [allowance] = [
        to.message for to in desk.said if isinstance(to.message, Grant) and to.message.offline
    ]

    assert allowance.seq == first.seq == 1
