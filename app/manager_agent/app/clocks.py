"""How far the clocks of senders are from ours: when calls say they ended, and when they arrived."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock

import polars as pl

from manager_agent.analytics.frames import CLOCKS
from manager_agent.receiver.changes import CallVersion

KEPT = timedelta(minutes=10)
_MINUTE_NS = 60 * 10**9
_MOST_AGENTS = 10_000

_Lags = tuple[int, int, int]
"""Calls, the least and the most milliseconds from end to arrival."""


class Clocks:
    """Remembers ten minutes of arrivals. `note` is for the writer's thread, and cheap.

    A call that is told of again, with what merged into it, is seen again: what counts of an agent
    are the least and the most.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """`now_ns`: nanoseconds since 1970."""
        self._now_ns = now_ns
        self._lock = Lock()
        self._minutes: dict[int, dict[str, _Lags]] = {}

    def note(self, versions: Sequence[CallVersion]) -> None:
        """Take note of calls that were just stored."""
        now_ns = self._now_ns()
        with self._lock:
            lags = self._minutes.setdefault(now_ns // _MINUTE_NS, {})
            for version in versions:
                call = version.call
                known = call.agent in lags or len(lags) < _MOST_AGENTS
                if known and not version.retracted:
                    lag_ms = (now_ns - call.end_ns) // 1_000_000
                    calls, least, most = lags.get(call.agent, (0, lag_ms, lag_ms))
                    lags[call.agent] = (calls + 1, min(least, lag_ms), max(most, lag_ms))

    def frame(self, now: datetime) -> pl.DataFrame:
        """Return `Frames.clocks` at `now` (UTC)."""
        first = int((now - KEPT).timestamp()) // 60
        found: dict[str, _Lags] = {}
        with self._lock:
            self._minutes = {at: lags for at, lags in self._minutes.items() if at > first}
            for lags in self._minutes.values():
                for agent, (calls, least, most) in lags.items():
                    before = found.get(agent, (0, least, most))
                    found[agent] = (
                        *(before[0] + calls, min(before[1], least), max(before[2], most)),
                    )
        rows = [(agent, *lags) for agent, lags in sorted(found.items())]
        return pl.DataFrame(rows, schema=CLOCKS, orient="row")
