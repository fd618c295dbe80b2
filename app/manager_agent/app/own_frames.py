"""What a running manager alone knows, as frames for the rules; a replay has none of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frames import HEALTH, TOLD, Frames
from manager_agent.app.clocks import Clocks
from manager_agent.app.drops import Drops
from manager_agent.app.troubles import Trouble
from manager_agent.control.told_calls import ToldCalls

_WATCHED, _LATE = timedelta(minutes=20), timedelta(minutes=3)
"""How long guards' calls are counted for, and how long a span may take to arrive."""


@dataclass(frozen=True, slots=True)
class OwnFrames:
    """Puts the frames beside those of the store, at each look."""

    clocks: Clocks
    drops: Drops
    told: ToldCalls
    troubles: Callable[[], Sequence[Trouble]]

    def beside(self, frames: Frames, now: datetime) -> Frames:
        """Return `frames` with them, at `now` (UTC)."""
        troubles = [tuple(one) for one in self.troubles()]
        return replace(
            frames,
            clocks=self.clocks.frame(now),
            drops=self.drops.frame(now),
            told=self._told(now),
            health=pl.DataFrame(troubles, schema=HEALTH, orient="row"),
        )

    def _told(self, now: datetime) -> pl.DataFrame:
        last = int((now - _LATE).timestamp()) // 60 - 1
        first = last - _WATCHED // timedelta(minutes=1) + 1
        calls = self.told.between(first, last)
        # Spans count from a while before: a call begins before its guard tells of its end.
        since, until = now - _WATCHED - 3 * _LATE, now
        rows = [(agent, number, since, until) for agent, number in sorted(calls.items())]
        return pl.DataFrame(rows, schema=TOLD, orient="row")
