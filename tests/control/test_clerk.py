"""The clerk stores together, then answers; a bad command and a full disk hurt nobody else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.command import SetBudget
from manager_agent.contract.guard import Breakers, Bye, FromManager, Hello
from manager_agent.control.clerk import ClerkError
from manager_agent.control.commands import (
    Configure,
    Gone,
    PauseCalls,
    SetLimit,
    Tick,
    To,
)
from manager_agent.control.keeper import KeeperError
from manager_agent.control.subject import Seat
from tests.control.desk import policy, tokens
from tests.control.desk_clerk import Disk, Table

AT = datetime(2026, 11, 26, tzinfo=UTC)
LIMITED = replace(policy(a=tokens(hour=100), b=tokens(hour=100)), unreachable="closed")
Make = Callable[..., Table]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Table] = []

    def build(policy: BudgetPolicy = LIMITED, **more: Any) -> Table:
        made.append(Table(policy, **more))
        return made[-1]

    yield build
    for table in made:
        table.clerk.stop()


@dataclass
class Stop:
    """Holds up the clerk until `go`; then what has come meanwhile is decided together."""

    def __post_init__(self) -> None:
        self.there, self.go = Event(), Event()

    def decide(self, commands: Sequence[Any], now_us: int) -> list[To]:
        self.there.set()
        assert self.go.wait(30)
        return []


@dataclass(frozen=True)
class Halt:
    """A command for `Stop`."""


@pytest.fixture
def stop() -> Stop:
    return Stop()


def held_up(make: Make, stop: Stop, disk: Disk | None = None) -> Table:
    table = make(others=[Seat(stop, frozenset([Halt]))], disk=disk)
    table.join("h1", "h2", "h3")
    table.clerk.tell(Halt())
    assert stop.there.wait(30)
    return table


def test_what_comes_together_is_stored_once(make: Make, stop: Stop) -> None:
    table = held_up(make, stop)
    before = len(table.disk.writes)
    for holder in ("h1", "h2", "h3"):
        table.tell(holder, need=10)
    stop.go.set()
    table.settle()

    assert len(table.disk.writes) == before + 1
    assert [table.grants(holder)[-1].granted_total for holder in ("h1", "h2", "h3")] == [10] * 3


def test_nothing_is_said_before_it_is_stored(make: Make) -> None:
    disk = Disk()
    table = make(disk=disk)
    table.join("h1")
    real, seen = disk.keep, []

    def keep(rows: Sequence[Any]) -> None:
        seen.append(len(table.grants("h1")))
        real(rows)

    disk.keep = keep  # type: ignore[method-assign]
    table.ask("h1", need=10)
    assert seen == [0]


def test_a_bad_command_has_its_error_and_its_batch_goes_on(make: Make, stop: Stop) -> None:
    table = held_up(make, stop)
    table.disk.bad = "b"
    for number in range(5):
        table.tell("h1", "a", need=10 + number)
        table.tell("h2", "b", need=10, lease=number)
    limit = table.clerk.ask(SetLimit("agent", "a", "day", "tokens", 90))
    bad = table.clerk.ask(SetBudget("b", tokens(hour=5), AT, "ann"))
    stop.go.set()
    table.settle()

    assert limit.result(10) is not None
    with pytest.raises(ValueError, match="a row of b"):
        bad.result(10)
    assert table.grants("h1")[-1].granted_total == 14
    assert not table.grants("h2")
    table.disk.bad = ""
    assert table.ask("h2", "b", need=10).granted_total == 10
    assert table.clerk.policy().limits_of("b") == LIMITED.limits_of("b")


def test_a_full_disk_answers_nobody_and_nothing_is_lost(make: Make) -> None:
    table = make()
    table.join("h1")
    table.ask("h1", need=10)
    table.disk.full = True
    heard = len(table.heard["h1"])

    with pytest.raises(KeeperError, match="full"):
        table.clerk.ask(SetLimit("agent", "a", "hour", "tokens", 5)).result(30)
    table.tell("h1", lease=1, settled_total=4, need=10, granted_seen=10)
    table.settle()
    assert table.clerk.trouble == "database or disk is full"
    assert len(table.heard["h1"]) == heard
    assert table.clerk.accounts()[0].spent == 0, "what is shown is what is stored"

    table.disk.full = False
    while table.clerk.trouble:
        table.settle()
    table.settle()
    assert table.grants("h1")[-1].granted_total == 20
    [account] = [one for one in table.clerk.accounts() if one.name == "a"]
    assert (account.limit, account.spent, account.reserved) == (100, 4, 16)


def test_a_policy_comes_before_the_first_grant_and_again_when_it_is_another(make: Make) -> None:
    table = make()
    table.join("h1", "h2")
    table.ask("h1", need=1)
    table.ask("h1", "b", need=1)
    kinds = [
        (one.policy or one.grant).agent  # type: ignore[union-attr]
        + ("!" if one.policy else "")
        for one in table.heard["h1"]
        if one.policy or one.grant
    ]
    assert kinds == ["a!", "a", "b!", "b"]
    first = table.told_policies("h1")[0]
    assert (first.enforcement, first.unreachable, first.heartbeat_ms) == ("hard", "closed", 3000)

    firm = tokens(hour=100, enforcement="firm")
    table.clerk.ask(SetBudget("a", firm, AT, "ann")).result(30)
    table.settle()
    newest = table.told_policies("h1")[-1]
    assert (newest.agent, newest.enforcement) == ("a", "firm")
    assert newest.revision > first.revision
    assert len(table.told_policies("h1")) == 3, "b's is the same as before"
    assert not table.told_policies("h2"), "it asked for nothing"


def test_a_stream_that_comes_back_is_told_anew(make: Make) -> None:
    table = make()
    table.join("h1")
    table.ask("h1", need=1)
    again: list[FromManager] = []
    table.clerk.connect("h1", again.append)
    table.tell("h1", lease=1, need=1, granted_seen=1)
    table.settle()

    assert [bool(one.policy) for one in again] == [True, False]


def test_a_limit_raised_wakes_who_had_nothing_left_and_one_lowered_calls_back(make: Make) -> None:
    table = make()
    table.join("h1", "h2")
    first = table.ask("h1", need=100)
    table.tell("h1", lease=first.lease, settled_total=90, granted_seen=100)
    assert table.ask("h2", need=50).verdict == "exhausted"

    table.clerk.ask(SetLimit("agent", "a", "hour", "tokens", 200, "ann", "sprint")).result(30)
    table.settle()
    assert table.grants("h2")[-1].verdict == "ok"
    assert table.clerk.policy().limits_of("a") == tokens(hour=200)
    assert table.policies[-1] == table.clerk.policy()

    table.clerk.ask(SetLimit("agent", "a", "hour", "tokens", 50)).result(30)
    table.settle()
    assert table.grants("h1")[-1].recall_to == 0
    [account] = [one for one in table.clerk.accounts() if one.name == "a"]
    assert (account.limit, account.spent, account.reserved) == (50, 90, 10)


def test_what_people_set_is_the_whole_entry_and_can_be_taken_back(make: Make) -> None:
    table = make()
    ask = table.clerk.ask
    ask(SetLimit("agent", "a", "day", "tokens", 500)).result(30)
    ask(SetBudget("a", tokens(hour=7, priority=1), AT, "ann", "less")).result(30)
    assert table.clerk.policy().limits_of("a") == tokens(hour=7, priority=1)
    assert table.clerk.overridden() == {"a"}

    ask(SetLimit("agent", "a", "hour", "tokens", 9)).result(30)
    ask(SetLimit("agent", "a", "hour", "tokens", None, dropped=True)).result(30)
    assert table.clerk.policy().limits_of("a") == tokens(hour=7, priority=1)

    ask(SetBudget("a", None, AT, "ann")).result(30)
    assert table.clerk.policy() == LIMITED
    assert table.clerk.overridden() == frozenset()
    ask(SetBudget("default", tokens(hour=1), AT, "ann")).result(30)
    assert table.clerk.policy().limits_of("anyone") == tokens(hour=1)
    kinds = [event.kind for event in table.disk.events]
    assert kinds == [
        *("set_limit", "set_budget", "set_limit", "set_limit"),
        *("remove_budget", "set_budget"),
    ]
    before, after = table.disk.events[1].before, table.disk.events[1].after
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["daily_token_limit"], after["daily_token_limit"]) == (500, None)


def test_other_limits_configured_hold_at_once(make: Make) -> None:
    table = make()
    table.join("h1")
    assert table.ask("h1", "c", need=5).unlimited

    table.clerk.ask(Configure(replace(LIMITED, default=tokens(hour=3)))).result(30)
    assert table.ask("h1", "c", need=5).verdict == "exhausted"


def test_a_clock_set_back_stands_still(make: Make) -> None:
    table = make()
    table.join("h1")
    table.ask("h1", need=10)
    table.pass_time(-7200)

    assert table.ask("h1", lease=1, need=10, granted_seen=10).granted_total == 20
    assert len([one for one in table.clerk.accounts() if one.name == "a"]) == 1


def test_a_manager_that_stood_still_gives_up_nobody_for_it(make: Make) -> None:
    table = make()
    table.join("h1")
    table.ask("h1", need=10)
    table.pass_time(3600 * 0.5)
    assert [one.holder for one in table.clerk.holders()] == ["h1"]

    for _ in range(12):
        table.pass_time(1)
    assert table.clerk.holders() == [], "but silence is silence"
    assert table.clerk.accounts()[0].in_doubt == 10


def test_who_is_gone_is_told_to_those_who_ask(make: Make) -> None:
    seen: list[Any] = []

    class Watcher:
        def decide(self, commands: Sequence[Any], now_us: int) -> list[To]:
            seen.extend(commands)
            return [To("", Breakers(7)) for one in commands if isinstance(one, Hello)]

    table = make(others=[Seat(Watcher(), frozenset([Gone, Hello, Tick]))])
    table.join("h1", "h2")
    assert sum(one.breakers == Breakers(7) for one in table.heard["h1"]) == 2

    old = table.clerk._connected._ways["h1"]
    table.clerk.connect("h1", table.heard["h2"].append)
    table.clerk.disconnect("h1", old)
    table.clerk.disconnect("h2", print)
    table.settle()
    assert not [one for one in seen if isinstance(one, Gone)], "it has come back"

    table.clerk.disconnect("h1", table.clerk._connected._ways["h1"])
    table.pass_time(1)
    assert [one for one in seen if isinstance(one, Gone)] == [Gone("h1")]
    assert [one for one in seen if isinstance(one, Tick)]


def test_people_see_what_is_there(make: Make) -> None:
    limits = replace(LIMITED, fleet=tokens(day=1000))
    table = make(limits)
    table.join("h1")
    table.ask("h1", need=10)
    table.clerk.tell(PauseCalls("agent", "b", "ann", "runaway"))
    table.settle()

    views = table.clerk.accounts()
    said = [(v.scope, v.name, v.period, v.limit, v.spent, v.reserved) for v in views]
    assert said == [
        ("agent", "a", "hour", 100, 0, 10),
        ("agent", "b", "hour", 100, 0, 0),
        ("fleet", "", "day", 1000, 0, 10),
    ]
    [holder] = table.clerk.holders()
    assert (holder.holder, holder.connected, holder.held_tokens) == ("h1", True, 10)
    [paused] = table.clerk.paused()
    assert (paused.scope, paused.name, paused.by) == ("agent", "b", "ann")
    numbers = {metric.name: metric.samples for metric in table.clerk.metrics()}
    assert numbers["manager_guard_holders_connected"][0].value == 1

    table.clerk.tell(Bye("h1"))
    table.clerk.stop()
    with pytest.raises(ClerkError, match="closed"):
        table.clerk.accounts()


def test_what_waits_is_decided_before_the_end(make: Make) -> None:
    table = make()
    table.join("h1")
    for number in range(500):
        table.tell("h1", need=1, lease=number)
    table.clerk.stop()

    assert table.clerk._mail.size() == 0
    assert table.grants("h1")[-1].seq == 500
