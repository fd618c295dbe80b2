"""What several calls cost, counted in one sum, is what each of them alone makes of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from manager_agent.instrumentation import bounds, wallet
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.charge import Charge
from manager_agent.instrumentation.deciding import Deciding
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.lease import Lease
from manager_agent.instrumentation.plain import Plain, plain_cost
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wallet import Wallet
from tests.harness.alone import Alone, answered, call, cost, rates

GRANTED = 1000
KNOWN = rates()
SEARCH = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
CALLS = st.lists(
    st.tuples(
        st.integers(0, 2),  # the lease in USD; 2: none
        st.integers(0, 2),  # in tokens
        *(st.integers(0, 9) for _ in range(4)),  # reserved and spent, in either unit
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def held(calls: list[tuple[int, ...]]) -> tuple[list[Lease | None], list[Charge]]:
    """Return leases, of which the second of each unit is over, and what calls hold of them."""
    leases: list[Lease | None] = [Lease("h", 1), Lease("h", 2), None]
    leases += [Lease("h", 3), Lease("h", 4), None]
    for lease in filter(None, leases):
        lease.raise_to(GRANTED)
    charges: list[Charge] = []
    for usd, tokens, usd_held, usd_spent, tokens_held, tokens_spent, estimated in calls:
        one, two = leases[usd], leases[3 + tokens]
        for of, amount in ((one, usd_held), (two, tokens_held)):
            if of is not None:
                of.available -= amount
                of.begun += 1
        reservation = one, usd_held, two, tokens_held
        charges.append((reservation, usd_spent, tokens_spent, bool(estimated), "h"))
    for ended in (leases[1], leases[4]):
        assert ended is not None
        ended.retire()
    return leases, charges


def adds_up(calls: list[tuple[int, ...]]) -> None:
    leases, charges = held(calls)
    spent = {id(lease): [0, 0, 0] for lease in leases if lease is not None}
    for (one, _, two, _), usd, tokens, estimated, _ in charges:
        for lease, amount in ((one, usd), (two, tokens)):
            if lease is not None:
                found = spent[id(lease)]
                found[0] += amount
                found[1] += amount if estimated else 0
                found[2] += 1

    Wallet("a", Epoch("h"), lambda: None).settle_all(charges, 0)

    assert charges == []
    for lease in filter(None, leases):
        assert [lease.settled, lease.estimated, lease.calls] == spent[id(lease)]
        assert lease.reserved == 0
        assert lease.in_flight == 0
        assert lease.settled + lease.available == GRANTED - lease.returned
        assert lease.present or lease.available <= 0


@settings(SEARCH, max_examples=60)
@given(CALLS)
def test_leases_stand_where_each_call_alone_would_have_left_them(
    calls: list[tuple[int, ...]],
) -> None:
    adds_up(calls)


def an_error_among_others_counts() -> None:
    """Of five calls that are drained together one tells of an error that no glance has seen."""
    here = Alone(KNOWN, calls=8)
    several = [answered(call(), 10) for _ in range(4)]
    failed = answered(call(), 10, padding="x" * 700, error="overloaded", more="y" * 700)
    for each in (*several[:2], failed, *several[2:]):
        here.guard.decide(each.ask)
        assert here.guard.settle(each) is None

    counts = here.counts()

    assert (counts["ok"], counts["failed"], counts["streak"]) == (5, 1, 0)


def test_an_error_among_others_counts_when_it_is_read() -> None:
    an_error_among_others_counts()


def what_was_told_since_holds() -> None:
    """Rates that are told anew are those that the next call is settled by."""
    known = KnownRates()
    ended = answered(call(), 10)
    old = KNOWN.of(ended.ask, ended.counted)
    assert old is not None
    dear = replace(old, rates=(None,))
    known.put([(key, old) for key in KNOWN._kept])
    assert known.of(ended.ask, ended.counted) is old
    assert known.of(ended.ask, ended.counted) is old

    known.put([(key, dear) for key in KNOWN._kept])

    assert known.of(ended.ask, ended.counted) is dear


def test_what_was_told_since_holds() -> None:
    what_was_told_since_holds()


def another_tier_is_another_way() -> None:
    """A call of a tier whose price nobody told does not go the way of the one before it."""
    here = Alone(KNOWN)
    assert here.guard._on_its_way(call()) is not None
    dearer = call()
    dearer.asked.tier = "priority"

    assert here.guard._on_its_way(dearer) is None
    assert here.guard._on_its_way(call()) is not None


def test_another_tier_is_another_way() -> None:
    another_tier_is_another_way()


def cached_tokens_have_their_own_price() -> None:
    """What is read of a cache costs half."""
    here = Alone(KNOWN)
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 40},
    }
    ended = answered(call(), 0, usage=usage)
    here.guard.decide(ended.ask)
    here.guard.settle(ended)

    assert ended.receipt is not None
    assert ended.receipt.settled_nano == cost(10) - 40 * 1_250


def test_cached_tokens_have_their_own_price() -> None:
    cached_tokens_have_their_own_price()


# Errors planted, each of which the tests above must find.


def only_the_last_is_spent(patch: pytest.MonkeyPatch) -> None:
    def settle(self: Lease, calls: int, reserved: int, spent: int, estimated: int) -> None:
        self.settled += spent // calls
        self.available += reserved - spent // calls
        self.calls += calls

    patch.setattr(Lease, "settle", settle)


def leases_are_not_told_apart(patch: pytest.MonkeyPatch) -> None:
    def settle_alike(charges: list[Charge]) -> None:
        one, two = charges[-1][0][0], charges[-1][0][2]
        several, charges[:] = list(charges), []
        if one is not None:
            spent = sum(each[1] for each in several)
            one.settle(len(several), sum(each[0][1] for each in several), spent, 0)
        if two is not None:
            spent = sum(each[2] for each in several)
            two.settle(len(several), sum(each[0][3] for each in several), spent, 0)

    patch.setattr(wallet, "settle_alike", settle_alike)


@pytest.mark.parametrize("plant", [only_the_last_is_spent, leases_are_not_told_apart])
def test_a_sum_that_is_wrong_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    search = settings(SEARCH, max_examples=200, phases=[Phase.generate], database=None)

    with pytest.raises(AssertionError):
        search(given(CALLS)(adds_up))()


def all_are_taken_for_sound(patch: pytest.MonkeyPatch) -> None:
    real = Breakers._count_many
    patch.setattr(Breakers, "_count_many", lambda self, many, sound: real(self, many, True))


def old_rates_are_kept(patch: pytest.MonkeyPatch) -> None:
    def put(self: KnownRates, told: object) -> None:
        self._kept.update(dict(told))  # type: ignore[call-overload]

    patch.setattr(KnownRates, "put", put)


def any_tier_goes_the_last_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Deciding, "_way", lambda self, ask: next(iter(self._ways.values()), None))


def parts_are_priced_as_their_whole(patch: pytest.MonkeyPatch) -> None:
    def wrong(told: Told, prices: Plain | None) -> tuple[int, int, bool] | None:
        return plain_cost(told, None if prices is None else prices._replace(parts=()))

    patch.setattr(bounds, "plain_cost", wrong)


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (all_are_taken_for_sound, an_error_among_others_counts),
        (old_rates_are_kept, what_was_told_since_holds),
        (any_tier_goes_the_last_way, another_tier_is_another_way),
        (parts_are_priced_as_their_whole, cached_tokens_have_their_own_price),
    ],
)
def test_a_shortcut_that_goes_too_far_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    promise: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        promise()


def test_who_is_told_nothing_of_a_call_that_was_charged_has_its_receipt_still() -> None:
    here, ended = Alone(KNOWN), answered(call(), 10)
    here.guard.decide(ended.ask)
    here.guard.settle(ended)
    here.guard.drain()

    first, again = ended.receipt, ended.receipt

    assert isinstance(ended, Ended)
    assert first == again
    assert first is not None
    assert first.settled_nano == cost(10)
