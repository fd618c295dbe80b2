"""What the price table says about a model: the rows of `manager-agent prices show`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from genai_prices.data import providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from manager_agent.prices.names import candidates, canonical, usable
from manager_agent.prices.table import find, find_provider, new_snapshot


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price of one model.

    `provider`: our canonical name of the seller. `unit`: genai-prices' price key, such as
    `input_mtok`, USD for a million input tokens. `above_input_tokens`: 0, or the threshold above
    which this price holds for the whole call. `start`: first UTC day, None always. `hours`: the
    daily UTC interval, None all day. `tier`: what must have been served, empty for standard.
    """

    provider: str
    model: str
    unit: str
    usd: Decimal
    above_input_tokens: int = 0
    start: date | None = None
    hours: tuple[time, time] | None = None
    tier: str = ""


def show(model: str, provider: str | None = None) -> list[PriceRow]:
    """Return every price, of every date and tier, that `model` has.

    Without a `provider`: at each provider that sells it, with the one that its name alone means
    first. Empty where no provider does.
    """
    rows: list[PriceRow] = []
    for seller, info in _sellers(model, canonical(provider)):
        name = canonical(seller.id) or seller.id
        rows += [row for entry in _entries(info) for row in _rows(name, info.id, *entry)]
    return rows


def _sellers(model: str, provider: str | None) -> Iterator[tuple[Provider, ModelInfo]]:
    snapshot = new_snapshot()
    seen: set[tuple[str, str]] = set()
    tried = list(candidates(provider, usable([model])))
    wanted = [(find_provider(snapshot, seller, name), name) for seller, name in tried]
    if provider is None:
        wanted += [(seller, name) for seller in providers for _, name in tried]
    for seller, name in wanted:
        found = find(snapshot, seller, name) if seller is not None else None
        if found is None or (found.provider.id, found.model.id) in seen:
            continue
        seen.add((found.provider.id, found.model.id))
        yield found.provider, found.model


_Constraint = StartDateConstraint | TimeOfDateConstraint | None


def _entries(info: ModelInfo) -> Iterator[tuple[ModelPrice, _Constraint, str]]:
    prices = (
        info.prices if isinstance(info.prices, list) else [ConditionalPrice(prices=info.prices)]
    )
    for entry in prices:
        yield entry.prices, entry.constraint, ""
    for variant in info.price_variants or ():
        when = ", ".join(f"{key}={value}" for key, value in variant.when.items())
        yield variant.prices, variant.constraint, when


def _rows(
    provider: str, model: str, prices: ModelPrice, constraint: _Constraint, tier: str
) -> Iterator[PriceRow]:
    start = constraint.start_date if isinstance(constraint, StartDateConstraint) else None
    hours = None
    if isinstance(constraint, TimeOfDateConstraint):
        hours = (constraint.start_time, constraint.end_time)
    for unit, value in prices.__dict__.items():
        if isinstance(value, Decimal):
            steps = [(0, value)]
        elif isinstance(value, TieredPrices):
            steps = [(0, value.base), *((step.start, step.price) for step in value.tiers)]
        else:
            continue
        for above, usd in steps:
            yield PriceRow(provider, model, unit, usd, above, start, hours, tier)
