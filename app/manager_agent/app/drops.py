"""What the receiver refused or did not understand of late, from its counters."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frames import DROPS

KEPT = timedelta(minutes=10)

_KINDS = {"dropped": "items", "requests": "requests", "denied": "denied"}
_NOT_OURS = frozenset({("dropped", "log_of_no_call"), ("dropped", "point_of_no_usage")})
"""Records and points that are of something else than calls: that is what most of them are."""
_WELL = frozenset({("requests", "accepted")})

_Totals = Mapping[tuple[str, str], int]


class Drops:
    """Remembers ten minutes of counters, looked at with each look at the rules."""

    def __init__(self, totals: Callable[[], _Totals]) -> None:
        """`totals`: every counter of the receiver since its start, by kind and label."""
        self._totals = totals
        self._seen: deque[tuple[datetime, _Totals]] = deque()

    def frame(self, now: datetime) -> pl.DataFrame:
        """Return `Frames.drops` at `now` (UTC)."""
        totals = {key: n for key, n in self._totals().items() if key[0] in _KINDS}
        while len(self._seen) > 1 and self._seen[1][0] <= now - KEPT:
            self._seen.popleft()
        before: _Totals = self._seen[0][1] if self._seen else {}
        self._seen.append((now, totals))
        rows = [
            (_KINDS[kind], reason, number - before.get((kind, reason), 0))
            for (kind, reason), number in sorted(totals.items())
            if (kind, reason) not in _NOT_OURS | _WELL
        ]
        return pl.DataFrame([row for row in rows if row[2] > 0], schema=DROPS, orient="row")
