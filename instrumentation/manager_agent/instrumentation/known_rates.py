"""What models cost, as far as the manager told this process: one shelf for budgets and for spans.

The guard prices what it settles and the outbox what it sends by the same rates, so that the two
agree to the nano-USD. Readable from any thread; written by those that ask the manager.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from manager_agent.contract.control import LONGEST_NAME
from manager_agent.contract.day_rates import DayRates
from manager_agent.instrumentation.call import Ended

_MOST_KEPT = 1024
_NS_PER_SECOND = 10**9


class Sold(NamedTuple):
    """What is asked for: a model, as its price depends on it. `day` is a UTC date in ISO 8601."""

    provider: str
    models: tuple[str | None, str | None]
    tier: str | None
    day: str


class KnownRates:
    """The rates that were told, bounded: names of models come from strangers."""

    def __init__(self) -> None:
        self._kept: dict[Sold, DayRates] = {}
        self.digest_key: bytes | None = None
        """For digests of prompts; told with the rates."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sold: Sold) -> DayRates | None:
        """Return the rates of what is sold, None where they were not told."""
        return self._kept.get(sold)

    def put(self, told: Iterable[tuple[Sold, DayRates]]) -> None:
        """Keep what was told."""
        found = dict(told)
        if len(self._kept) + len(found) > _MOST_KEPT:
            self._kept = {}
        self._kept.update(found)

    def lacking(self, wanted: Iterable[Sold]) -> list[Sold]:
        """Return what of `wanted` is not known, each once."""
        return list(dict.fromkeys(sold for sold in wanted if sold not in self._kept))


_shared = KnownRates()


def shared() -> KnownRates:
    """Return the shelf of this process. A child of a fork keeps it: they are facts."""
    return _shared


def sold_by(ended: Ended) -> Sold:
    """Return what is asked for to price a call: the models as the manager tries them."""
    ask, told = ended.ask, ended.told
    models = (_cut(told.response_model), _cut(ask.asked.model or ask.endpoint.model))
    day = moment_of(ask.started_ns).date().isoformat()
    return Sold(ask.endpoint.provider, models, _cut(told.tier), day)


def moment_of(started_ns: int) -> datetime:
    """Return the moment that a call is priced at: its start, to the second, UTC."""
    return datetime.fromtimestamp(started_ns // _NS_PER_SECOND, UTC)


def _cut(name: Any) -> str | None:
    return None if name is None else str(name)[:LONGEST_NAME]
