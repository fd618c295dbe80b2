"""The price book: what one call costs, in microseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import MappingProxyType

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.rates import Rates
from manager_agent.contract.usage import Priced, Reason, Usage
from manager_agent.prices.custom import CustomPrice, choose
from manager_agent.prices.limits import Limits, documented
from manager_agent.prices.names import SELF_HOSTED, candidates, canonical, usable
from manager_agent.prices.table import find, find_provider, new_snapshot, segments

_MOST_KEPT = 4096
"""Looked-up days kept at once: model names come from strangers, so the cache is bounded."""

_DAY_NS = 86_400 * 10**9
_FIRST_DAY = date(1970, 1, 1).toordinal()

_Key = tuple[str | None, tuple[str | None, ...], str | None, int]


class PriceBook:
    """Prices calls by the user's own prices, then by genai-prices' table.

    `custom`: the user's prices; they win over the table. `discounts`: the share taken off list
    prices (0.1 is 10 %) per provider or `provider/model`; the model wins over its provider.
    May be used from several threads.
    """

    def __init__(
        self,
        custom: Sequence[CustomPrice] = (),
        discounts: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        self._custom = tuple(custom)
        self._discounts = {_discount_key(key): share for key, share in discounts.items()}
        self._snapshot = new_snapshot()
        self._days: dict[_Key, DayRates] = {}

    def price(
        self,
        usage: Usage,
        provider: str | None,
        models: Sequence[str | None],
        ts: datetime,
        tier: str | None = None,
    ) -> Priced:
        """Return what a call cost.

        `provider`: canonical, an alias, or None to let the model's name decide. `models`: names
        to try in order, the response's first, then the request's. `ts`: when the call was made,
        aware; prices are those of its UTC day. `tier`: the tier that was *served* (`flex`,
        `priority`, `batch`), never the one asked for.
        """
        moment = ts if ts.tzinfo is UTC else ts.astimezone(UTC)
        key = (provider, tuple(models), tier, moment.toordinal())
        return (self._days.get(key) or self._look_up(key)).price(usage, moment)

    def rates_at(
        self,
        start_ns: int,
        provider: str | None,
        models: tuple[str | None, ...],
        tier: str | None,
    ) -> Rates | None:
        """Return what `price` would price a call by that began at `start_ns`; None: by nothing.

        `start_ns`: nanoseconds since 1970 UTC; the other parameters as there.
        """
        key = provider, models, tier, start_ns // _DAY_NS + _FIRST_DAY
        day = self._days.get(key) or self._look_up(key)
        if len(day.rates) > 1:  # by the hour: only then the moment matters
            return day.at(datetime.fromtimestamp(start_ns // 10**9, UTC))
        return day.rates[0] if day.rates else None

    def day(
        self, provider: str | None, models: Sequence[str | None], tier: str | None, day: date
    ) -> DayRates:
        """Return what `price` would price a call of a UTC day by; parameters as there."""
        key = (provider, tuple(models), tier, day.toordinal())
        return self._days.get(key) or self._look_up(key)

    def _look_up(self, key: _Key) -> DayRates:
        if len(self._days) >= _MOST_KEPT:
            self._days.clear()
            self._snapshot = new_snapshot()  # its own caches keep every name, too
        day = self._days[key] = self._find(*key)
        return day

    def _find(
        self, provider: str | None, models: tuple[str | None, ...], tier: str | None, ordinal: int
    ) -> DayRates:
        names = usable(models)
        if not names:
            return DayRates("no_model")
        day = date.fromordinal(ordinal)
        seller = canonical(provider)
        tried = list(candidates(seller, names))
        own = choose(self._custom, tried, day)
        if own is not None:
            found = DayRates("priced", own.name, "custom", (time(0),), (own.rates(),))
        elif seller in SELF_HOSTED:
            found = DayRates("self_hosted")
        else:
            found = self._listed(tried, day, tier)
        return _limited(found, documented(seller, tried, found.context_tokens), own)

    def _listed(self, tried: list[tuple[str | None, str]], day: date, tier: str | None) -> DayRates:
        """Return the first of `tried` that genai-prices knows."""
        reason: Reason = "unpriced_model" if tried[0][0] is None else "unknown_provider"
        for seller, name in tried:
            provider = find_provider(self._snapshot, seller, name)
            if provider is None:
                continue
            reason = "unpriced_model"
            found = find(self._snapshot, provider, name)
            if found is not None:
                discount = self._discount(seller, provider.id, found.model.id, name)
                parts = segments(found, day, tier, discount)
                starts = tuple(part.start for part in parts)
                rates = tuple(part.rates for part in parts)
                context = found.model.context_window
                name = found.model.id
                return DayRates("priced", name, "genai-prices", starts, rates, None, context)
        return DayRates(reason)

    def _discount(self, seller: str | None, table_id: str, *models: str) -> Decimal:
        """Return the share off for a model, else for its seller, else 0."""
        name = seller if seller is not None else canonical(table_id)
        for key in (*((name, model.lower()) for model in models), (name, "")):
            if key in self._discounts:
                return self._discounts[key]
        return Decimal(0)


def _limited(day: DayRates, known: Limits, own: CustomPrice | None) -> DayRates:
    """Return rates with what the model generates and takes in at most; the user's word wins."""
    return replace(
        day,
        max_output_tokens=(own and own.max_output_tokens) or known.output_tokens,
        context_tokens=(own and own.context_tokens) or known.context_tokens,
    )


def _discount_key(text: str) -> tuple[str | None, str]:
    """Return (canonical provider, model or "") of a key such as `openai` or `openai/gpt-4o`."""
    provider, _, model = text.partition("/")
    return canonical(provider), model.lower()
