"""Traces that were forgotten early, because the window was crowded, while they may go on."""

from collections.abc import Iterator

SKEW_NS = 60 * 10**9
"""Senders' clocks may be off by a minute before a relative of a late span is missed."""

_BYTES = 1 << 24
_MASK = 8 * _BYTES - 1
_BITS_A_NAME = 4


class Forgotten:
    """Names of traces, each kept for `window_ns` and a minute at least, in 32 MiB at most.

    Two Bloom filters that take turns. A name may seem to be here that is not (one in 100,000 with
    two million names in a filter), which only costs a look into the store.
    """

    def __init__(self, window_ns: int) -> None:
        self._keep_ns = window_ns + SKEW_NS
        self._new = self._old = bytearray()
        self._since_ns = 0

    def __contains__(self, trace_id: str) -> bool:
        return any(
            bits and all(bits[at >> 3] >> (at & 7) & 1 for at in _places(trace_id))
            for bits in (self._new, self._old)
        )

    def add(self, trace_id: str, now_ns: int) -> None:
        """Note a trace."""
        if not self._new or abs(now_ns - self._since_ns) > self._keep_ns:
            self._old, self._new = self._new, bytearray(_BYTES)
            self._since_ns = now_ns
        for at in _places(trace_id):
            self._new[at >> 3] |= 1 << (at & 7)


def _places(trace_id: str) -> Iterator[int]:
    mixed = hash(trace_id)
    low, high = mixed & 0xFFFFFFFF, mixed >> 32 | 1
    return ((low + turn * high) & _MASK for turn in range(_BITS_A_NAME))
