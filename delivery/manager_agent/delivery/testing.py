"""An outbox in memory, a clock and a notifier that do as told, for tests of what delivers."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from manager_agent.delivery.notifier import Outcome, Sent
from manager_agent.rules.message import Message, Outgoing


@dataclass(slots=True)
class _Mark:
    state: str = "pending"
    attempts: int = 0
    due: datetime | None = None
    held: bool = False
    error: str | None = None


@dataclass(slots=True)
class _Row:
    message: Message
    queued: datetime
    state: str = "pending"
    marks: dict[str, _Mark] = field(default_factory=dict)


class MemoryOutbox:
    """The outbox without a disk: same promises, gone with the process."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._lock = threading.RLock()

    def put(self, message: Message, now: datetime) -> None:
        """Queue `message`; a key that is already there is left as it is."""
        self._rows.setdefault(message.key, _Row(message, queued=now))

    def due(self, notifier: str, now: datetime, limit: int) -> list[Outgoing]:
        """Return at most `limit` messages that `notifier` is to have, those queued first first."""
        with self._lock:
            found: list[Outgoing] = []
            blocked: set[str] = set()
            for row in self._rows.values():
                mark = row.marks.get(notifier, _Mark())
                if row.state != "pending" or mark.state != "pending":
                    continue
                alert = row.message.alert_id
                if mark.due is not None and mark.due > now:
                    blocked |= {alert} if alert and not mark.held else set()
                elif alert not in blocked:
                    found.append(Outgoing(row.message, mark.attempts, row.queued))
            return found[:limit]

    def done(
        self,
        keys: Sequence[str],
        notifier: str,
        state: Literal["sent", "refused", "skipped"],
        now: datetime,
        error: str | None,
        everyone: Sequence[str],
    ) -> None:
        """Mark as needing no further try."""
        with self._lock:
            for key in keys:
                mark = self._mark(key, notifier)
                mark.state, mark.error, mark.held = state, error, False
                if state == "sent":
                    self._supersede(key, notifier)
            self.settle(now, everyone)

    def put_off(self, key: str, notifier: str, at: datetime, error: str) -> None:
        """Make due again at `at`."""
        with self._lock:
            mark = self._mark(key, notifier)
            mark.due, mark.error, mark.held = at, error, False
            mark.attempts += 1

    def hold(self, key: str, notifier: str, until: datetime, why: str) -> None:
        """Make due at `until`, untried."""
        with self._lock:
            mark = self._mark(key, notifier)
            mark.due, mark.error, mark.held = until, why, True

    def settle(self, now: datetime, everyone: Sequence[str]) -> None:
        """Close what everyone is done with."""
        with self._lock:
            for row in self._rows.values():
                states = [row.marks.get(name, _Mark()).state for name in everyone]
                if row.state == "pending" and "pending" not in states:
                    row.state = "given_up" if "refused" in states else "sent"

    def outbox_counts(self) -> Mapping[str, int]:
        """Return the number of messages by state."""
        states = [row.state for row in self._rows.values()]
        return {state: states.count(state) for state in ("pending", "sent", "given_up")}

    def error(self, key: str) -> str | None:
        """Return why the message was put off or given up."""
        marks = self._rows[key].marks.items()
        said = [f"{name}: {mark.error}" for name, mark in marks if mark.error]
        return "; ".join(said) or None

    def state(self, key: str, notifier: str | None = None) -> str:
        """Return `pending`, `sent` or `given_up`, or how it stands at one notifier."""
        row = self._rows[key]
        return row.state if notifier is None else row.marks.get(notifier, _Mark()).state

    def _mark(self, key: str, notifier: str) -> _Mark:
        return self._rows[key].marks.setdefault(notifier, _Mark())

    def _supersede(self, key: str, notifier: str) -> None:
        alert = self._rows[key].message.alert_id
        for other, row in self._rows.items():
            if other == key:
                return
            mark = row.marks.get(notifier)
            if mark and mark.held and mark.state == "pending" and row.message.alert_id == alert:
                mark.state = "skipped" if alert else mark.state


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
