"""Prices as most calls meet them settle a call at what a closer look says, or not at all."""

from datetime import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.rates import UnitPrice, compile_rates
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.plain import plain, plain_cost
from manager_agent.instrumentation.settling import settled
from manager_agent.instrumentation.told import Told
from tests.harness.metered import CHAT, asked, ended

BOUND = Bound(1000, 500, 7_500_000)
INPUT = frozenset({"input_tokens"})
MILLION = 1_000_000
COUNT = st.none() | st.integers(0, 10**7)
PRICE = st.sampled_from(["0", "0.0375", "0.15", "2.50", "10", "1.0000005"])


def day(read: str, written: str, cached: str | None, *, steps: bool = False) -> DayRates:
    """Return the rates of a model, in USD for a million tokens."""
    above = ((200_000, Decimal(5)),) if steps else ()
    units = [
        UnitPrice("input_tokens", frozenset(), Decimal(read), MILLION, above),
        UnitPrice("output_tokens", frozenset(), Decimal(written), MILLION),
    ]
    if cached is not None:
        units.append(UnitPrice("cache_read_tokens", INPUT, Decimal(cached), MILLION))
    rates = compile_rates(units, per_call_usd=Decimal("0.001"))
    return DayRates("priced", "m", "custom", (time(0),), (rates,))


@given(
    price=st.tuples(PRICE, PRICE, st.none() | PRICE, st.booleans()),
    usage=st.builds(Usage, COUNT, COUNT, COUNT, COUNT, reasoning_tokens=COUNT),
    odd=st.sampled_from(["", "", "", "estimated", "incomplete", "cost"]),
)
def test_it_is_what_a_closer_look_says(
    price: tuple[str, str, str | None, bool], usage: Usage, odd: str
) -> None:
    read, written, cached, steps = price
    rates = day(read, written, cached, steps=steps)
    told = Told(
        "m",
        usage=usage,
        estimated=odd == "estimated",
        complete=odd != "incomplete",
        cost_usd=Decimal("0.5") if odd == "cost" else None,
    )

    found = plain_cost(told, plain(rates))

    if found is not None:
        assert not odd
        call = ended(asked(CHAT, Asked("m")), told)
        assert found == settled(call, BOUND, rates, rates)


def test_a_call_as_most_are_takes_no_closer_look() -> None:
    told = Told("m", usage=Usage(100, 10, 0, None, reasoning_tokens=5), complete=True)

    found = plain_cost(told, plain(day("2.50", "10", "1.25")))

    assert found == (MILLION + 100 * 2_500 + 10 * 10_000, 110, False)


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(day("0.0375", "10", None), id="half a nano-USD for a token"),
        pytest.param(day("2.50", "10", None, steps=True), id="dearer above a size"),
        pytest.param(
            DayRates("priced", starts=(time(0), time(12)), rates=(None, None)), id="by the hour"
        ),
        pytest.param(DayRates("unpriced_model"), id="no price"),
    ],
)
def test_prices_that_are_not_plain_take_one(rates: DayRates) -> None:
    assert plain(rates) is None


def test_a_part_that_has_a_price_of_its_own_takes_one() -> None:
    cached = Told("m", usage=Usage(100, 10, cache_read_tokens=1), complete=True)

    assert plain_cost(cached, plain(day("2.50", "10", "1.25"))) is None
    assert plain_cost(cached, plain(day("2.50", "10", None))) is not None
