"""The clock of leases, and names that are never used twice."""

import os
import time
from functools import partial

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)

now_ns = partial(time.clock_gettime_ns, _BOOTTIME) if _BOOTTIME is not None else time.monotonic_ns
"""Nanoseconds that also pass while the host sleeps, where there is such a clock: whoever wakes up
must not believe a lease of yesterday."""


def uuid7() -> str:
    """Return a UUID 7: milliseconds since 1970, then randomness that a fork does not repeat."""
    random = int.from_bytes(os.urandom(10))
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
