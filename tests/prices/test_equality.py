"""Our price is genai-prices' price, to the nano-USD, for every model it knows."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.contract.money import nano_usd
from manager_agent.contract.usage import Priced, Usage
from manager_agent.prices.book import PriceBook
from manager_agent.prices.table import FIELD, context_of

BOOK = PriceBook()
CALLS = json.loads((Path(__file__).parents[1] / "data/prices/calls.json").read_text())
MODELS = [(seller.id, model.id) for seller in providers for model in seller.models]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def theirs(
    usage: Usage, provider: str | None, model: str, ts: datetime, tier: str | None = None
) -> int | None:
    """The oracle: nano-USD by genai-prices' own function; None if it does not know the model."""
    counts = {key: getattr(usage, field) or 0 for key, field in FIELD.items()}
    try:
        price = genai_prices.calc_price(
            genai_prices.Usage(**counts),
            model,
            provider_id=provider,
            genai_request_timestamp=ts,
            price_context=context_of(tier),
        )
    except LookupError:
        return None
    return nano_usd(price.total_price)


def same(ours: Priced, nano: int | None) -> bool:
    """A call priced by units that no telemetry carries is unknown to us and 0 to genai-prices."""
    return ours.cost_nano == nano or (ours.reason == "other_unit" and nano == 0)


@pytest.mark.parametrize(
    "call", CALLS, ids=lambda c: f"{c['provider']}-{c['request_model']}-{c['input_tokens']}"
)
def test_a_captured_call_costs_what_genai_prices_says(call: dict[str, Any]) -> None:
    models = (call["response_model"], call["request_model"])
    usage = Usage(
        *(call[f"{part}_tokens"] for part in ("input", "output", "cache_read", "cache_write"))
    )
    ours = BOOK.price(usage, call["provider"], models, NOON)
    known = [theirs(usage, call["provider"], str(name), NOON) for name in models if name]
    assert ours.reason == "priced"
    assert ours.cost_nano == next(nano for nano in known if nano is not None)


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_model_of_every_provider_costs_what_genai_prices_says(year: int) -> None:
    usage = Usage(300_001, 1_003, 100_003, 50_021, 10_007, 501)
    ts = NOON.replace(year=year)
    wrong = []
    known = 0
    for provider, model in MODELS:
        nano = theirs(usage, provider, model, ts)
        known += nano is not None
        ours = BOOK.price(usage, provider, [model], ts)
        if nano is not None and not same(ours, nano):
            wrong.append((provider, model, nano, ours))
    assert wrong == []
    assert known > 0.95 * len(MODELS)


STEPS = [
    (seller.id, model.id, step.start)
    for seller in providers
    for model in seller.models
    for step in getattr(model.get_prices(NOON).input_mtok, "tiers", ())
]


def test_the_long_context_price_begins_one_token_above_its_threshold() -> None:
    assert STEPS
    for provider, model, start in STEPS:
        for tokens in (start - 1, start, start + 1):
            usage = Usage(tokens, 1_003, tokens // 3)
            nano = theirs(usage, provider, model, NOON)
            assert nano is None or same(BOOK.price(usage, provider, [model], NOON), nano)


tokens = st.integers(0, 10**7)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usages whose parts fit into their totals, because the totals are made of the parts."""
    plain, read, write, write_1h, audio, audio_read, image, image_read = (
        draw(tokens) for _ in range(8)
    )
    output, reasoning, audio_out, image_out = (draw(tokens) for _ in range(4))
    return Usage(
        input_tokens=plain + read + write + write_1h + audio + audio_read + image + image_read,
        output_tokens=output + reasoning + audio_out + image_out,
        cache_read_tokens=read + audio_read + image_read,
        cache_write_tokens=write + write_1h,
        cache_write_1h_tokens=write_1h,
        reasoning_tokens=reasoning,
        input_audio_tokens=audio + audio_read,
        output_audio_tokens=audio_out,
        cache_audio_read_tokens=audio_read,
        input_image_tokens=image + image_read,
        output_image_tokens=image_out,
        cache_image_read_tokens=image_read,
    )


times = st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
tiers = st.sampled_from([None, "default", "flex", "priority", "fast", "batch", "scale"])


@settings(deadline=None, max_examples=400)
@given(usages(), st.sampled_from(MODELS), times, tiers)
def test_any_usage_at_any_time_and_tier_costs_what_genai_prices_says(
    usage: Usage, named: tuple[str, str], ts: datetime, tier: str | None
) -> None:
    nano = theirs(usage, *named, ts, tier)
    ours = BOOK.price(usage, named[0], [named[1]], ts, tier)
    assert nano is None or same(ours, nano)


HOURLY = [pair for pair in MODELS if pair[0] == "deepseek"]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(HOURLY), times, st.integers(-14 * 60, 14 * 60))
def test_prices_that_vary_by_the_hour_follow_the_clock_in_any_zone(
    named: tuple[str, str], ts: datetime, offset: int
) -> None:
    usage = Usage(1_000_003, 70_001, 20_011)
    local = ts.astimezone(timezone(timedelta(minutes=offset)))
    assert same(BOOK.price(usage, named[0], [named[1]], local), theirs(usage, *named, local))


@pytest.mark.parametrize("minute", ["00:29", "00:30", "16:29", "16:30"])
def test_the_off_peak_turns_to_the_minute(minute: str) -> None:
    ts = datetime.fromisoformat(f"2025-07-01T{minute}:00+00:00")
    ours = BOOK.price(Usage(1_000_000, 0), "deepseek", ["deepseek-chat"], ts)
    assert ours.cost_nano == theirs(Usage(1_000_000, 0), "deepseek", "deepseek-chat", ts)


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(*[tokens] * 9).map(lambda counts: Usage(*counts)),
    st.sampled_from(MODELS),
)
def test_parts_above_their_total_are_charged_and_never_raise(
    usage: Usage, named: tuple[str, str]
) -> None:
    """Where genai-prices refuses the counts we charge at least the parts, and say so."""
    ours = BOOK.price(usage, named[0], [named[1]], NOON)
    try:
        nano = theirs(usage, *named, NOON)
    except ValueError:
        assert ours.reason == "parts_exceed_total"
        assert ours.cost_nano is not None
        assert ours.cost_nano >= 0
    else:
        assert nano is None or same(ours, nano)


def test_a_discount_is_taken_off_before_the_one_rounding() -> None:
    book = PriceBook(discounts={"openai": Decimal("0.1")})
    usage = Usage(1, 1)  # 0.15 and 0.6 USD per million: 0.75 millionths of a USD
    ours = book.price(usage, "openai", ["gpt-4o-mini"], NOON)
    assert ours.cost_nano == nano_usd(Decimal("0.00000075") * Decimal("0.9"))
