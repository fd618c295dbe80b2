"""A difference in cost is split into causes that add up to it, whatever the data."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.rules.decompose import Parts, Used, Weights, decompose

USUAL = Used("openai", "small", 100, 100_000, 10_000, 50_000, 0, 1_000_000)
OTHER = Used("openai", "large", 100, 100_000, 10_000, 50_000, 0, 20_000_000)
LIKE = Weights(input=1, cache_read=0.5, cache_write=1, output=5)
RATES = {one.key: LIKE for one in (USUAL, OTHER)}
"""A call of `small` weighs 500 + 250 + 500 = 1,250 and costs 10,000 nano-USD: 8 for 1."""

AMOUNT = st.integers(0, 10**12)
MODEL = st.builds(
    Used,
    provider=st.sampled_from(["openai", "anthropic"]),
    model=st.sampled_from(["a", "b", "c"]),
    calls=st.integers(0, 10**6),
    input=AMOUNT,
    output=AMOUNT,
    cache_read=AMOUNT,
    cache_write=AMOUNT,
    cost=AMOUNT,
)
MODELS = st.lists(MODEL, max_size=4, unique_by=lambda one: one.key)


@given(before=MODELS, after=MODELS)
def test_the_parts_add_up_to_the_difference(before: list[Used], after: list[Used]) -> None:
    parts = decompose(before, after)

    assert parts.total == sum(one.cost for one in after) - sum(one.cost for one in before)
    assert sum(size for _, size in parts.by_size()) == parts.total


@pytest.mark.parametrize(
    ("after", "name", "size"),
    [
        pytest.param(
            replace(
                USUAL, calls=300, input=300_000, output=30_000, cache_read=150_000, cost=3_000_000
            ),
            "volume",
            2_000_000,
            id="three times the calls",
        ),
        pytest.param(
            replace(USUAL, input=200_000, cache_read=100_000, cost=1_600_000),
            "input",
            600_000,
            id="inputs twice as long",
        ),
        pytest.param(
            replace(USUAL, output=30_000, cost=1_800_000), "output", 800_000, id="longer answers"
        ),
        pytest.param(
            replace(USUAL, cache_read=0, cost=1_200_000), "cache", 200_000, id="the cache is lost"
        ),
        pytest.param(replace(USUAL, cost=2_500_000), "price", 1_500_000, id="a dearer price"),
    ],
)
def test_a_single_cause_is_named_alone(after: Used, name: str, size: int) -> None:
    assert decompose([USUAL], [after], RATES).by_size() == [(name, size)]


def test_a_model_that_takes_over_is_the_mix() -> None:
    half = [replace(USUAL, calls=50, input=50_000, output=5_000, cache_read=25_000, cost=500_000)]
    half.append(replace(OTHER, calls=50, input=50_000, output=5_000, cache_read=25_000, cost=10**7))

    assert decompose([USUAL], half, RATES) == Parts(0, 9_500_000, 0, 0, 0, 0)


def test_calls_whose_tokens_say_nothing_have_a_price_alone() -> None:
    silent = replace(USUAL, input=0, output=0, cache_read=0)

    assert decompose([silent], [replace(silent, cost=3_000_000)]).by_size() == [
        ("price", 2_000_000)
    ]


def test_from_nothing_all_is_volume() -> None:
    assert decompose([], [USUAL]).by_size() == [("volume", 1_000_000)]
    assert decompose([USUAL], []).by_size() == [("volume", -1_000_000)]
