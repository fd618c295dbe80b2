"""How many calls guards told of, minute by minute: to hold the spans that arrive against."""

from collections.abc import Mapping, Sequence
from threading import Lock

from manager_agent.contract.guard import Outcomes
from manager_agent.control.commands import To
from manager_agent.control.observed import SPANS

TAKES = frozenset((Outcomes,))
"""What of the clerk's commands is for it."""

_MINUTE_US = 60 * 1_000_000
_KEPT_MINUTES = 60
_ENDED = ("ok", "failed", "pressure")
"""Outcomes of calls that went out, each call in one of them; slow ones are of the first two."""

_Place = tuple[str, str, str, str]


class ToldCalls:
    """Counts in the clerk's thread; `between` may be asked from any.

    What a holder says first may be a manager's first word of a long story, and counts as nothing:
    what is counted here is at most what there was.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._heard: dict[_Place, tuple[int, int]] = {}
        self._minutes: dict[int, dict[str, int]] = {}

    def decide(self, commands: Sequence[Outcomes], now_us: int) -> list[To]:
        """Count what is new; there is nothing to answer."""
        minute = now_us // _MINUTE_US
        with self._lock:
            for said in commands:
                self._count(said, minute)
            oldest = minute - _KEPT_MINUTES
            for at in [at for at in self._minutes if at < oldest]:
                del self._minutes[at]
            self._heard = {key: one for key, one in self._heard.items() if one[1] >= oldest}
        return []

    def between(self, first: int, last: int) -> Mapping[str, int]:
        """Return the calls of each agent told from one minute to another (since 1970), both in."""
        found: dict[str, int] = {}
        with self._lock:
            for at, calls in self._minutes.items():
                if first <= at <= last:
                    for agent, number in calls.items():
                        found[agent] = found.get(agent, 0) + number
        return found

    def _count(self, said: Outcomes, minute: int) -> None:
        if said.holder == SPANS or said.probe:
            return
        key = (said.holder, said.agent, said.provider, said.family)
        total = sum(said.counts.get(name, 0) for name in _ENDED)
        before = self._heard.get(key)
        self._heard[key] = (total, minute)
        new = 0 if before is None else total - before[0]
        if new > 0:
            calls = self._minutes.setdefault(minute, {})
            calls[said.agent] = calls.get(said.agent, 0) + new
