"""What one process has seen of one agent's calls to one model family."""

from collections.abc import Mapping

from manager_agent.instrumentation.outcome import Outcome

_HOLD_NS = 5_000_000_000
_LONGEST_HOLD_NS = 60_000_000_000


class Row:
    """Counts that only grow, and how the last calls in a row went. Its owner's lock guards it.

    `streak`, `streak_429`: failures since the last success, "too many requests" not counted and
    counted. `held_until_ns`: this process lets no call pass before, for so many failed that the
    manager's word is waited for.
    """

    __slots__ = (
        "_counts",
        "_holds",
        "_streak_here",
        "changed",
        "held_until_ns",
        "streak",
        "streak_429",
    )

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts = {"ok": 0, "failed": 0, "slow": 0, "pressure": 0, "refused": 0}
        self.changed = False
        self.streak = self.streak_429 = 0
        self.held_until_ns = 0
        self._holds = 0
        self._streak_here = 0

    def count(self, outcome: Outcome, slow: bool) -> None:
        """Count a call that has ended."""
        if outcome == "neither":
            return
        self.changed = True
        if outcome == "ok":
            self.went_well(1, int(slow))
            return
        self._counts[outcome] += 1
        self.streak_429 += 1
        if outcome == "failed":
            self.streak += 1
            self._streak_here += 1

    def went_well(self, calls: int, slow: int) -> None:
        """Count calls that were answered as they should be, so many of them slowly."""
        if not calls:
            return
        self.changed = True
        self._counts["ok"] += calls
        self._counts["slow"] += slow
        self.streak = self.streak_429 = self._streak_here = self._holds = 0

    def refuse(self) -> None:
        """Count a call that wanted to leave and was not let."""
        self._counts["refused"] += 1
        self.changed = True

    def hold_after(self, failures: int, now_ns: int) -> bool:
        """Hold calls for a while where so many failed in a row; say whether that is so."""
        if self._streak_here < failures or now_ns < self.held_until_ns:
            return False
        self.held_until_ns = now_ns + min(_HOLD_NS << self._holds, _LONGEST_HOLD_NS)
        self._holds = min(self._holds + 1, 8)
        self._streak_here = 0
        return True

    def let_go(self) -> None:
        """Hold no longer: the manager decided."""
        self.held_until_ns = self._holds = self._streak_here = 0

    def begin_anew(self) -> None:
        """Forget the row of failures: others found that things work again."""
        self.streak = self.streak_429 = self._streak_here = 0

    def counts(self) -> Mapping[str, int]:
        """Return what is told of it."""
        return {**self._counts, "streak": self.streak, "streak_429": self.streak_429}
