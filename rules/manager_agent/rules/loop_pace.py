"""Pace: do repeats come as from somebody who waits (a poller, a backoff), or at once? Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import Literal

Pace = Literal["at_once", "regular", "growing", "parallel"]
Interval = tuple[datetime, datetime]

_REGULAR = 0.25
"""Deviation of waits from their mean, as a share of it, up to which they are regular."""

_GROWTH = 1.7
"""The later half of the waits is so much longer than the earlier one where they grow."""


def pace(repeats: Sequence[Interval], busy: Sequence[Interval], least_wait: float) -> Pace:
    """Return how repeats follow each other.

    `repeats`: start and end of the same step, each time it was made, in order of start. `busy`: of
    all that the run did, the repeats too. `least_wait`: seconds without anything to do that are
    waiting, where they are regular.
    """
    if _overlapping(repeats):
        return "parallel"
    waits = idle(repeats, busy)
    if not waits:
        return "at_once"
    if _growing(waits):
        return "growing"
    settled = waits[len(waits) // 2 :]  # a backoff may have reached its longest
    if any(_regular(some, least_wait) for some in (waits, settled)):
        return "regular"
    return "at_once"


def _regular(waits: Sequence[float], least: float) -> bool:
    return len(waits) >= 2 and median(waits) >= least and pstdev(waits) <= _REGULAR * fmean(waits)


def idle(repeats: Sequence[Interval], busy: Sequence[Interval]) -> list[float]:
    """Return the seconds from each repeat's start to the next in which nothing was under way."""
    merged = _merged(busy)
    starts = [start for start, _ in merged]
    found = []
    for (since, _), (until, _) in pairwise(repeats):
        first = max(bisect_right(starts, since) - 1, 0)
        working = 0.0
        for start, end in merged[first:]:
            if start >= until:
                break
            working += max((min(end, until) - max(start, since)).total_seconds(), 0.0)
        found.append((until - since).total_seconds() - working)
    return found


def _merged(busy: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(busy):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _overlapping(repeats: Sequence[Interval]) -> bool:
    """Tell whether most begin while the one before is under way: samples, not a loop."""
    pairs = list(pairwise(repeats))
    return bool(pairs) and 2 * sum(two[0] < one[1] for one, two in pairs) > len(pairs)


def _growing(waits: Sequence[float]) -> bool:
    """Tell whether waits get longer and longer, as between retries."""
    if len(waits) < 3:
        return False
    half = len(waits) // 2
    kept = sum(b > 0.8 * a for a, b in pairwise(waits))
    early, late = fmean(waits[:half]), fmean(waits[-half:])
    return late >= max(_GROWTH * early, 0.2) and 4 * kept >= 3 * (len(waits) - 1)
