"""What delivery needs of the world: somewhere to take messages from, someone to give them to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from manager_agent.rules.message import Message, Outgoing


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has it. True in a condition."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The other side does not have it, as far as we know. False in a condition.

    `reason`: one sentence for people, free of secrets. `permanent`: trying the same again cannot
    help, somebody must change something first. `retry_after_seconds`: how long the other side
    asked to be left alone, where it did.
    """

    reason: str
    permanent: bool
    retry_after_seconds: float | None = None

    def __bool__(self) -> Literal[False]:
        """Be false, so that `if await slack.test_connection()` reads as it should."""
        return False


Outcome = Sent | Failed


class Notifier(Protocol):
    """A way to reach people: one file with a class of this shape."""

    @property
    def name(self) -> str:
        """Word for logs, metrics and the status page, e.g. `slack`."""
        ...

    async def send(self, message: Message) -> Outcome:
        """Deliver `message` once, without retrying, and say how it went."""
        ...


class Outbox(Protocol):
    """The durable queue of messages, one row a key. Its methods are called from several threads.

    A message that was claimed and neither sent, put off nor given up (a crash) is due again.
    """

    def claim(self, now: datetime, limit: int) -> Sequence[Outgoing]:
        """Return at most `limit` messages that are due at `now`, those queued first first."""
        ...

    def sent(self, key: str, now: datetime) -> None:
        """Record that every notifier has the message."""
        ...

    def retry(self, key: str, at: datetime, error: str) -> None:
        """Make the message due again at `at` (UTC); `error` says what held it up."""
        ...

    def give_up(self, key: str, now: datetime, error: str) -> None:
        """Keep the message, due no more, with the reason."""
        ...

    def outbox_counts(self) -> Mapping[str, int]:
        """Return the number of messages by state; `pending` are those still to be delivered."""
        ...
