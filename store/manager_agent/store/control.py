"""The control store: the rule engine's memory, its alerts, and the outbox of messages to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, Self

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.memory import Memory
from manager_agent.rules.step import Step
from manager_agent.store.control_file import ControlStoreError, connect, query, transaction
from manager_agent.store.control_rows import (
    alert_of,
    alert_row,
    message_row,
    micros,
    moment,
)

__all__ = ["ControlStore", "ControlStoreError", "GivenUp"]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message that will not be tried again: why, after how many attempts, since when (UTC)."""

    key: str
    error: str
    attempts: int
    at: datetime


class ControlStore:
    """A SQLite file; what a method did is on the disk when it returns.

    Methods may be called from any thread. They raise `sqlite3.Error` where the disk fails; then
    nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, made if missing. Raises `ControlStoreError` where it cannot be used."""
        self._path = path
        self._con = connect(path)
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards. Safe to repeat."""
        with self._lock:
            self._con.close()

    def memory(self) -> Memory:
        """Return what was committed last; an empty memory at first.

        Raises `ControlStoreError` where it cannot be read.
        """
        rows = self._read("memory", "memory")
        try:
            return Memory.from_json(rows[0][0]) if rows else Memory()
        except (ValueError, TypeError) as error:
            raise ControlStoreError(f"{self._path}: the rules' memory: {error}") from error

    def commit(self, step: Step) -> None:
        """Keep a step whole, in one transaction: memory, messages for the outbox, alerts.

        A message whose key is known already is left out. Nothing new writes nothing.
        """
        document = step.memory.to_json()
        with self._lock:
            if not (step.messages or step.alerts) and self._saved() == document:
                return
            with transaction(self._con):
                self._con.execute(query("memory", "save_memory"), {"document": document})
                self._con.executemany(query("outbox", "queue"), map(message_row, step.messages))
                self._con.executemany(query("alerts", "record"), map(alert_row, step.alerts))

    def alerts(self, open_only: bool = False) -> list[AlertRow]:
        """Return each alert that fired as it is now, the last first, or those that fire still."""
        return [alert_of(row) for row in self._read("alerts", "latest", open_only=open_only)]

    def alert_changes_since(self, revision: int) -> list[AlertRow]:
        """Return the changes of alerts after `revision` (0 for all), in order of revision."""
        return [alert_of(row) for row in self._read("alerts", "changes_since", revision=revision)]

    def revive(self, now: datetime) -> int:
        """Make the messages that were given up due at `now`; return how many.

        For when the cause may be gone, such as after a change of settings.
        """
        with self._lock, transaction(self._con):
            self._con.execute(query("deliveries", "revive"))
            return self._con.execute(query("outbox", "revive"), {"now_us": micros(now)}).rowcount

    def given_up(self) -> list[GivenUp]:
        """Return the messages that were given up, in the order they were queued."""
        rows = self._read("outbox", "given_up")
        return [GivenUp(key, error, tries, moment(at)) for key, error, tries, at in rows]

    def outbox_counts(self) -> dict[str, int]:
        """Return the number of messages by state: `pending`, `sent`, `given_up`."""
        return {"pending": 0, "sent": 0, "given_up": 0} | dict(self._read("outbox", "counts"))

    def prune(self, before: datetime) -> int:
        """Delete messages sent, alerts and silences over before `before`; return how many rows."""
        values = {"before_us": micros(before)}
        files = ("outbox", "alerts", "silences", "slack_posts")
        return self.keep(*((file, "prune", values) for file in files))

    def keep(self, *statements: tuple[str, str, Mapping[str, object]]) -> int:
        """Run queries, each named by file and name, in one transaction; return the rows changed."""
        with self._lock, transaction(self._con):
            return sum(
                self._con.execute(query(file, name), values).rowcount
                for file, name, values in statements
            )

    def rows(self, file: str, name: str, **values: object) -> list[Any]:
        """Return what the query `name` of `control_sql/<file>.sql` finds."""
        return self._read(file, name, **values)

    def _saved(self) -> str | None:
        rows = self._read("memory", "memory")
        return rows[0][0] if rows else None

    def _read(self, file: str, name: str, **values: object) -> list[Any]:
        with self._lock:
            return self._con.execute(query(file, name), values).fetchall()
