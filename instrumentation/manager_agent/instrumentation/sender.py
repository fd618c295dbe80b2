"""What the outbox needs of whoever sends, and how sending fails."""

from collections.abc import Sequence
from typing import Any, Protocol


class UnreachableError(Exception):
    """Nobody takes spans at present; the message says who was asked and what to do."""


class GaveUpError(Exception):
    """These spans will never be taken; the message says why and what to do."""


class Sender(Protocol):
    """Prepares and sends; called by one thread alone."""

    def learn(self, items: Sequence[Any]) -> None:
        """Find out what preparing these items needs, all at once."""

    def prepare(self, item: Any) -> Any:
        """Return what is sent for an item, holding on to nothing else of it."""

    def send(self, batch: Sequence[Any]) -> None:
        """Send what was prepared. Raises `UnreachableError` or `GaveUpError`."""

    def close(self) -> None:
        """Let go of connections."""
