"""What the budget authority grants, books and answers. Amounts are tokens of agent `a`."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.contract.guard import Bye, Hello
from manager_agent.control import serving
from manager_agent.control.book import Book, micros
from manager_agent.control.commands import Charge, Configure, PauseCalls, Reconcile, Tick
from manager_agent.control.rows import AccountKey, Lease
from tests.control.desk import NOON, SECOND, Desk, policy, share, tokens
from tests.control.memory_keeper import MemoryKeeper


@pytest.fixture
def desk() -> Desk:
    made = Desk(policy(a=tokens(hour=100)))
    made.hello("h1", "h2", "h3")
    return made


def test_need_is_granted_at_once(desk: Desk) -> None:
    grant = desk.report("h1", need=60)

    assert (grant.verdict, grant.granted_total, grant.window_left_ms) == ("ok", 60, 50 * 60_000)
    assert desk.sums() == (0, 0, 60)


def test_look_ahead_is_at_most_its_share_and_5_percent_of_the_limit(desk: Desk) -> None:
    assert desk.report("h1", want=50).granted_total == 5


def test_grants_shrink_as_the_limit_nears(desk: Desk) -> None:
    desk.report("h1", need=94)

    assert desk.report("h2", want=50).granted_total == 1  # 6 free, two draw on it


def test_money_can_be_used_to_the_last(desk: Desk) -> None:
    first = desk.report("h1", need=99)

    assert desk.report("h2", need=1).granted_total == 1
    done = desk.report("h1", lease=first.lease, settled_total=99, need=1)
    assert done.verdict == "wait"  # h2's one may come back
    assert done.limit_name == "hourly_token_limit of agent a"


def test_a_settlement_frees_what_is_returned_and_who_waits_is_granted_it(desk: Desk) -> None:
    first = desk.report("h1", need=100)
    assert desk.report("h2", need=10).verdict == "wait"

    desk.report("h1", lease=first.lease, settled_total=80, returned_total=20)

    granted = desk.answer("h2")
    assert (granted.verdict, granted.granted_total) == ("ok", 10)
    assert desk.sums() == (80, 0, 10)


def test_exhausted_is_said_only_when_nothing_can_come_back(desk: Desk) -> None:
    first = desk.report("h1", need=95)
    assert desk.report("h2", need=10).verdict == "wait"

    desk.report("h1", lease=first.lease, settled_total=95)

    told = desk.answer("h2")
    assert (told.verdict, told.need, told.limit, told.spent) == ("exhausted", 10, 100, 95)
    assert told.resets_in_ms == 50 * 60_000


def test_more_than_the_limit_is_exhausted_from_the_start(desk: Desk) -> None:
    assert desk.report("h1", need=101).verdict == "exhausted"


def test_the_first_who_waits_is_served_first_and_nobody_overtakes(desk: Desk) -> None:
    first = desk.report("h1", need=95)
    assert desk.report("h2", need=20).verdict == "wait"
    assert desk.report("h3", need=5).verdict == "wait"  # it would fit

    desk.report("h1", lease=first.lease, settled_total=60, returned_total=20)

    assert desk.answer("h2").granted_total == 20
    assert desk.answer("h3").granted_total == 5


def test_a_heartbeat_keeps_the_place_in_the_queue(desk: Desk) -> None:
    first = desk.report("h1", need=100)
    waiting = desk.report("h2", need=20)
    desk.report("h3", need=20)
    desk.report("h2", lease=waiting.lease, need=20)

    desk.report("h1", lease=first.lease, returned_total=20)

    assert desk.answer("h2").granted_total == 20


def test_while_one_waits_others_look_ahead_in_vain(desk: Desk) -> None:
    desk.report("h1", need=90)
    desk.report("h2", need=20)

    assert desk.report("h3", want=5).granted_total == 0


def test_idle_money_is_called_back_for_one_who_waits(desk: Desk) -> None:
    idle = desk.report("h1", need=95)
    desk.report("h1", lease=idle.lease, reserved_now=15, settled_total=20)

    desk.report("h2", need=10)

    assert desk.answer("h1").recall_to == 0
    desk.report("h1", lease=idle.lease, reserved_now=15, settled_total=20, returned_total=60)
    assert desk.answer("h2").granted_total == 10


def test_money_of_the_more_critical_is_not_called_back() -> None:
    group = Group(frozenset({"a", "low"}), tokens(hour=100))
    desk = Desk(
        BudgetPolicy(
            agents={"a": Limits(priority=1), "low": Limits(priority=4)}, groups={"g": group}
        )
    )
    desk.hello("h1", "h2")
    desk.report("h1", "a", need=95)

    told = desk.report("h2", "low", need=10)

    assert told.verdict == "wait"
    assert [to.holder for to in desk.said] == ["h2"]


def test_the_critical_are_served_first_and_have_their_floor() -> None:
    group = Group(frozenset({"a", "low"}), tokens(hour=100), {1: share("0.2")})
    desk = Desk(
        BudgetPolicy(
            agents={"a": Limits(priority=1), "low": Limits(priority=4)}, groups={"g": group}
        )
    )
    desk.hello("h1", "h2")

    assert desk.report("h2", "low", need=81).verdict == "exhausted"
    low = desk.report("h2", "low", need=80)
    assert low.granted_total == 80
    assert desk.report("h1", "a", need=20).granted_total == 20
    assert desk.report("h1", "a", lease=2, need=1).verdict == "wait"
    desk.report("h2", "low", lease=low.lease, need=1, settled_total=79, returned_total=1)
    assert desk.answer("h1").granted_total == 21  # beyond its floor, from the pool


def test_all_windows_give_together_or_none() -> None:
    desk = Desk(policy(a=tokens(hour=50, day=60)))
    desk.hello("h1")
    first = desk.report("h1", need=50)
    desk.report("h1", lease=first.lease, settled_total=50)
    desk.pass_time(3600)

    told = desk.report("h1", lease=first.lease, settled_total=50, need=11)
    assert (told.verdict, told.limit_name) == ("exhausted", "daily_token_limit of agent a")
    assert desk.report("h1", lease=told.lease, need=10).granted_total == 10
    assert (desk.sums(period="hour"), desk.sums(period="day")) == ((0, 0, 10), (50, 0, 10))


def test_reports_may_come_twice_in_any_order_or_never(desk: Desk) -> None:
    lease = desk.report("h1", need=50).lease
    one = desk.written("h1", lease=lease, settled_total=10, reserved_now=40)
    two = desk.written("h1", lease=lease, settled_total=30, returned_total=20)

    desk.tell(two, one, two, one)

    assert desk.sums() == (30, 0, 0)


def test_a_demand_that_crosses_its_grant_is_granted_once(desk: Desk) -> None:
    first = desk.report("h1", need=10)
    desk.tell(desk.written("h1", lease=first.lease, need=10, granted_seen=0))

    assert desk.answer("h1").granted_total == 10


def test_a_call_that_cost_more_than_reserved_is_granted_the_rest_after_the_fact(
    desk: Desk,
) -> None:
    first = desk.report("h1", need=90)

    told = desk.report("h1", lease=first.lease, settled_total=97)

    assert told.granted_total == 97
    assert desk.sums() == (97, 0, 0)
    assert desk.report("h2", need=4).verdict == "exhausted"


def test_what_is_over_the_limit_is_counted_as_such(desk: Desk) -> None:
    first = desk.report("h1", need=90)

    desk.report("h1", lease=first.lease, settled_total=120)

    assert desk.account().excess == 20


def test_a_holder_returns_no_more_than_it_was_granted(desk: Desk) -> None:
    first = desk.report("h1", need=10)

    desk.report("h1", lease=first.lease, returned_total=11)

    assert desk.sums() == (0, 0, 0)


@pytest.mark.parametrize(
    "values",
    [{"settled_total": 1 << 62}, {"settled_total": -1}, {"need": -5}, {"returned_total": 1 << 60}],
    ids=str,
)
def test_a_report_that_cannot_be_right_changes_nothing(desk: Desk, values: dict[str, int]) -> None:
    lease = desk.report("h1", need=10).lease

    desk.tell(desk.written("h1", "a", lease=lease, **values))

    assert desk.fences() == ["h1"]
    assert desk.sums() == (0, 0, 10)


def test_a_silent_holder_is_given_up_and_what_it_had_is_booked_as_spent(desk: Desk) -> None:
    first = desk.report("h1", need=60, longest_call_ms=30_000)
    desk.report("h1", lease=first.lease, settled_total=20, longest_call_ms=30_000)
    desk.pass_time(40)
    desk.tell(Tick())
    assert desk.sums() == (20, 0, 40)

    desk.pass_time(1)
    desk.tell(Tick())

    assert desk.sums() == (20, 40, 0)


def gave_up(desk: Desk, settled: int = 20) -> int:
    lease = desk.report("h1", need=60).lease
    desk.report("h1", lease=lease, settled_total=settled)
    desk.pass_time(11)
    desk.tell(Tick(), Hello("h2"))
    return lease


def test_one_that_comes_back_is_fenced_and_what_it_tells_shrinks_the_doubt(desk: Desk) -> None:
    lease = gave_up(desk)

    desk.tell(desk.written("h1", lease=lease, settled_total=35, returned_total=20, need=9))

    assert desk.fences() == ["h1"]
    assert desk.sums() == (35, 5, 0)
    assert not [to for to in desk.said if to.holder == "h1" and to.message != desk.said[0].message]


def test_a_fenced_holder_cannot_begin_again_under_its_name(desk: Desk) -> None:
    gave_up(desk)

    desk.tell(Hello("h1"))

    assert desk.fences() == ["h1"]


def test_a_holder_that_is_unknown_is_fenced(desk: Desk) -> None:
    desk.tell(desk.written("ghost", lease=9, settled_total=5))

    assert desk.fences() == ["ghost"]
    assert not desk.authority.book.leases


def test_a_journal_leaves_only_what_was_in_flight_in_doubt(desk: Desk) -> None:
    lease = gave_up(desk)
    journal = desk.written("h1", lease=lease, settled_total=30, reserved_now=10)

    desk.tell(Hello("h4", boot_id="boot", recovered=(journal,)))

    assert desk.sums() == (30, 10, 0)


def test_a_journal_of_another_boot_frees_nothing(desk: Desk) -> None:
    lease = gave_up(desk)
    journal = desk.written("h1", lease=lease, settled_total=30, reserved_now=10)

    desk.tell(Hello("h4", boot_id="later", recovered=(journal,)))

    assert desk.sums() == (30, 30, 0)


def test_a_journal_tells_of_a_death_before_it_is_noticed(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease
    journal = desk.written("h1", lease=lease, settled_total=30)

    desk.tell(Hello("h4", boot_id="boot", recovered=(journal,)))

    assert desk.sums() == (30, 0, 0)
    assert desk.authority.book.holders["h1"].reason == "its process died"


def test_spans_of_one_that_fell_silent_raise_what_it_spent_and_free_nothing(desk: Desk) -> None:
    """Calls that were in flight may have been billed, and nobody will ever tell of them."""
    lease = gave_up(desk)

    desk.tell(Reconcile(lease, 45, calls=0), Reconcile(lease, 10, calls=0))

    assert desk.sums() == (45, 15, 0)


@pytest.mark.parametrize(("spent", "calls"), [(45, 3), (15, 3), (20, 3)])
def test_complete_spans_of_one_that_ended_clear_the_doubt(
    desk: Desk, spent: int, calls: int
) -> None:
    lease = desk.report("h1", need=60).lease
    desk.tell(desk.written("h1", lease=lease, settled_total=20, settled_calls=3), Bye("h1"))
    assert desk.sums() == (20, 40, 0)

    desk.tell(Reconcile(lease, spent, calls), Reconcile(lease, spent, calls))

    assert desk.sums() == (spent, 0, 0)


@pytest.mark.parametrize(("spent", "calls", "settled"), [(15, 2, 20), (25, 4, 25)])
def test_as_long_as_spans_are_missing_the_higher_figure_holds(
    desk: Desk, spent: int, calls: int, settled: int
) -> None:
    lease = desk.report("h1", need=60).lease
    desk.tell(desk.written("h1", lease=lease, settled_total=20, settled_calls=3), Bye("h1"))

    desk.tell(Reconcile(lease, spent, calls))

    assert desk.sums() == (settled, 60 - settled, 0)


@pytest.mark.parametrize("spent", [28, 33])
def test_complete_spans_of_one_with_a_journal_leave_its_last_calls_in_doubt(
    desk: Desk, spent: int
) -> None:
    lease = gave_up(desk)
    journal = desk.written("h1", lease=lease, settled_total=30, settled_calls=3, reserved_now=10)
    desk.tell(Hello("h4", boot_id="boot", recovered=(journal,)))

    desk.tell(Reconcile(lease, spent, calls=3))

    assert desk.sums() == (spent, 10, 0)


def test_spans_free_nothing_while_the_holder_is_there(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease

    desk.tell(Reconcile(lease, 45, calls=0))

    assert desk.sums() == (0, 0, 60)


def test_one_that_ends_in_order_leaves_no_doubt(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease
    desk.tell(desk.written("h1", lease=lease, settled_total=20, returned_total=40), Bye("h1"))

    assert desk.sums() == (20, 0, 0)


def test_a_new_window_has_a_lease_of_its_own_and_late_settlements_go_to_the_old(
    desk: Desk,
) -> None:
    old = desk.report("h1", need=60)
    desk.pass_time(50 * 60)
    desk.tell(Hello("h1"))

    new = desk.report("h1", lease=old.lease, settled_total=10, need=30)
    assert (new.lease, new.granted_total) == (old.lease + 1, 30)
    desk.report("h1", lease=old.lease, settled_total=50, returned_total=10)

    hours = sorted(desk.authority.book.accounts.values(), key=lambda one: one.key.start_us)
    assert [(one.settled, one.outstanding) for one in hours] == [(50, 0), (0, 30)]


def test_an_old_lease_that_settles_does_not_take_who_waits_out_of_the_queue(desk: Desk) -> None:
    old = desk.report("h1", need=60)
    desk.pass_time(50 * 60)
    desk.tell(Hello("h1"), Hello("h2"))
    rich = desk.report("h2", need=100)
    assert desk.report("h1", lease=old.lease, need=30).verdict == "wait"
    desk.report("h1", lease=old.lease, settled_total=60)

    desk.report("h2", lease=rich.lease, returned_total=100)

    assert desk.answer("h1").granted_total == 30


def test_who_waits_when_the_window_ends_is_served_from_the_next(desk: Desk) -> None:
    desk.report("h1", need=100)
    waiting = desk.report("h2", need=10)
    desk.pass_time(50 * 60)
    desk.tell(Hello("h2"), Tick())

    granted = desk.answer("h2")
    assert (granted.lease != waiting.lease, granted.granted_total) == (True, 10)


def test_spend_without_a_guard_reduces_what_is_free_and_is_charged_once(desk: Desk) -> None:
    charge = Charge("minute 1", "a", "tokens", NOON - SECOND, 70)
    desk.tell(charge, charge)

    assert desk.report("h1", need=40).verdict == "exhausted"
    assert desk.report("h1", need=30).granted_total == 30
    desk.tell(Charge("minute 1", "a", "tokens", NOON - SECOND, 150))
    account = desk.account()
    assert (account.settled, account.external, account.excess) == (150, 150, 80)


def test_an_account_that_opens_later_begins_with_what_was_spent_before(desk: Desk) -> None:
    """Also with what leases were charged that it was not there for; a rest is taken off later."""
    hour = NOON - 600 * SECOND
    desk.tell(Configure(policy()))
    desk.tell(Charge("k", "a", "tokens", hour, 30, period="hour", leased=40))
    assert not desk.authority.book.accounts
    desk.tell(Configure(policy(a=tokens(hour=100))))

    assert desk.report("h1", need=31).verdict == "exhausted"
    assert desk.report("h1", need=30).granted_total == 30
    assert (desk.account().settled, desk.account().external) == (70, 30)

    desk.tell(Charge("k", "a", "tokens", hour, 35, period="hour", leased=60))
    assert (desk.account().settled, desk.account().external) == (75, 35)


def test_a_charge_of_one_period_leaves_limits_of_others_alone() -> None:
    desk = Desk(policy(a=tokens(hour=100, day=100)))
    desk.tell(Charge("k", "a", "tokens", NOON - 600 * SECOND, 30, period="hour"))

    assert [one.key.period for one in desk.authority.book.accounts.values()] == ["hour"]


def test_a_charge_may_shrink(desk: Desk) -> None:
    desk.tell(Charge("c", "a", "tokens", NOON, 70), Charge("c", "a", "tokens", NOON, 20))

    assert desk.sums() == (20, 0, 0)


def test_late_spans_go_to_the_window_of_their_time(desk: Desk) -> None:
    desk.tell(Charge("c", "a", "tokens", NOON - 3600 * SECOND, 70))

    assert desk.report("h1", need=100).granted_total == 100


@pytest.mark.parametrize("enforcement", ["soft", "observe"])
def test_a_limit_that_is_only_watched_counts_and_refuses_nothing(enforcement: str) -> None:
    desk = Desk(policy(a=tokens(hour=10, enforcement=enforcement)))  # type: ignore[arg-type]
    desk.hello("h1")

    told = desk.report("h1", need=50)
    assert (told.verdict, told.unlimited) == ("ok", True)
    desk.report("h1", lease=told.lease, settled_total=50)
    assert desk.account().settled == 50


def test_an_agent_without_limits_is_told_so() -> None:
    desk = Desk(policy())
    desk.hello("h1")

    told = desk.report("h1", need=50)
    assert (told.verdict, told.unlimited, told.lease) == ("ok", True, 0)


def test_nothing_is_answered_and_nothing_happened_when_it_cannot_be_stored() -> None:
    keeper = MemoryKeeper()
    desk = Desk(policy(a=tokens(hour=100)), keeper)
    desk.hello("h1")
    keeper.fail = True

    with pytest.raises(OSError, match="no space left"):
        desk.report("h1", need=60)

    assert desk.report("h1", need=100).granted_total == 100


def test_a_restart_forgets_nothing_that_was_answered(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease
    desk.report("h1", lease=lease, settled_total=20)
    desk.restart()

    assert desk.report("h2", need=41).verdict == "wait"
    assert desk.sums() == (20, 0, 40)
    assert desk.report("h1", lease=lease, settled_total=60, need=40).granted_total == 100


def test_an_hour_that_a_clock_shows_twice_is_two_windows() -> None:
    """Berlin, 25 October 2026: 02:30 in summer time, and an hour later 02:30 in winter time."""
    desk = Desk(replace(policy(a=tokens(hour=100)), zone=ZoneInfo("Europe/Berlin")))
    desk.now = micros(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    desk.hello("h1")

    assert desk.report("h1", need=100).granted_total == 100
    desk.pass_time(3600)
    desk.tell(Hello("h1"))
    assert desk.report("h1", need=100).granted_total == 100


def test_what_is_over_is_forgotten_in_memory(desk: Desk) -> None:
    lease = desk.report("h1", need=60).lease
    desk.report("h1", lease=lease, settled_total=60)
    desk.tell(Charge("c", "a", "tokens", NOON, 1))

    desk.pass_time(72 * 3600)
    desk.tell(Tick())
    desk.pass_time(72 * 3600)
    desk.tell(Tick())

    book = desk.authority.book
    assert not book.leases
    assert not book.accounts
    assert not book.holders
    assert not book.charged
    assert not [key for key, tied in book.tied.items() if tied]


def test_what_stands_in_doubt_is_not_forgotten_while_it_matters(desk: Desk) -> None:
    lease = gave_up(desk)
    desk.pass_time(40 * 3600)
    desk.tell(Tick())
    desk.tell(Tick())

    desk.tell(Reconcile(lease, 45, calls=0))

    [account] = desk.authority.book.accounts.values()
    assert (account.settled, account.doubt) == (45, 15)


def test_what_comes_together_is_looked_at_together_the_critical_first() -> None:
    """Whoever speaks first in a batch does not get what somebody more critical asks for in it."""
    group = Group(frozenset({"a", "b"}), tokens(hour=100))
    desk = Desk(
        BudgetPolicy(agents={"a": Limits(priority=4), "b": Limits(priority=1)}, groups={"g": group})
    )
    desk.hello("h1", "h2")

    desk.tell(desk.written("h1", "a", need=60), desk.written("h2", "b", need=60))

    assert (desk.answer("h1").verdict, desk.answer("h1").granted_total) == ("wait", 0)
    assert (desk.answer("h2").verdict, desk.answer("h2").granted_total) == ("ok", 60)


def test_in_a_batch_the_first_of_equals_is_served_first(desk: Desk) -> None:
    desk.tell(*(desk.written(holder, need=60) for holder in ("h2", "h1", "h3")))

    granted = {holder: desk.answer(holder).granted_total for holder in ("h1", "h2", "h3")}
    assert granted == {"h1": 0, "h2": 60, "h3": 0}


def test_what_is_given_back_in_a_batch_serves_who_asked_before_it(desk: Desk) -> None:
    first = desk.report("h1", need=100)

    desk.tell(desk.written("h2", need=30), desk.written("h1", lease=first.lease, returned_total=50))

    assert (desk.answer("h2").verdict, desk.answer("h2").granted_total) == ("ok", 30)


def test_who_asks_and_takes_leave_in_one_batch_keeps_nothing(desk: Desk) -> None:
    desk.tell(desk.written("h1", want=5), Bye("h1"), desk.written("h2", need=10))

    assert desk.lease(1).closed
    assert desk.sums() == (0, 5, 10)  # of h1 what it was granted before it left, in doubt
    assert desk.answer("h2").granted_total == 10


def test_a_pause_in_a_batch_finds_those_before_it_answered(desk: Desk) -> None:
    desk.tell(desk.written("h1", need=10), PauseCalls("agent", "a"), desk.written("h2", need=10))

    assert [desk.answer(holder).verdict for holder in ("h1", "h2")] == ["ok", "paused"]


def test_a_thousand_who_wait_are_looked_at_once_for_a_batch(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = serving._met

    def met(book: Book, lease: Lease, short: dict[AccountKey, int]) -> serving.Answer:
        looks.append(lease.id)
        return real(book, lease, short)

    monkeypatch.setattr(serving, "_met", met)
    desk.report("h1", need=100)
    holders = [f"w{number}" for number in range(1000)]
    desk.hello(*holders)
    looks.clear()

    desk.tell(*(desk.written(holder, need=10) for holder in holders))

    assert len(looks) == 1000
    assert {desk.answer(holder).verdict for holder in holders} == {"wait"}
