"""What calls of one kind mostly use, for limits that may be missed by a little (`firm`).

Sizes are counted in buckets an eighth of a doubling wide, so that one kind takes a fixed small
space; old calls fade, for when there are too many, all counts are halved. Nothing is promised
before there were enough calls, nor after a call of a size that was never seen.
"""

ENOUGH = 200
"""Calls of a kind before anything is promised of it."""
_MOST = 4000
_PER_DOUBLING = 8
_BUCKETS = 40 * _PER_DOUBLING
_FAR = 3


class Learned:
    """How large calls of one agent, model and place in its code were; for one thread at a time."""

    __slots__ = ("_counts", "_largest", "_total")

    def __init__(self) -> None:
        """Begin without a call."""
        self._counts = [0] * _BUCKETS
        self._total = 0
        self._largest = 0

    def add(self, size: int) -> None:
        """Take a call into account. One far larger than any before makes it learn anew."""
        if self._total >= ENOUGH and size > _FAR * self._largest:
            self._counts = [0] * _BUCKETS
            self._total = 0
        self._largest = max(self._largest, size)
        self._counts[_bucket(size)] += 1
        self._total += 1
        if self._total > _MOST:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    def at_most(self, worst: int, percent: int = 99) -> int:
        """Return what `percent` of the calls stay below; `worst` until that is known."""
        if self._total < ENOUGH or self._counts[-1]:
            return worst
        above = self._total * (100 - percent) // 100
        for place in range(_BUCKETS - 1, -1, -1):
            above -= self._counts[place]
            if above < 0:
                return min(worst, _edge(place + 1))
        return worst


def _bucket(size: int) -> int:
    """Return the place of the largest edge that is no larger than `size`."""
    if size < _PER_DOUBLING:
        return max(0, size)
    doublings = size.bit_length() - _PER_DOUBLING.bit_length()
    place = (doublings + 1) * _PER_DOUBLING + (size >> doublings) - _PER_DOUBLING
    return min(place, _BUCKETS - 1)


def _edge(place: int) -> int:
    """Return the smallest size in the bucket at `place`."""
    if place < _PER_DOUBLING:
        return place
    doublings, part = divmod(place, _PER_DOUBLING)
    return (_PER_DOUBLING + part) << (doublings - 1)
