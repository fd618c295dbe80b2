"""What the sender of a request is told."""

from dataclasses import dataclass

RETRY_SECONDS = 1.0
"""When a sender that was turned away should try again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is durable. `rejected` spans of it were refused; `message` says why."""

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was not taken. `retryable`: it may be sent again, unchanged, later."""

    message: str
    retryable: bool


Answer = Accepted | Refused
