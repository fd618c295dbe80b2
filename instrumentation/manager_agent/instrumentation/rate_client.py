"""Asks the manager what models cost: for what a call reserves, and for what its span says."""

import json
from collections.abc import Callable, Sequence
from time import monotonic

from manager_agent.contract.control import MOST_MODELS, RATES_METHOD
from manager_agent.contract.day_rates import DayRates
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.known_rates import KnownRates, Sold, moment_of, sold_by
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError

_MOST_AT_ONCE = 1024
_DEADLINE_SECONDS = 2.0
_REST_SECONDS = 10.0
"""How long nobody is asked after nobody answered."""

Call = Callable[[str, bytes, float], bytes]
"""(method, request, seconds) -> answer, as `Channel.call`."""


class RateClient:
    """Asks, and puts what it is told on a shelf of `KnownRates`; used by one thread.

    The manager is asked once for each model, tier and day; while it does not answer, costs are not
    known here and left to it.
    """

    def __init__(
        self,
        call: Call,
        clock: Callable[[], float] = monotonic,
        known: KnownRates | None = None,
    ) -> None:
        self._call = call
        self._clock = clock
        self._known = KnownRates() if known is None else known
        self._not_before = 0.0

    @property
    def digest_key(self) -> bytes | None:
        """Return the key of prompts' digests, None where it was not told."""
        return self._known.digest_key

    def learn(self, calls: Sequence[Ended]) -> None:
        """Ask for the rates of calls that are not known yet, of many models at once."""
        self.ask(self._known.lacking(map(sold_by, calls)))

    def ask(self, wanted: Sequence[Sold]) -> bool:
        """Ask for rates, known or not; tell whether all of them were told."""
        if self._clock() < self._not_before:
            return not wanted
        return all(
            self._ask(wanted[start : start + MOST_MODELS])
            for start in range(0, min(len(wanted), _MOST_AT_ONCE), MOST_MODELS)
        )

    def cost_nano(self, ended: Ended) -> int | None:
        """Return what a call cost in nano-USD by the rates that are known here, None without."""
        usage, rates = ended.told.usage, self._known.get(sold_by(ended))
        if usage is None or rates is None:
            return None
        return rates.price(usage, moment_of(ended.ask.started_ns)).cost_nano

    def _ask(self, wanted: Sequence[Sold]) -> bool:
        request = json.dumps({"models": [sold._asdict() for sold in wanted]}).encode()
        try:
            answer = json.loads(self._call(RATES_METHOD, request, _DEADLINE_SECONDS))
            found = [DayRates.from_json(each) for each in answer["rates"]]
            self._known.digest_key = bytes.fromhex(answer["digest_key"])
        except (UnreachableError, GaveUpError, ValueError, KeyError, TypeError):
            # An older manager, or none: spans go without a cost, and the receiver prices them.
            self._not_before = self._clock() + _REST_SECONDS
            return False
        self._known.put(zip(wanted, found, strict=False))
        return True
