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


class KnownRates:
    """The rates that were told, bounded: names of models come from strangers."""

    def __init__(self) -> None:
        self._kept: dict[Any, DayRates] = {}
        self._flat: dict[tuple[Any, ...], DayRates] = {}
        self.digest_key: bytes | None = None
        """For digests of prompts; told with the rates."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sold: "Sold | tuple[Any, ...]") -> DayRates | None:
        """Return the rates of what is sold, None where they were not told."""
        return self._kept.get(sold)

    def of(self, ask: Ask, told: Told) -> DayRates | None:
        """Return the rates that a call is priced by, None where they were not told.

        Known under what the call says, as it says it: to make the key that `get` wants takes longer
        than to look.
        """
        where = ask.endpoint
        flat = (
            where.provider,
            told.response_model,
            ask.asked.model or where.model,
            told.tier,
            ask.started_ns // _NS_PER_DAY,
        )
        found = self._flat.get(flat)
        if found is None:
            kept = self._flat
            key = key_of(ask, told)
            found = self._kept.get(key)
            if found is not None and key[1] == flat[1:3] and key[2] == flat[3]:
                if len(kept) >= _MOST_KEPT:
                    kept.clear()
                kept[flat] = found
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
