"""Whether two series differ at a percentile, or only seem to: by drawing anew, in pairs."""

from collections.abc import Sequence
from random import Random

_DRAWS = 600
_SURE_PERCENT = 95


def at(values: Sequence[float], percent: int) -> float:
    """Return what so many percent of `values` lie below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def difference(
    first: Sequence[float], second: Sequence[float], percent: int
) -> tuple[float, float, float]:
    """Return by how much `second` lies higher at a percentile, and the bounds of that, 95 % sure.

    The two were measured in turns: what belongs together is drawn together.
    """
    random, size = Random(5), len(first)
    found = []
    for _ in range(_DRAWS):
        drawn = random.choices(range(size), k=size)
        higher = at([second[place] for place in drawn], percent)
        found.append(higher - at([first[place] for place in drawn], percent))
    beside = (100 - _SURE_PERCENT) / 200
    found.sort()
    low, high = found[int(_DRAWS * beside)], found[int(_DRAWS * (1 - beside)) - 1]
    return at(second, percent) - at(first, percent), low, high
