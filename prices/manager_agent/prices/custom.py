"""The user's own prices: which of them holds for a call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase

from manager_agent.contract.rates import Rates, UnitPrice, compile_rates
from manager_agent.prices.names import canonical

_MILLION = 1_000_000
_INPUT = frozenset({"input_tokens"})


@dataclass(frozen=True, slots=True)
class CustomPrice:
    """A price from the configuration, in USD per million tokens.

    Exactly one of `model` (the whole name) and `match` (a pattern such as `llama-3*`) is given;
    case does not matter. Without a `provider` it holds for every provider, without `start` for
    all time. Cache prices left out: cached tokens cost what other input costs. `max_output_tokens`:
    the most that the model generates for one answer, and `context_tokens`: of a prompt; left out,
    as documented.
    """

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    model: str | None = None
    match: str | None = None
    provider: str | None = None
    cache_read_usd_per_mtok: Decimal | None = None
    cache_write_usd_per_mtok: Decimal | None = None
    start: date | None = None
    max_output_tokens: int | None = None
    context_tokens: int | None = None

    @property
    def name(self) -> str:
        """Return the model or pattern as the user wrote it."""
        return self.model or self.match or ""

    def fits(self, provider: str | None, model: str, day: date) -> bool:
        """Say whether this price holds for a model of a canonical provider on a UTC day."""
        if self.provider is not None and canonical(self.provider) != provider:
            return False
        if self.start is not None and day < self.start:
            return False
        if self.model is not None:
            return model.lower() == self.model.lower()
        return fnmatchcase(model.lower(), self.name.lower())

    def rates(self) -> Rates:
        """Compile this price; discounts do not touch it, for it is what the user pays."""
        units = [
            UnitPrice("input_tokens", frozenset(), self.input_usd_per_mtok, _MILLION),
            UnitPrice("output_tokens", frozenset(), self.output_usd_per_mtok, _MILLION),
        ]
        for field, usd in (
            ("cache_read_tokens", self.cache_read_usd_per_mtok),
            ("cache_write_tokens", self.cache_write_usd_per_mtok),
        ):
            if usd is not None:
                units.append(UnitPrice(field, _INPUT, usd, _MILLION))
        return compile_rates(units)


def choose(
    prices: Sequence[CustomPrice],
    candidates: Iterable[tuple[str | None, str]],
    day: date,
) -> CustomPrice | None:
    """Return the price that holds on `day` for the first candidate that has one.

    Among several: a whole name beats a pattern, a named provider beats none, the later `start`
    beats the earlier, and the last line wins.
    """
    for provider, model in candidates:
        fitting = [
            (price.model is not None, price.provider is not None, price.start or date.min, place)
            for place, price in enumerate(prices)
            if price.fits(provider, model, day)
        ]
        if fitting:
            return prices[max(fitting)[-1]]
    return None
