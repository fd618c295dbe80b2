"""Cycles: does a sequence end in the same few steps over and over, in whatever order? Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cycle:
    """The end of a sequence that consists of few different steps.

    `length`: steps in it. `distinct`: different ones among them. `times`: how often each was made,
    on average, rounded down; all but the first are repeats.
    """

    length: int
    distinct: int

    @property
    def times(self) -> int:
        """How often the cycle was gone through."""
        return self.length // self.distinct

    @property
    def repeats(self) -> int:
        """How often it was gone through again."""
        return self.times - 1


def cycle(sequence: Sequence[Hashable], longest: int) -> Cycle:
    """Return the cycle of at most `longest` different steps that repeats most at the end.

    Order within a cycle is not asked for: a loop that goes its round the other way is one, too. Of
    cycles that repeat equally often the shorter one is meant.
    """
    seen: set[Hashable] = set()
    best = Cycle(0, 1)
    length = 0
    for step in reversed(sequence):
        if step not in seen:
            if len(seen) == longest:
                break
            best = _better(best, length, len(seen))
            seen.add(step)
        length += 1
    return _better(best, length, len(seen))


def _better(best: Cycle, length: int, distinct: int) -> Cycle:
    if not distinct:
        return best
    candidate = Cycle(length, distinct)
    return candidate if candidate.repeats > best.repeats or not best.length else best
