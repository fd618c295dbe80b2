"""What a call settles at: its price if it was counted, never nothing if it may have been billed."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound, Ceilings, bound, dearest
from manager_agent.instrumentation.call import Ended, Ending
from manager_agent.instrumentation.settling import Settled, settled
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.unread import with_estimate
from manager_agent.prices.book import PriceBook
from tests.harness.metered import CHAT, asked, ended

RATES = PriceBook().day(
    "openai", ("gpt-4o",), None, date(2026, 11, 26)
)  # 2.50 and 10 USD for a million
HARD = Bound(1000, 500, 1000 * 2500 + 500 * 10_000)
FIRM = HARD._replace(hard=False)
ASKED = Asked("gpt-4o", body_bytes=936, text_bytes=700, max_output_tokens=500)
COUNTED = Told("gpt-4o", usage=Usage(160, 48), complete=True)
NOTHING = Settled(0, 0, False)
ALL = Settled(7_500_000, 1500, True)
INPUT = Settled(2_500_000, 1000, True)


def call(
    told: Told,
    status: int | None = 200,
    ending: Ending = "whole",
    sent: bool = True,
    first_chunk_ms: int | None = None,
) -> Ended:
    """Return a call that took a tenth of a second, estimated as the meter does it."""
    ask = asked(CHAT, ASKED)
    first = None if first_chunk_ms is None else ask.started_ns + first_chunk_ms * 10**6
    one = ended(ask, with_estimate(ask, told), status=status, ending=ending, first_chunk_ns=first)
    one.sent = sent
    return one


LEFT = Told("gpt-4o", delivered_bytes=70)
# 700 bytes at 3.5 for a token, 20 tokens that came, and 2 s more of what came in 50 ms: 801.
FAST = call(LEFT, ending="abandoned", first_chunk_ms=50)


@pytest.mark.parametrize(
    ("one", "hard", "firm"),
    [
        pytest.param(
            call(COUNTED),
            Settled(160 * 2500 + 48 * 10_000, 208, False),
            Settled(160 * 2500 + 48 * 10_000, 208, False),
            id="counted: its price",
        ),
        pytest.param(
            call(Told("gpt-4o", usage=Usage(9000, 900), complete=True)),
            Settled(9000 * 2500 + 900 * 10_000, 9900, False),
            Settled(9000 * 2500 + 900 * 10_000, 9900, False),
            id="counted above the reserve: told as it is",
        ),
        pytest.param(
            call(Told("gpt-4o", usage=Usage(160, 48), complete=True, cost_usd=Decimal("0.25"))),
            Settled(250_000_000, 208, False),
            Settled(250_000_000, 208, False),
            id="the provider says what it charged",
        ),
        pytest.param(call(Told(complete=True)), ALL, ALL, id="an answer without usage or text"),
        pytest.param(
            call(Told("gpt-4o", delivered_bytes=70, complete=True)),
            ALL,
            Settled(200 * 2500 + 20 * 10_000, 220, True),
            id="an answer without usage: by its bytes",
        ),
        pytest.param(FAST, ALL, Settled(7_500_000, 1021, True), id="a fast stream that was left"),
        pytest.param(
            call(LEFT, ending="abandoned", first_chunk_ms=99),
            ALL,
            Settled(7_500_000, 1500, True),
            id="at most what was reserved",
        ),
        pytest.param(
            call(Told("gpt-4o"), ending="abandoned"), ALL, ALL, id="left before anything came"
        ),
        pytest.param(
            call(Told(usage=Usage(150, 1)), ending="broken", first_chunk_ms=1),
            ALL,
            ALL,
            id="a stream that broke with a count up to there",
        ),
        pytest.param(call(Told(), status=500), ALL, INPUT, id="5xx: it may have been billed"),
        pytest.param(
            call(Told(), status=None, ending="cancelled"), ALL, INPUT, id="a time-out after it left"
        ),
        pytest.param(
            call(Told(), status=None, ending="broken"), ALL, INPUT, id="broke before an answer"
        ),
        pytest.param(
            call(Told(), status=None, ending="broken", sent=False),
            NOTHING,
            NOTHING,
            id="no connection",
        ),
        pytest.param(call(Told(), status=429), NOTHING, NOTHING, id="too many requests"),
        pytest.param(call(Told(), status=400), NOTHING, NOTHING, id="refused as wrong"),
    ],
)
def test_settled(one: Ended, hard: Settled, firm: Settled) -> None:
    assert settled(one, HARD, RATES, RATES) == hard
    assert settled(one, FIRM, RATES, RATES) == firm


def test_until_a_models_own_rates_are_told_it_goes_by_those_that_were_asked_for() -> None:
    found = settled(call(COUNTED), HARD, None, RATES)

    assert found == Settled(160 * 2500 + 48 * 10_000, 208, True)


@pytest.mark.parametrize(
    ("bound", "nano"),
    [
        pytest.param(HARD._replace(nano=0), 0, id="let pass: counted in tokens alone"),
        pytest.param(
            HARD._replace(nano=150, assumed_nano_per_mtok=100_000), 21, id="at the assumed price"
        ),
    ],
)
def test_a_model_without_a_price(bound: Bound, nano: int) -> None:
    unpriced = DayRates("unpriced_model")

    assert settled(call(COUNTED), bound, unpriced, unpriced)[:2] == (nano, 208)


COUNT = st.integers(0, 2000)


@given(
    told=st.builds(
        Told,
        usage=st.none() | st.builds(Usage, st.none() | COUNT, st.none() | COUNT, st.none() | COUNT),
        delivered_bytes=st.integers(0, 10_000),
        complete=st.booleans(),
    ),
    status=st.sampled_from([None, 200, 500, 503]),
    ending=st.sampled_from(["whole", "abandoned", "cancelled", "broken"]),
    first=st.none() | st.integers(0, 100),
    hard=st.booleans(),
)
def test_nothing_that_left_is_free_and_only_counts_exceed_the_reserve(
    told: Told, status: int | None, ending: Ending, first: int | None, hard: bool
) -> None:
    prices = dearest(RATES.rates[0]) if RATES.rates[0] else None
    reserved = bound(ASKED, Ceilings(), prices)._replace(hard=hard)
    one = call(told, status=status, ending=ending, first_chunk_ms=first)

    found = settled(one, reserved, RATES, RATES)

    counted = status == 200 and told.complete and told.usage is not None and not one.told.estimated
    if counted and not found.estimated:
        assert None not in one.told.usage[:2] if one.told.usage else False
    else:
        assert 0 < found.nano <= (reserved.nano or 0)
        assert 0 < found.tokens <= reserved.tokens
        assert not hard or found == (reserved.nano, reserved.tokens, True)
