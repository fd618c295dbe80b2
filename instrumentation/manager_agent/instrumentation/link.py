"""Whether the manager is there, as callers need to know it, and those who wait for its word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

FIRST_WORD_NS = 2_000_000_000
"""How long a process waits for the manager's first word, once, while the connection is made."""


class Rung(Protocol):
    """What is rung at news."""

    def ring(self) -> None:
        """End a wait; from any thread, without blocking."""


class Link:
    """`up`: the manager has answered and is not silent. `why`: what keeps it away, for people."""

    def __init__(self) -> None:
        """Begin without a connection, nobody having tried."""
        self.up = False
        self.why = ""
        self._first_until_ns: int | None = None
        self._bells: dict[int, Rung] = {}

    def begin(self, now_ns: int) -> None:
        """Say that the first connection of this process is being made."""
        if self._first_until_ns is None:
            self._first_until_ns = now_ns + FIRST_WORD_NS

    def first_word_in(self, now_ns: int) -> int:
        """Return for how many nanoseconds the first word may still be waited for."""
        return max(0, (self._first_until_ns or 0) - now_ns)

    def heard(self) -> None:
        """Say that the manager spoke: whoever waits for its word shall look."""
        self.up = True
        self.why = ""
        self._first_until_ns = 0
        self.ring()

    def lost(self, why: str) -> None:
        """Say that it cannot be reached."""
        self.up = False
        self.why = why
        self._first_until_ns = 0
        self.ring()

    @contextmanager
    def listening(self, bell: Rung) -> Iterator[None]:
        """Ring `bell` at news, in the block."""
        self._bells[id(bell)] = bell
        try:
            yield
        finally:
            self._bells.pop(id(bell), None)

    def ring(self) -> None:
        """Ring all bells."""
        for key in list(self._bells):
            bell = self._bells.get(key)
            if bell is not None:
                bell.ring()
