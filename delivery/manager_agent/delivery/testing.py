"""An outbox in memory, a clock and a notifier that do as told, for tests of what delivers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from manager_agent.delivery.notifier import Outcome, Sent
from manager_agent.rules.message import Message, Outgoing


@dataclass(slots=True)
class _Row:
    message: Message
    queued: datetime
    due: datetime
    attempts: int = 0
    state: str = "pending"
    error: str | None = None


class MemoryOutbox:
    """The outbox without a disk: same promises, gone with the process."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def put(self, message: Message, now: datetime) -> None:
        """Queue `message`; a key that is already there is left as it is."""
        self._rows.setdefault(message.key, _Row(message, queued=now, due=now))

    def claim(self, now: datetime, limit: int) -> list[Outgoing]:
        """Return at most `limit` due messages, those queued first first."""
        due = [row for row in self._rows.values() if row.state == "pending" and row.due <= now]
        due.sort(key=lambda row: row.queued)
        return [Outgoing(row.message, row.attempts, row.queued) for row in due[:limit]]

    def sent(self, key: str, now: datetime) -> None:
        """Mark as delivered."""
        self._rows[key].state = "sent"

    def retry(self, key: str, at: datetime, error: str) -> None:
        """Make due again at `at`."""
        row = self._rows[key]
        row.due, row.error, row.attempts = at, error, row.attempts + 1

    def give_up(self, key: str, now: datetime, error: str) -> None:
        """Keep, with the reason."""
        row = self._rows[key]
        row.state, row.error = "given_up", error

    def outbox_counts(self) -> Mapping[str, int]:
        """Return the number of messages by state."""
        states = [row.state for row in self._rows.values()]
        return {state: states.count(state) for state in ("pending", "sent", "given_up")}

    def error(self, key: str) -> str | None:
        """Return why the message was put off or given up."""
        return self._rows[key].error

    def state(self, key: str) -> str:
        """Return `pending`, `sent` or `given_up`."""
        return self._rows[key].state


@dataclass(slots=True)
class ScriptedClock:
    """Time (UTC) that passes only when told."""

    now: datetime

    def __call__(self) -> datetime:
        """Return now."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class ScriptedNotifier:
    """Answers with the next of `answers` (raising it where it is an exception), then with Sent.

    `tried`: the keys it was given, in order; `received`: those it took.
    """

    name: str
    answers: Iterable[Outcome | Exception] = ()
    tried: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = iter(self.answers)

    async def send(self, message: Message) -> Outcome:
        """Answer as told."""
        self.tried.append(message.key)
        answer = next(iter(self.answers), Sent())
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.received.append(message.key)
        return answer
