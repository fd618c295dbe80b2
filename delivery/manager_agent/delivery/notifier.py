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
    asked to be left alone, where it did. `stops`: every other message would fare the same (a
    revoked token, an archived channel), so all wait, undelivered, until somebody changed something.
    """

    reason: str
    permanent: bool
    retry_after_seconds: float | None = None
    stops: bool = False

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
    """The durable queue of messages, with how far each notifier is. Called from several threads.

    A message that was taken and neither done, put off nor held (a crash) is due again.
    """

    def due(self, notifier: str, now: datetime, limit: int) -> Sequence[Outgoing]:
        """Return at most `limit` messages that `notifier` is to have, those queued first first."""
        ...

    def done(
        self,
        keys: Sequence[str],
        notifier: str,
        state: Literal["sent", "refused", "skipped"],
        now: datetime,
        error: str | None,
        everyone: Sequence[str],
    ) -> None:
        """Record that `notifier` needs no further try of these; `everyone`: all notifiers."""
        ...

    def put_off(self, key: str, notifier: str, at: datetime, error: str) -> None:
        """Make the message due again at `at` (UTC) after a try; `error` says what went wrong."""
        ...

    def hold(self, key: str, notifier: str, until: datetime, why: str) -> None:
        """Make the message due at `until` (UTC); it was not tried."""
        ...

    def settle(self, now: datetime, everyone: Sequence[str]) -> None:
        """Close what every notifier that is left has: another may have been taken away."""
        ...

    def outbox_counts(self) -> Mapping[str, int]:
        """Return the number of messages by state; `pending` are those still to be delivered."""
        ...
