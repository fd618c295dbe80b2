"""Rates of a day: exact through JSON, so that an agent's cost is the manager's to the nano-USD."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.rates import UnitPrice, compile_rates
from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook

DAY = date(2026, 11, 20)
BOOK = PriceBook(discounts={"anthropic": Decimal("0.15")})
MODELS = [
    ("openai", "gpt-4o", None),
    ("openai", "gpt-4o", "batch"),
    ("openai", "o3", "flex"),
    ("openai", "gpt-4o-realtime-preview", None),
    ("openai", "text-embedding-3-small", None),
    ("anthropic", "claude-sonnet-4-5", None),
    ("anthropic", "claude-opus-4-1", "batch"),
    ("gcp.gemini", "gemini-2.5-pro", None),
    ("gcp.gemini", "gemini-2.5-flash", None),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", None),
    ("deepseek", "deepseek-chat", None),  # dearer by day
    ("groq", "llama-3.3-70b-versatile", None),
    ("mistral_ai", "mistral-large-latest", None),
    ("openai", "no-such-model", None),
    ("ollama", "llama3", None),
]
COUNT = st.one_of(st.none(), st.integers(0, 2_000_000))
USAGES = st.builds(
    Usage,
    input_tokens=COUNT,
    output_tokens=COUNT,
    cache_read_tokens=COUNT,
    cache_write_tokens=COUNT,
    cache_write_1h_tokens=st.integers(0, 1000),
    reasoning_tokens=COUNT,
    input_audio_tokens=COUNT,
    output_audio_tokens=COUNT,
)
TIMES = st.times().map(lambda each: datetime.combine(DAY, each, UTC))


def through_json(day: DayRates) -> DayRates:
    return DayRates.from_json(json.loads(json.dumps(day.to_json())))


@pytest.mark.parametrize(("provider", "model", "tier"), MODELS)
@settings(max_examples=40, deadline=None)
@given(usage=USAGES, moment=TIMES)
def test_what_an_agent_multiplies_is_what_the_manager_charges(
    provider: str, model: str, tier: str | None, usage: Usage, moment: datetime
) -> None:
    carried = through_json(BOOK.day(provider, (model, None), tier, DAY))

    assert carried.price(usage, moment) == BOOK.price(usage, provider, (model, None), moment, tier)


UNITS = [
    UnitPrice("input_tokens", frozenset(), Decimal("3"), 10**6, ((200_000, Decimal("6")),)),
    UnitPrice("output_tokens", frozenset(), Decimal("0.000000001"), 7),
    UnitPrice("cache_read_tokens", frozenset({"input_tokens"}), Decimal("1") / 3, 10**6),
    UnitPrice(
        "cache_audio_read_tokens", frozenset({"input_tokens", "cache_read_tokens"}), Decimal(9), 9
    ),
]


@given(
    units=st.sets(st.sampled_from(UNITS)),
    fee=st.decimals(0, 1, places=9),
    discount=st.decimals(0, 1, places=3),
)
def test_any_rates_survive_json(units: set[UnitPrice], fee: Decimal, discount: Decimal) -> None:
    rates = compile_rates(units, fee, discount)
    day = DayRates("priced", "m", "custom", (time(0), time(8, 30)), (rates, None))

    assert through_json(day) == day


GOOD = BOOK.day("openai", ("gpt-4o",), None, DAY).to_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {**GOOD, "starts": []},
        {**GOOD, "starts": ["noon"]},
        {**GOOD, "rates": [{}]},
        {**GOOD, "rates": [{**GOOD["rates"][0], "fields": ["secret", "input_tokens"]}]},
        {**GOOD, "rates": [{**GOOD["rates"][0], "bands": []}]},
        {**GOOD, "rates": [{**GOOD["rates"][0], "scale": 0}]},
        {**GOOD, "rates": [{**GOOD["rates"][0], "bands": [[[1, [7]], [1, []], [1, []], [1, []]]]}]},
        {**GOOD, "rates": "none"},
    ],
)
def test_what_is_no_rates_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no rates|isoformat"):
        DayRates.from_json(wrong)
