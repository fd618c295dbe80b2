"""What the outbox needs of whoever sends, and how sending fails."""

from collections.abc import Sequence
from typing import Any, Protocol


class NotTakenError(Exception):
    """What was sent was not taken; the message says who was asked, why not, and what to do.

    `code`: gRPC's, or such as `HTTP 404`; "" where nothing was answered at all.
    """

    def __init__(self, message: str, *, code: str = "", why: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.why = why
        self.remedy = remedy


class UnreachableError(NotTakenError):
    """Nobody takes it at present; somebody may later."""


class GaveUpError(NotTakenError):
    """It will never be taken."""


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

    def abandon(self) -> None:
        """Let go of connections that a fork inherited, and that are the parent's."""
