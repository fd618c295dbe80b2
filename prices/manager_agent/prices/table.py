"""The price table: genai-prices' models looked up once and compiled to `Rates`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import UnitDef, UnitRegistry

from manager_agent.contract.rates import Rates, UnitPrice, compile_rates
from manager_agent.prices.names import GENAI_ID, is_fine_tune

_UNITS = UnitRegistry(unit_data)

FIELD = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "cache_audio_read_tokens": "cache_audio_read_tokens",
    "input_image_tokens": "input_image_tokens",
    "output_image_tokens": "output_image_tokens",
    "cache_image_read_tokens": "cache_image_read_tokens",
}
"""genai-prices' usage key -> the field of `Usage`. Units that no telemetry carries are not here."""

_TIER_CONTEXT = {
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}
"""Served tier -> genai-prices' request context; any other tier is a plain `service_tier`."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model of the table and who sells it."""

    provider: Provider
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class Segment:
    """The rates that hold from a UTC time of day on; None where only other units are sold."""

    start: time
    rates: Rates | None


def find_provider(snapshot: DataSnapshot, provider: str | None, model: str) -> Provider | None:
    """Return who sells, by our canonical name, genai-prices' own, or the model where None."""
    wanted = GENAI_ID.get(provider, provider) if provider is not None else None
    try:
        return snapshot.find_provider(model.lower(), wanted, None)
    except LookupError:  # genai-prices' way to say "not in the table"
        return None


def find(snapshot: DataSnapshot, provider: Provider, model: str) -> Found | None:
    """Return the model as `provider` sells it.

    A fine-tune counts as found only where the table speaks of fine-tunes: a base model's loose
    pattern may match its name too.
    """
    info = provider.find_model(model, all_providers=snapshot.providers)
    if info is None or (is_fine_tune(model) and "ft:" not in repr(info.match)):
        return None
    return Found(provider, info)


def new_snapshot() -> DataSnapshot:
    """Return the bundled table with lookup caches of its own, so that they can be dropped."""
    return DataSnapshot(providers=providers, from_auto_update=False)


def segments(found: Found, day: date, tier: str | None, discount: Decimal) -> tuple[Segment, ...]:
    """Compile the rates of a UTC day: one segment, or more where the price varies by the hour."""
    own = any(found.model is model for model in found.provider.models)
    # genai-prices gives no tier prices to a model borrowed from another provider.
    context = context_of(tier) if own else None
    starts = sorted({time(0), *_turns(found.model)})
    return tuple(
        Segment(start, _compile(found.model.get_prices(_at(day, start), context), discount))
        for start in starts
    )


def context_of(tier: str | None) -> dict[str, str] | None:
    """Return genai-prices' request context for a served tier such as `priority` or `batch`."""
    if not tier:
        return None
    name = tier.strip().lower()
    return _TIER_CONTEXT.get(name, {"service_tier": name})


def _at(day: date, start: time) -> datetime:
    return datetime.combine(day, start, tzinfo=UTC)


def _turns(model: ModelInfo) -> Iterator[time]:
    """Yield the UTC times of day at which a price of `model` may change."""
    prices = model.prices if isinstance(model.prices, list) else []
    for entry in (*prices, *(model.price_variants or ())):
        if isinstance(entry.constraint, TimeOfDateConstraint):
            for turn in (entry.constraint.start_time, entry.constraint.end_time):
                # A fixed date serves: only whole offsets are in use, none of them with DST.
                moment = datetime.combine(date(2026, 1, 1), turn, turn.tzinfo or UTC)
                yield moment.astimezone(UTC).time()


def _compile(price: ModelPrice, discount: Decimal) -> Rates | None:
    """Compile one price; None where it charges only for units that telemetry does not carry."""
    priced = {
        unit.usage_key: (unit, value)
        for unit in _UNITS.units.values()
        if isinstance(value := getattr(price, unit.price_key), Decimal | TieredPrices)
    }
    fee = priced.pop("requests", None)
    units = [_unit_price(unit, value) for key, (unit, value) in priced.items() if key in FIELD]
    if priced and not units:
        return None
    return compile_rates(units, _fee(fee), discount)


def _fee(entry: tuple[UnitDef, Decimal | TieredPrices] | None) -> Decimal:
    if entry is None:
        return Decimal(0)
    unit, value = entry
    return (value.base if isinstance(value, TieredPrices) else value) / unit.per


def _unit_price(unit: UnitDef, value: Decimal | TieredPrices) -> UnitPrice:
    within = _UNITS.ancestor_usage_keys(unit.usage_key)
    inside = frozenset(FIELD[key] for key in within if key in FIELD)
    field = FIELD[unit.usage_key]
    if isinstance(value, TieredPrices):
        steps = tuple((tier.start, tier.price) for tier in value.tiers)
        return UnitPrice(field, inside, value.base, unit.per, steps)
    return UnitPrice(field, inside, value, unit.per)
