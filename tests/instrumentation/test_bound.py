"""What is reserved for a call is never less than it can cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.rates import UnitPrice, compile_rates
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound, Ceilings, bound, dearest

INPUT = frozenset({"input_tokens"})
OUTPUT = frozenset({"output_tokens"})
MILLION = 1_000_000
ROOTS = [
    UnitPrice("input_tokens", frozenset(), Decimal(2), MILLION, ((1000, Decimal(4)),)),
    UnitPrice("output_tokens", frozenset(), Decimal(8), MILLION),
]
RATES = compile_rates(
    [
        *ROOTS,
        UnitPrice("cache_read_tokens", INPUT, Decimal("0.2"), MILLION),
        UnitPrice("cache_write_tokens", INPUT, Decimal(3), MILLION, ((1000, Decimal(6)),)),
        UnitPrice("output_audio_tokens", OUTPUT, Decimal(20), MILLION),
    ],
    per_call_usd=Decimal("0.001"),
    discount=Decimal("0.1"),
)
DEAREST = dearest(RATES)


def test_the_request_says_how_much_may_be_generated() -> None:
    asked = Asked(max_output_tokens=100, choices=3, body_bytes=1000)

    found = bound(asked, Ceilings(), dearest(compile_rates(ROOTS)))

    # One token a byte and some for framing: above the threshold of 1,000, so at 4 USD.
    assert found == Bound(1064, 300, 1064 * 4000 + 300 * 8000)
    assert found.tokens == 1364


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        pytest.param(Asked(body_bytes=10), (74, 9000), id="the model's most without max_tokens"),
        pytest.param(
            Asked(body_bytes=10, held_context=True),
            (7000, 9000),
            id="the context where the provider adds to what is sent",
        ),
        pytest.param(Asked(), (7000, 9000), id="the context where the size is unknown"),
        pytest.param(
            Asked(body_bytes=10**6, text_bytes=20, media=2),
            (84 + 2 * 500, 9000),
            id="media by their number, not by their bytes",
        ),
        pytest.param(Asked(text_bytes=20, max_output_tokens=0), (84, 0), id="nothing generated"),
    ],
)
def test_what_bounds_a_call(asked: Asked, tokens: tuple[int, int]) -> None:
    ceilings = Ceilings(output_tokens=9000, input_tokens=7000, media_tokens=500)

    found = bound(asked, ceilings, DEAREST)

    assert (found.input_tokens, found.output_tokens) == tokens


def test_a_learned_share_is_tighter() -> None:
    found = bound(Asked(body_bytes=1001), Ceilings(tokens_per_1000_bytes=400), DEAREST)

    assert found.input_tokens == 401 + 64


def test_a_model_without_a_price_has_no_bound_in_money() -> None:
    assert bound(Asked(body_bytes=10), Ceilings(), None).nano is None


def test_a_model_without_a_price_may_be_assumed_to_be_dear() -> None:
    asked = Asked(body_bytes=936, max_output_tokens=1)

    assert bound(asked, Ceilings(), None, assumed_nano_per_mtok=10**11).nano == 1001 * 10**5


counts = st.integers(0, 3000)


@st.composite
def parts(draw: st.DrawFn, most: int) -> tuple[int, int]:
    one = draw(st.integers(0, most))
    return one, draw(st.integers(0, most - one))


@given(counts, counts, st.data())
def test_no_usage_within_the_bound_costs_more(
    input_tokens: int, output_tokens: int, data: st.DataObject
) -> None:
    used_input = data.draw(st.integers(0, input_tokens))
    used_output = data.draw(st.integers(0, output_tokens))
    reads, writes = data.draw(parts(used_input))
    audio, reasoning = data.draw(parts(used_output))
    usage = Usage(
        input_tokens=used_input,
        output_tokens=used_output,
        cache_read_tokens=reads,
        cache_write_tokens=writes,
        output_audio_tokens=audio,
        reasoning_tokens=reasoning,
    )

    cost, _ = RATES.cost(usage)

    assert cost is not None
    assert cost <= DEAREST.cost(input_tokens, output_tokens)


@given(counts, counts)
def test_the_bound_is_met_by_the_worst_call(input_tokens: int, output_tokens: int) -> None:
    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_write_tokens=input_tokens,
        output_audio_tokens=output_tokens,
    )

    cost, _ = RATES.cost(usage)

    assert cost is not None
    assert 0 <= DEAREST.cost(input_tokens, output_tokens) - cost <= 1  # rounded up
