"""What is slow: three times as long as nearly all calls of that kind took before."""

from collections.abc import Sequence

_FIRST = 20
"""Calls before anything is judged: until then the longest of them stands for nearly all."""
_UP, _DOWN = 1.019, 0.999
"""Steps of an estimate that rests where one in twenty is above it. Should a model be slower for
good, some sixty calls are slow before it is the new measure."""
_LEAST_MEASURE_NS = 1.0 / _DOWN
_TIMES = 3
_LEAST_NS = 1_000_000_000
"""A shorter call is never slow, however short others are."""


class Tempo:
    """The 95th percentile of durations of one kind of call, in constant space. No lock."""

    __slots__ = ("_nearly_all_ns", "_seen")

    def __init__(self) -> None:
        """Begin without a measure."""
        self._seen = 0
        self._nearly_all_ns = 0.0

    def slow(self, took_ns: Sequence[int]) -> int:
        """Return how many of such calls are slow beside those before; learn from each."""
        measure_ns, slow = self._nearly_all_ns, 0
        for each_ns in took_ns:
            if self._seen < _FIRST:
                self._seen += 1
                measure_ns = max(1.0, measure_ns, each_ns)
            elif each_ns > measure_ns:
                slow += each_ns > _LEAST_NS and each_ns > _TIMES * measure_ns
                measure_ns *= _UP
            elif measure_ns > _LEAST_MEASURE_NS:
                measure_ns *= _DOWN
        self._nearly_all_ns = measure_ns
        return slow
