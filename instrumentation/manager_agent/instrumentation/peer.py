"""What the speaker needs of a connection to the manager: `channel.py` is it."""

from collections.abc import Sequence
from typing import Protocol


class Stream(Protocol):
    """Messages both ways."""

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages. Raises `UnreachableError` where it has ended."""

    def receive(self, seconds: float) -> list[bytes]:
        """Return what came, at the latest after so many seconds or a wake.

        Raises `UnreachableError` when it has ended.
        """

    def close(self) -> None:
        """End it; what was sent goes."""


class Channel(Protocol):
    """Calls and streams to one manager; belongs to one thread, but for `wake`."""

    def call(self, method: str, payload: bytes, seconds: float) -> bytes:
        """Return what a method answers. Raises `UnreachableError` or `GaveUpError`."""

    def open(self, method: str) -> Stream:
        """Return a new stream. Raises `UnreachableError`."""

    def wake(self) -> None:
        """Make the present or next `receive` return; from any thread, at any time."""

    def close(self) -> None:
        """Take leave."""

    def abandon(self) -> None:
        """Let go of what a fork inherited."""
