"""Ids of calls: UUIDs of version 7, made without asking the system for each one."""

import os
from itertools import count

_STEP = 0x9E3779B97F4A7C15
"""Odd, and near the golden ratio of 2**64: the numbers of one process never meet and lie far
apart, as samplers want that go by the last bytes of an id."""
_BITS = 2**62 - 1
_VARIANT = 2**63


class _Numbers:
    """A random start, then one step after another; a child of a fork gets a start of its own."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        start = int.from_bytes(os.urandom(8))
        self.head = f"7{os.urandom(2).hex()[1:]}"
        self.next = count(start, _STEP).__next__


_numbers = _Numbers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_numbers.renew)


def new_call_id(now_ns: int) -> str:
    """Return 32 hex digits: milliseconds, and what no other call has; safe in any thread."""
    tail = _numbers.next() & _BITS | _VARIANT
    return f"{now_ns // 1_000_000:012x}{_numbers.head}{tail:x}"
