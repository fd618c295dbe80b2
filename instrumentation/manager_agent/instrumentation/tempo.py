"""What is slow: three times as long as nearly all calls of that kind took before."""

_FIRST = 20
"""Calls before anything is judged: until then the longest of them stands for nearly all."""
_UP, _DOWN = 1.019, 0.999
"""Steps of an estimate that rests where one in twenty is above it. Should a model be slower for
good, some sixty calls are slow before it is the new measure."""
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

    def slow(self, took_ns: int) -> bool:
        """Say whether a call that took so long is slow beside those before; learn from it."""
        if self._seen < _FIRST:
            self._seen += 1
            self._nearly_all_ns = max(1.0, self._nearly_all_ns, took_ns)
            return False
        measure_ns = self._nearly_all_ns
        if took_ns > measure_ns:
            self._nearly_all_ns = measure_ns * _UP
            return took_ns > _LEAST_NS and took_ns > _TIMES * measure_ns
        lower_ns = measure_ns * _DOWN
        self._nearly_all_ns = lower_ns if lower_ns > 1.0 else 1.0
        return False
