"""Whether the manager is there, as callers need to know it, and those who wait for its word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


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
        self._trying_since_ns: int | None = None
        self._tried = False
        self._bells: dict[int, Rung] = {}

    def begin(self, now_ns: int) -> None:
        """Say that the first connection of this process is being made."""
        if self._trying_since_ns is None:
            self._trying_since_ns = now_ns

    def first_word_in(self, patience_ns: int, now_ns: int) -> int:
        """Return for how many nanoseconds the first word may still be waited for.

        `patience_ns`: in all, once in a process; 0 as soon as the first attempt has failed.
        """
        if self._tried or self._trying_since_ns is None:
            return 0
        return max(0, self._trying_since_ns + patience_ns - now_ns)

    def heard(self) -> None:
        """Say that the manager spoke: whoever waits for its word shall look."""
        self.up = True
        self.why = ""
        self._tried = True
        self.ring()

    def lost(self, why: str) -> None:
        """Say that it cannot be reached."""
        self.up = False
        self.why = why
        self._tried = True
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
