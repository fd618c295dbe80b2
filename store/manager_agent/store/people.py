"""What people decide beside budgets: circuit breakers and approvals, in the control database."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.control.approval_rows import Approval
from manager_agent.control.breaker_rows import BreakerRow
from manager_agent.control.rows import Event
from manager_agent.rules.breaker import Breaker, Held
from manager_agent.store.approval_card import card
from manager_agent.store.control_file import connect, query, transaction
from manager_agent.store.control_rows import message_row
from manager_agent.store.ledger import stored
from manager_agent.store.ledger_rows import query_of, values


class PeopleStore:
    """Keeps breakers and approvals, and their events where SQL users see them; for one thread."""

    def __init__(self, path: Path) -> None:
        """Open the control database. Raises `ControlStoreError` where it cannot be used."""
        self._con = connect(path)
        self.breakers = BreakerStore(self._con)
        self.approvals = ApprovalStore(self._con)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to repeat."""
        self._con.close()


class BreakerStore:
    """A `BreakerKeeper` on SQLite; what `keep` stored is on the disk when it returns."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self._con = con

    def load(self) -> Iterable[BreakerRow]:
        """Return every breaker that is kept. Raises `KeeperError`."""
        with stored():
            rows = self._con.execute(query("breakers", "breakers")).fetchall()
        return [_breaker(row) for row in rows]

    def keep(self, rows: Sequence[BreakerRow | Event]) -> None:
        """Store rows together. Raises `KeeperError`; then nothing was stored."""
        with stored(), transaction(self._con):
            for row in rows:
                if isinstance(row, Event):
                    _record(self._con, row)
                    continue
                one = row.breaker
                kept = one.phase != "closed" or one.held is not None
                name = "keep_breaker" if kept else "forget_breaker"
                self._con.execute(query("breakers", name), _values(row))


class ApprovalStore:
    """An `ApprovalKeeper` on SQLite; what `keep` stored is on the disk when it returns."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self._con = con

    def load(self, since_us: int) -> Iterable[Approval]:
        """Return those that matter, the oldest first. Raises `KeeperError`."""
        with stored():
            rows = self._con.execute(query("approvals", "approvals"), {"since_us": since_us})
            return [_approval(row) for row in rows.fetchall()]

    def keep(self, rows: Sequence[Approval | Event]) -> None:
        """Store rows together, and what people are told of them. Raises `KeeperError`.

        Nothing was stored then. A message that was queued before is not queued again.
        """
        with stored(), transaction(self._con):
            for row in rows:
                if isinstance(row, Event):
                    _record(self._con, row)
                    continue
                self._con.execute(query("approvals", "keep_approval"), asdict(row))
                if row.shown:
                    self._con.execute(query("outbox", "queue"), message_row(card(row)))


def _record(con: sqlite3.Connection, event: Event) -> None:
    """Add a line to the audit that `control_events` shows."""
    con.execute(query("ledger", query_of(event)), values(event))


def _values(row: BreakerRow) -> dict[str, Any]:
    one, held = row.breaker, row.breaker.held
    return {
        **row.key._asdict(),
        "phase": one.phase,
        "reason": one.reason,
        "since_us": one.since_us,
        "until_us": one.until_us,
        "openings": one.openings,
        "good": one.good,
        "held": held.to if held else None,
        "held_until_us": held.until_us if held else None,
        "held_by": held.by if held else None,
        "held_why": held.why if held else None,
    }


def _breaker(row: Sequence[Any]) -> BreakerRow:
    held = Held(row[9], row[10], row[11], row[12]) if row[9] else None
    phase, reason, since_us, until_us, openings, good = row[3:9]
    one = Breaker(phase, reason, since_us, until_us, openings, good, None, held)
    return BreakerRow(BreakerKey(*row[:3]), one)


def _approval(row: Sequence[Any]) -> Approval:
    return Approval(*(*row[:-1], bool(row[-1])))
