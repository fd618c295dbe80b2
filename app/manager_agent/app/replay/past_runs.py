"""What runs cost at moments of the past, forth and back."""

from collections.abc import Sequence
from itertools import takewhile

from manager_agent.app.call_costs import Cost
from manager_agent.app.run_frame import count
from manager_agent.rules.run_costs import RunBook, RunRow


class PastRuns:
    """A replay looks ahead, and back to where it was before: that far back it can go."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._now_us = self._fed = 0
        self._book = RunBook()
        self._before = (0, 0, RunBook())

    def at(self, now_us: int, costs: Sequence[tuple[int, Cost]]) -> list[RunRow]:
        """Return the runs at a moment; `costs`: when each was told, and at least all until then."""
        if now_us < self._now_us:
            self._now_us, self._fed, kept = self._before
            self._book = kept.copy()
        self._before = self._now_us, self._fed, self._book.copy()
        told = range(self._fed, len(costs))
        due = [costs[n][1] for n in takewhile(lambda n: costs[n][0] <= now_us, told)]
        count(self._book, due)
        self._now_us, self._fed = now_us, self._fed + len(due)
        return self._book.rows(now_us)
