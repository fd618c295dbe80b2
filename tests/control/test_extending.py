"""Spending beyond a limit: so much more, until a time, in one window, once."""

from datetime import UTC, datetime

import pytest

from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.guard import Grant, Hello, Report
from manager_agent.control.authority import Authority
from manager_agent.control.book import micros
from manager_agent.control.commands import Extend, SetLimit, Tick
from manager_agent.control.rows import Account
from manager_agent.control.views import AddedView, account_views
from tests.control.memory_keeper import MemoryKeeper

SECOND = 1_000_000
NOW = micros(datetime(2026, 11, 26, 12, 10, tzinfo=UTC))
NAME = "hourly_limit_usd of agent a"


class Office:
    """A ledger with one holder that asks for money."""

    def __init__(self) -> None:
        self.keeper = MemoryKeeper()
        self.now_us = NOW
        self.seq = 0
        self.restart()
        self.hello("h1")

    def restart(self) -> None:
        policy = BudgetPolicy(Limits(hourly_limit_usd=1))  # type: ignore[arg-type]
        self.authority = Authority(self.keeper, policy, self.now_us)

    def need(self, amount: int) -> Grant:
        """Ask for so much more; return the last grant of the lease that is spent from."""
        self.seq += 1
        mine = [one for one in self.authority.book.leases.values() if one.holder == self.holder]
        lease = max((one.id for one in mine if not one.offline), default=0)
        granted = self.authority.book.leases[lease].granted if lease else 0
        asked = (self.holder, self.seq, lease, "a", "usd")
        report = Report(*asked, need=amount, granted_seen=granted)  # type: ignore[arg-type]
        said = self.authority.decide([report], self.now_us)
        grants = [to.message for to in said if isinstance(to.message, Grant)]
        return [one for one in grants if not one.offline][-1]

    def hello(self, holder: str) -> None:
        self.holder = holder
        self.authority.decide([Hello(holder)], self.now_us)

    def left(self) -> int:
        return (self.account.bound or 0) - self.account.total

    def extend(self, cents: int, seconds: int, id_: str = "q1", said_us: int = NOW) -> None:
        until_us = NOW + seconds * SECOND
        command = Extend(id_, "a", NAME, cents * 10_000_000, said_us, until_us, "ann", "launch")
        self.authority.decide([command], self.now_us)

    @property
    def account(self) -> Account:
        (found,) = (
            one for one in self.authority.book.accounts.values() if one.end_us > self.now_us
        )
        return found

    def cents(self) -> int | None:
        amount = self.account.amount
        return None if amount is None else amount // 10_000_000


@pytest.fixture
def office() -> Office:
    made = Office()
    assert made.need(1).verdict == "ok"
    return made


def test_so_much_more_is_granted_and_no_more(office: Office) -> None:
    office.need(office.left())
    assert office.need(1).verdict == "wait", "it is all held"

    office.extend(50, 600)

    assert office.cents() == 150
    assert office.need(office.left()).verdict == "ok"
    assert office.account.total == 1_500_000_000
    assert office.need(1).verdict == "wait"
    assert (office.account.total, office.account.excess) == (1_500_000_000, 0)


def test_it_is_added_once_also_after_a_restart(office: Office) -> None:
    office.extend(50, 600)
    office.extend(50, 600)
    office.restart()
    office.extend(50, 600)

    assert office.cents() == 150
    office.extend(25, 600, "q2")
    assert office.cents() == 175


def test_what_was_not_used_is_gone_when_its_time_is_over(office: Office) -> None:
    office.extend(50, 600)
    office.now_us += 599 * SECOND
    office.authority.decide([Tick()], office.now_us)
    assert office.cents() == 150
    office.now_us += SECOND
    office.authority.decide([Tick()], office.now_us)

    assert office.cents() == 100
    office.extend(50, 600)
    office.restart()
    assert office.cents() == 100, "told again, it is added no second time"
    events = [one for one in office.keeper.events if one.kind == "extend_limit"]
    assert [(one.before, one.after, one.by) for one in events] == [
        ("1", "1.5", "ann"),
        ("1.5", "1", "manager"),
    ]


def test_people_see_the_limit_and_what_was_added_to_it(office: Office) -> None:
    office.extend(50, 600)
    office.extend(25, 60, "q2")

    (view,) = account_views(office.authority.book, office.now_us)

    assert view.limit == 1_000_000_000
    assert view.added == (
        AddedView(250_000_000, NOW + 60 * SECOND, "ann"),
        AddedView(500_000_000, NOW + 600 * SECOND, "ann"),
    )
    office.now_us += 60 * SECOND
    office.authority.decide([Tick()], office.now_us)
    (later,) = account_views(office.authority.book, office.now_us)
    assert (later.limit, [one.amount for one in later.added]) == (1_000_000_000, [500_000_000])


def test_it_counts_in_no_other_window(office: Office) -> None:
    office.extend(50, 3 * 3600)
    office.now_us += 3600 * SECOND
    office.authority.decide([Tick()], office.now_us)
    office.hello("h2")
    office.need(1)

    assert office.cents() == 100
    office.extend(50, 3 * 3600, "q2")
    assert office.cents() == 100, "it was said in the hour before"


def test_a_limit_that_is_changed_meanwhile_has_it_on_top(office: Office) -> None:
    office.extend(50, 600)

    office.authority.decide(
        [SetLimit("agent", "a", "hour", "usd", 2_000_000_000, "ann")], office.now_us
    )

    assert office.cents() == 250
    office.now_us += 600 * SECOND
    office.authority.decide([Tick()], office.now_us)
    assert office.cents() == 200


def test_only_a_limit_of_that_agent_is_extended(office: Office) -> None:
    command = Extend("q1", "b", NAME, 1, NOW, NOW + SECOND, "ann")
    office.authority.decide([command], office.now_us)

    assert office.cents() == 100
