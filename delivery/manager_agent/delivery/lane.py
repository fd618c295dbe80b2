"""A notifier with what is meant for it: which messages, when, how fast, and when in sum."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from manager_agent.delivery.notifier import Notifier
from manager_agent.rules.message import Message

DIGEST_AFTER_SECONDS = 900.0
"""Age of the oldest waiting message from which the backlog is told in one."""


def everything(message: Message) -> bool:
    """Want any message."""
    return True


def never_quiet(message: Message, now: datetime) -> datetime | None:
    """Hold nothing back."""
    return None


def no_card(alert_id: str) -> bool:
    """Know of no card of any alert."""
    return False


@dataclass(frozen=True, slots=True)
class Lane:
    """One notifier and its plan.

    `wants`: whether a message is for it at all. `quiet`: until when (UTC) a message is held back,
    None where it may go. `pace_seconds`: shortest time between two messages. `digest_after`:
    seconds that the oldest waiting message must be old for the backlog to be told as one; None:
    each is always told by itself. `has_card`: whether people see an alert's card there, which is
    then brought up to date instead of being counted.
    """

    notifier: Notifier
    wants: Callable[[Message], bool] = everything
    quiet: Callable[[Message, datetime], datetime | None] = never_quiet
    pace_seconds: float = 0.0
    digest_after: float | None = None
    has_card: Callable[[str], bool] = no_card

    @property
    def name(self) -> str:
        """The notifier's."""
        return self.notifier.name
