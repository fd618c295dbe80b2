"""What the manager tells for spans: rates, for their cost, and the key of prompts' digests.

Used by the outbox's thread alone.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple

from manager_agent.contract.control import LONGEST_NAME, MOST_MODELS, RATES_METHOD
from manager_agent.contract.day_rates import DayRates
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError

_MOST_KEPT = 1024
_DEADLINE_SECONDS = 2.0
_REST_SECONDS = 10.0
"""How long nobody is asked after nobody answered."""

Call = Callable[[str, bytes, float], bytes]
"""(method, request, seconds) -> answer, as `Channel.call`."""


class Sold(NamedTuple):
    """What is asked for: a model, as its price depends on it. `day` is a UTC date in ISO 8601."""

    provider: str
    models: tuple[str | None, str | None]
    tier: str | None
    day: str


class RateClient:
    """Knows what calls cost, where the manager tells.

    It is asked once for each model, tier and day; while it does not answer, costs are not known
    here and left to it.
    """

    def __init__(self, call: Call, clock: Callable[[], float] = monotonic) -> None:
        self._call = call
        self._clock = clock
        self._kept: dict[Sold, DayRates] = {}
        self._not_before = 0.0
        self.digest_key: bytes | None = None

    def learn(self, calls: Sequence[Ended]) -> None:
        """Ask for the rates of calls, of as many models at once as may be."""
        if self._clock() < self._not_before:
            return
        wanted = list(dict.fromkeys(sold for sold in map(sold_by, calls) if sold not in self._kept))
        if len(self._kept) + len(wanted) > _MOST_KEPT:
            self._kept.clear()
        for start in range(0, min(len(wanted), _MOST_KEPT), MOST_MODELS):
            if not self._ask(wanted[start : start + MOST_MODELS]):
                return

    def cost_nano(self, ended: Ended) -> int | None:
        """Return what a call cost in nano-USD by the rates that are known here, None without."""
        usage, rates = ended.told.usage, self._kept.get(sold_by(ended))
        if usage is None or rates is None:
            return None
        return rates.price(usage, _moment(ended)).cost_nano

    def _ask(self, wanted: Sequence[Sold]) -> bool:
        request = json.dumps({"models": [sold._asdict() for sold in wanted]}).encode()
        try:
            answer = json.loads(self._call(RATES_METHOD, request, _DEADLINE_SECONDS))
            found = [DayRates.from_json(each) for each in answer["rates"]]
            self.digest_key = bytes.fromhex(answer["digest_key"])
        except (UnreachableError, GaveUpError, ValueError, KeyError, TypeError):
            # An older manager, or none: spans go without a cost, and the receiver prices them.
            self._not_before = self._clock() + _REST_SECONDS
            return False
        self._kept.update(zip(wanted, found, strict=False))
        return True


def sold_by(ended: Ended) -> Sold:
    """Return what is asked for to price a call: the models as the manager tries them."""
    ask, told = ended.ask, ended.told
    models = (_cut(told.response_model), _cut(ask.asked.model or ask.endpoint.model))
    day = _moment(ended).date().isoformat()
    return Sold(ask.endpoint.provider, models, _cut(told.tier), day)


def _moment(ended: Ended) -> datetime:
    return datetime.fromtimestamp(ended.ask.started_ns // 10**9, UTC)


def _cut(name: Any) -> str | None:
    return None if name is None else str(name)[:LONGEST_NAME]
