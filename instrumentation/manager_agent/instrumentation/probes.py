"""Probes: the one call at a time that finds out whether things work again."""

from collections.abc import Iterator, Mapping

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.guard import BreakerState
from manager_agent.instrumentation.outcome import Outcome

_MS = 1_000_000
_ALONE_NS = 30_000_000_000
"""Without the manager's word for so long, this process finds out for itself. While anything is
open the manager speaks more often than that."""
_LONGEST_ALONE_NS = 300_000_000_000
_ENOUGH = 3


class Known:
    """One breaker that the manager told of.

    `probe`: the id of the call that may try, "" where there is none or it is under way. `over`: it
    was found out without the manager that things work again.
    """

    __slots__ = ("_busy", "_good", "_retry_ns", "_waits", "key", "over", "probe", "state")

    def __init__(self, key: BreakerKey, state: BreakerState, now_ns: int) -> None:
        """Take it as it was told at `now_ns`."""
        self.key = key
        self.state = state
        self.probe = state.probe
        self.over = False
        self._retry_ns = now_ns + state.retry_in_ms * _MS
        self._busy = False
        self._good = self._waits = 0

    def left_ms(self, now_ns: int) -> int:
        """Return how long it will be open yet, 0 where nobody knows."""
        return max(0, self._retry_ns - now_ns) // _MS

    def due(self, now_ns: int) -> bool:
        """Say whether a call that wants to leave should be told of, for a probe may be had."""
        return not self.state.forced and now_ns >= self._retry_ns

    def passable(self, now_ns: int, heard_ns: int) -> bool:
        """Say whether a call may leave to find out."""
        if self.probe:
            return True
        alone = now_ns - heard_ns >= _ALONE_NS and not self.state.forced
        return alone and now_ns >= self._retry_ns and not self._busy

    def begin(self) -> str:
        """Give its probe away, "" being one without the manager."""
        probe, self.probe = self.probe, ""
        self._busy = True
        return probe

    def end(self, outcome: Outcome, now_ns: int) -> None:
        """Take note of how a probe without the manager went."""
        self._busy = False
        if outcome == "ok":
            self._good += 1
            self.over = self._good >= _ENOUGH
        elif outcome == "failed":
            self._good = 0
            wait_ns = min(_ALONE_NS << self._waits, _LONGEST_ALONE_NS)
            self._waits = min(self._waits + 1, 8)
            self._retry_ns = now_ns + wait_ns


class Probes:
    """Probes under way, and results until the manager knows them. Its owner's lock guards it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._calls: dict[str, list[tuple[Known, str, tuple[str, str, str]]]] = {}
        self._results: dict[str, tuple[tuple[str, str, str], str]] = {}
        self._untold: set[str] = set()

    @property
    def any(self) -> bool:
        """Say whether a probe is under way."""
        return bool(self._calls)

    def begin(self, call_id: str, known: Known, place: tuple[str, str, str]) -> None:
        """Let a call be a probe of `known`."""
        probe = known.begin()
        self._calls.setdefault(call_id, []).append((known, probe, place))
        if probe:
            self._tell(probe, place, "started")

    def end(self, call_id: str, outcome: Outcome, now_ns: int) -> bool:
        """Take note of how a call went; say whether it was a probe."""
        found = self._calls.pop(call_id, ()) if self._calls else ()
        for known, probe, place in found:
            if probe:
                self._tell(probe, place, "neither" if outcome == "pressure" else outcome)
            else:
                known.end(outcome, now_ns)
        return bool(found)

    def has(self, call_id: str) -> bool:
        """Say whether a call is a probe."""
        return call_id in self._calls

    def begun(self, probe: str) -> bool:
        """Say whether a probe was given to a call."""
        return probe in self._results

    def keep(self, ids: set[str]) -> None:
        """Forget the results of probes that the manager speaks of no more."""
        under_way = {probe for found in self._calls.values() for _, probe, _ in found}
        for probe in self._results.keys() - ids - under_way:
            del self._results[probe]
            self._untold.discard(probe)

    def untold(self) -> Iterator[tuple[str, str, str, Mapping[str, int], str]]:
        """Yield agent, provider, family, counts and probe of what is new."""
        told, self._untold = self._untold, set()
        for probe in told:
            place, result = self._results[probe]
            yield (*place, {result: 1}, probe)

    def tell_again(self) -> None:
        """Tell all results again."""
        self._untold = set(self._results)

    def _tell(self, probe: str, place: tuple[str, str, str], result: str) -> None:
        self._results[probe] = (place, result)
        self._untold.add(probe)
