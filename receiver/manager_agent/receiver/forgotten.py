"""What the merge window no longer remembers: where relatives of a new span may be missing."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from manager_agent.receiver.claim import NEAR_NS

SKEW_NS = 60 * 10**9
"""Senders' clocks may be off by a minute before a relative of a late span is missed."""

_BYTES = 1 << 24
_BLOCK_BITS = 512
_BLOCKS = 8 * _BYTES // _BLOCK_BITS


class Forgotten:
    """Since when all is here, by process, and which traces were cut off in the middle.

    `window_ns`: how long the window remembers what it has room for.
    """

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._cut_off = _Names(window_ns + SKEW_NS)
        self._latest_ns: dict[str, int] = {}
        self._all_until_ns = 0
        self._unsure_until_ns = 0

    def known_from(self, now_ns: int) -> Callable[[str], int]:
        """Return a function: since when every span of a process that arrived is still here.

        By the process's own clock: that may be hours ahead, so that what was forgotten of it says
        more than the time does. A claim of one call may begin a little after the other has ended.
        """
        always = max(now_ns - self._window_ns + SKEW_NS, self._all_until_ns)
        latest = self._latest_ns
        # Kept by process while one group of spans is worked on: it is asked for each of them.
        return cache(lambda process: max(always, latest.get(process, 0) + NEAR_NS + 1))

    def unsure(self, now_ns: int) -> bool:
        """Tell whether any trace may have been cut off, so that a child may miss its parent."""
        return now_ns < self._unsure_until_ns

    def was_cut_off(self, trace_id: str) -> bool:
        """Tell whether a trace may have been cut off, so that a span of it misses its relatives.

        Times prove nothing then: a child may start long after its parent has ended.
        """
        return self._cut_off.any and trace_id in self._cut_off

    def left_behind(self, now_ns: int) -> None:
        """Note that a part of what belongs into the window was never read from the store."""
        self._all_until_ns = now_ns + SKEW_NS
        self._unsure_until_ns = now_ns + self._window_ns + SKEW_NS

    def add(self, latest_ns: Mapping[str, int]) -> None:
        """Note a trace that is forgotten; `latest_ns`: the latest end of its spans by process."""
        for process, at_ns in latest_ns.items():
            self._latest_ns[process] = max(at_ns, self._latest_ns.get(process, 0))

    def cut_off(self, traces: Iterable[str], latest_ns: Mapping[str, int], now_ns: int) -> None:
        """Note traces that are forgotten though they may go on; `latest_ns` as for `add`."""
        latest = max(latest_ns.values(), default=0)
        self._all_until_ns = max(self._all_until_ns, min(latest, now_ns))
        for trace_id in traces:
            self._cut_off.add(trace_id, now_ns)

    def prune(self, now_ns: int) -> None:
        """Drop what the time alone tells by now."""
        horizon = now_ns - self._window_ns + SKEW_NS
        self._latest_ns = {p: at for p, at in self._latest_ns.items() if at > horizon}


class _Names:
    """Names, each kept for `keep_ns` at least, in 32 MiB at most.

    Two Bloom filters that take turns, a name's bits all in one stretch of 64 bytes, for it is the
    way to the memory that costs. A name may seem to be here that is not (one in 50,000 with two
    million names in a filter), which only costs a look into the store.
    """

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._new = self._old = bytearray()
        self._since_ns = 0

    @property
    def any(self) -> bool:
        """Whether there may be a name."""
        return bool(self._new)

    def __contains__(self, name: str) -> bool:
        for bits in (self._new, self._old):  # every span asks: no generator in a generator
            if not bits:
                continue
            for at in _places(name):
                if not bits[at >> 3] >> (at & 7) & 1:
                    break
            else:
                return True
        return False

    def add(self, name: str, now_ns: int) -> None:
        if not self._new or abs(now_ns - self._since_ns) > self._keep_ns:
            self._old, self._new = self._new, bytearray(_BYTES)
            self._since_ns = now_ns
        for at in _places(name):
            self._new[at >> 3] |= 1 << (at & 7)


def _places(name: str) -> tuple[int, int, int, int]:
    mixed = hash(name)
    block = (mixed >> 36) % _BLOCKS * _BLOCK_BITS
    return (
        block + (mixed & 511),
        block + (mixed >> 9 & 511),
        block + (mixed >> 18 & 511),
        block + (mixed >> 27 & 511),
    )
