"""What models cost, as far as the manager told this process: one shelf for budgets and for spans.

The guard prices what it settles and the outbox what it sends by the same rates, so that the two
agree to the nano-USD. Readable from any thread; written by those that ask the manager.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from manager_agent.contract.control import LONGEST_NAME
from manager_agent.contract.day_rates import DayRates
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.told import Told

_MOST_KEPT = 1024
_NS_PER_SECOND = 10**9
_NS_PER_DAY = 86_400 * _NS_PER_SECOND
_EPOCH = date(1970, 1, 1).toordinal()


class Sold(NamedTuple):
    """What is asked for: a model, as its price depends on it. `day` is a UTC date in ISO 8601."""

    provider: str
    models: tuple[str | None, str | None]
    tier: str | None
    day: str


_Flat = dict[tuple[Any, ...], DayRates]
_Last = tuple[_Flat, Endpoint | None, str | None, str | None, str | None, int, int, DayRates | None]
"""The dictionary that it is of, a call's endpoint, the model asked for, the one that answered, the
tier, from when until when (ns since 1970 UTC), and the rates."""


class KnownRates:
    """The rates that were told, bounded: names of models come from strangers."""

    def __init__(self) -> None:
        self._kept: dict[Any, DayRates] = {}
        self._flat: _Flat = {}
        self._last: _Last = (self._flat, None, None, None, None, 0, 0, None)
        self.digest_key: bytes | None = None
        """For digests of prompts; told with the rates."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sold: "Sold | tuple[Any, ...]") -> DayRates | None:
        """Return the rates of what is sold, None where they were not told."""
        return self._kept.get(sold)

    def of(self, ask: Ask, told: Told) -> DayRates | None:
        """Return the rates that a call is priced by, None where they were not told.

        Calls of one kind come one after the other, so the last is looked at first.
        """
        kept, where, asked_for, answered, tier, from_ns, until_ns, rates = self._last
        if (
            where is ask.endpoint
            and answered == told.response_model
            and asked_for == ask.asked.model
            and tier == told.tier
            and from_ns <= ask.started_ns < until_ns
            and kept is self._flat  # or more was told since
        ):
            return rates
        return self._found(ask, told)

    def _found(self, ask: Ask, told: Told) -> DayRates | None:
        """Return the rates of a call by what it says, as it says it: `get` wants a longer key."""
        where, kept = ask.endpoint, self._flat
        day = ask.started_ns // _NS_PER_DAY
        model = ask.asked.model
        flat = where.provider, told.response_model, model or where.model, told.tier, day
        found = kept.get(flat)
        if found is None:
            key = key_of(ask, told)
            found = self._kept.get(key)
            if found is not None and key[1] == flat[1:3] and key[2] == flat[3]:
                if len(kept) >= _MOST_KEPT:
                    kept.clear()
                kept[flat] = found
        if found is not None and flat in kept:
            from_ns, until_ns = day * _NS_PER_DAY, (day + 1) * _NS_PER_DAY
            answered, tier = told.response_model, told.tier
            self._last = kept, where, model, answered, tier, from_ns, until_ns, found
        return found

    def put(self, told: Iterable[tuple[Sold, DayRates]]) -> None:
        """Keep what was told."""
        found = dict(told)
        if len(self._kept) + len(found) > _MOST_KEPT:
            self._kept = {}
        self._kept.update(found)
        self._flat = {}  # after that: who found what was before may still note it, in the old one

    def lacking(self, wanted: Iterable[Sold]) -> list[Sold]:
        """Return what of `wanted` is not known, each once."""
        return list(dict.fromkeys(sold for sold in wanted if sold not in self._kept))


_shared = KnownRates()


def shared() -> KnownRates:
    """Return the shelf of this process. A child of a fork keeps it: they are facts."""
    return _shared


def sold_by(ended: Ended) -> Sold:
    """Return what is asked for to price a call: the models as the manager tries them."""
    ask, told = ended.ask, ended.counted
    return Sold(*key_of(ask, told))


def key_of(ask: Ask, told: Told) -> tuple[str, tuple[str | None, str | None], str | None, str]:
    """Return what `sold_by` does as a plain tuple, which is made in a fifth of the time."""
    where = ask.endpoint
    models = (_cut(told.response_model), _cut(ask.asked.model or where.model))
    return where.provider, models, _cut(told.tier), _iso(ask.started_ns // _NS_PER_DAY)


def day_of(started_ns: int) -> str:
    """Return the UTC day of a moment, in ISO 8601."""
    return _iso(started_ns // _NS_PER_DAY)


@lru_cache(4)
def _iso(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()


def moment_of(started_ns: int) -> datetime:
    """Return the moment that a call is priced at: its start, to the second, UTC."""
    return datetime.fromtimestamp(started_ns // _NS_PER_SECOND, UTC)


def _cut(name: Any) -> str | None:
    if name is None or (type(name) is str and len(name) <= LONGEST_NAME):
        return name
    return str(name)[:LONGEST_NAME]
