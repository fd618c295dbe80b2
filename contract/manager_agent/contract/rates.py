"""Rates: one model's prices on one day as integers, ready to multiply."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import gcd, lcm
from operator import attrgetter

from manager_agent.contract.money import NANO_PER_USD
from manager_agent.contract.usage import Reason, Usage

ROOTS = ("input_tokens", "output_tokens")
_CACHED = "cache_read_tokens"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """USD for `per` units of the usage field `field`, which lies inside the fields `within`.

    `steps` are (threshold, USD): above a threshold of input tokens the higher price holds for
    ALL units of the call, as providers bill it.
    """

    field: str
    within: frozenset[str]
    usd: Decimal
    per: int
    steps: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """Return USD for `per` units in a call of so many input tokens."""
        usd = self.usd
        for threshold, above in self.steps:
            if input_tokens > threshold:
                usd = above
        return usd


_Band = tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """What one model charges, compiled by `compile_rates`.

    `fields` are those of `Usage` that count, most specific unit first. A band holds for each of
    them (price of one in 1/`scale` nano-USD, the earlier units that lie inside it and are
    charged at their own price). `bands[b]` is for calls whose input is above b `thresholds`.
    """

    fields: tuple[str, ...]
    thresholds: tuple[int, ...]
    bands: tuple[_Band, ...]
    scale: int
    fixed: int
    needs_input: bool
    needs_output: bool
    free: bool
    _read: Callable[[Usage], tuple[int | None, ...]] = field(init=False, repr=False, compare=False)
    _roots: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    _cached: tuple[int, ...] | None = field(init=False, repr=False, compare=False)
    """By band, what a cached token costs; None where that takes a look at all units."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", attrgetter(*self.fields))
        places = [self.fields.index(root) for root in ROOTS]
        roots = tuple((band[places[0]][0], band[places[1]][0]) for band in self.bands)
        object.__setattr__(self, "_roots", roots)
        object.__setattr__(self, "_cached", _cached_alone(self.fields, self.bands))

    def cost(self, usage: Usage) -> tuple[int | None, Reason]:
        """Return nano-USD, rounded half to even once, and the reason; None if usage is unknown."""
        read, written = usage[0], usage[1]
        if (read is None and self.needs_input) or (written is None and self.needs_output):
            return None, "unknown_usage"
        thresholds, scale = self.thresholds, self.scale
        place = bisect_left(thresholds, read or 0) if thresholds else 0
        total = self.fixed
        if not any(usage[2:]):  # no part is charged at a price of its own: as below, in a third
            dear_input, dear_output = self._roots[place]
            total += (read or 0) * dear_input + (written or 0) * dear_output
            return _half_even(total, scale), "free" if self.free else "priced"
        cached = usage[2] or 0
        if self._cached is not None and cached <= (read or 0) and not any(usage[3:]):
            dear_input, dear_output = self._roots[place]
            total += ((read or 0) - cached) * dear_input + cached * self._cached[place]
            total += (written or 0) * dear_output
            return _half_even(total, scale), "free" if self.free else "priced"
        band = self.bands[place]
        clamped = False
        alone: list[int] = []
        for count, (price, parts) in zip(self._read(usage), band):  # noqa: B905 strict costs 10 %
            rest = count or 0
            if parts:
                for part in parts:
                    rest -= alone[part]
                if rest < 0:  # parts above their total: charge the parts, never less than nothing
                    rest, clamped = 0, True
            alone.append(rest)
            total += rest * price
        nano = _half_even(total, scale)
        return nano, "parts_exceed_total" if clamped else "free" if self.free else "priced"


def compile_rates(
    units: Iterable[UnitPrice], per_call_usd: Decimal = Decimal(0), discount: Decimal = Decimal(0)
) -> Rates:
    """Compile unit prices, a fee per call and a discount (0.1 is 10 % off) into `Rates`."""
    # Roots are always read, unpriced or not: the getter then returns a tuple whatever is priced.
    known: dict[str, UnitPrice] = {
        root: UnitPrice(root, frozenset(), Decimal(0), 1) for root in ROOTS
    } | {unit.field: unit for unit in units}
    ordered = sorted(known.values(), key=lambda unit: (-len(unit.within), unit.field))
    index = {unit.field: place for place, unit in enumerate(ordered)}
    thresholds = tuple(sorted({start for unit in ordered for start, _ in unit.steps}))
    factor = (1 - discount) * NANO_PER_USD
    exact = [
        [_ratio(unit.at(level) * factor, unit.per) for unit in ordered]
        for level in (0, *(start + 1 for start in thresholds))
    ]
    fee = _ratio(per_call_usd * factor, 1)
    scale = lcm(fee[1], *(bottom for band in exact for _, bottom in band))
    parts = [tuple(index[o.field] for o in ordered if u.field in o.within) for u in ordered]
    bands = tuple(
        tuple(
            (top * (scale // bottom), inside)
            for (top, bottom), inside in zip(band, parts, strict=True)
        )
        for band in exact
    )
    return Rates(
        fields=tuple(index),
        thresholds=thresholds,
        bands=bands,
        scale=scale,
        fixed=fee[0] * (scale // fee[1]),
        needs_input=_needed("input_tokens", ordered, index, bands),
        needs_output=_needed("output_tokens", ordered, index, bands),
        free=fee[0] == 0 and not any(price for band in bands for price, _ in band),
    )


def _cached_alone(fields: tuple[str, ...], bands: tuple[_Band, ...]) -> tuple[int, ...] | None:
    """Return a cached token's price by band where cache reads lie in the input and nowhere else."""
    if _CACHED not in fields:
        return tuple(band[fields.index(ROOTS[0])][0] for band in bands)
    place = fields.index(_CACHED)
    around = {
        fields[outer] for band in bands for outer, (_, parts) in enumerate(band) if place in parts
    }
    return tuple(band[place][0] for band in bands) if around == {ROOTS[0]} else None


def _needed(
    root: str,
    ordered: list[UnitPrice],
    index: Mapping[str, int],
    bands: tuple[_Band, ...],
) -> bool:
    """Say whether any unit in or under `root` costs anything, so that its count must be known."""
    places = [index[unit.field] for unit in ordered if unit.field == root or root in unit.within]
    return any(band[place][0] for band in bands for place in places)


def _ratio(nano: Decimal, per: int) -> tuple[int, int]:
    """Return nano-USD for one unit as an exact fraction, reduced: mostly a whole number."""
    top, bottom = nano.as_integer_ratio()
    common = gcd(top, bottom * per)
    return top // common, bottom * per // common


def _half_even(top: int, bottom: int) -> int:
    nano, rest = divmod(top, bottom)
    if not rest:
        return nano
    twice = 2 * rest
    return nano + (twice > bottom or (twice == bottom and nano & 1))
