"""What calls cost, told as it changes: each call once, and what later spans correct of it.

A second span of a call may arrive after the first was told, at another price or under another id;
then the difference is told. So sums are right at once, and right in the end.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from manager_agent.contract.family import family_of
from manager_agent.control.observed import Spent
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion

_MOST_KNOWN = 100_000

_Place = tuple[str, str, str | None]
"""Agent, provider, model."""


class Cost(NamedTuple):
    """What one call cost, in nano-USD; -1 as `calls` takes it back. Times: nanoseconds since 1970.

    `failed`: it did not succeed, for whatever reason.
    """

    agent: str
    provider: str
    model: str | None
    nano: int
    failed: bool
    start_ns: int
    end_ns: int
    conversation_id: str | None
    trace_id: str
    calls: int = 1


class CallCosts:
    """Remembers what was told of the last calls, to tell only differences. For one thread."""

    def __init__(self, most: int = _MOST_KNOWN) -> None:
        """`most`: calls that are remembered; corrections of older ones would count twice."""
        self._most = most
        self._known: OrderedDict[str, Cost] = OrderedDict()

    def changes(self, versions: Iterable[CallVersion]) -> list[Cost]:
        """Return what new versions of calls change: what is taken back, and what is added."""
        found: list[Cost] = []
        for call, _, retracted in versions:
            before = self._known.get(call.call_id)
            now = None if retracted else cost_of(call)
            if now == before:
                continue
            if before is not None:
                found.append(before._replace(nano=-before.nano, calls=-1))
                del self._known[call.call_id]
            if now is not None:
                found.append(now)
                self._known[call.call_id] = now
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return found


def cost_of(call: Call) -> Cost | None:
    """Return what is told of a call; None where its cost is unknown, or nothing."""
    if not call.cost_nano:
        return None
    return Cost(
        call.agent,
        call.provider or "unknown",
        call.response_model or call.request_model,
        call.cost_nano,
        call.error,
        call.start_ns,
        call.end_ns,
        call.conversation_id,
        call.trace_id,
    )


def spent(costs: Iterable[Cost]) -> list[Spent]:
    """Return what breakers are told of them, summed by agent and model family."""
    nano, failed_nano, failed = Counter[_Place](), Counter[_Place](), Counter[_Place]()
    for one in costs:
        place = one.agent, one.provider, one.model
        nano[place] += one.nano
        if one.failed:
            failed_nano[place] += one.nano
            failed[place] += one.calls
    return [
        Spent(place[0], place[1], family_of(place[2]), total, failed_nano[place], failed[place])
        for place, total in nano.items()
    ]
