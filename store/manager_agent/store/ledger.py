"""The budget ledger's rows in the control database."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from manager_agent.control.book import KEPT_US
from manager_agent.control.rows import Charged, Event, Holder, LimitSet, Paused, Row
from manager_agent.store.control_file import connect, query, transaction
from manager_agent.store.ledger_rows import QUERIES, account, lease, values


class LedgerStore:
    """A `Keeper` on SQLite, for one thread; what `keep` stored is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Open the control database. Raises `ControlStoreError` where it cannot be used."""
        self._con = connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to repeat."""
        self._con.close()

    def load(self, now_us: int) -> Iterable[Row]:
        """Return every row that may still change. Raises `sqlite3.Error`."""
        since_us = now_us - KEPT_US
        yield from map(account, self._rows("accounts", since_us=since_us))
        yield from (Holder(*row) for row in self._rows("holders", since_us=since_us))
        yield from map(lease, self._rows("leases", since_us=since_us))
        yield from (Charged(*row) for row in self._rows("charged", since_us=since_us))
        yield from (LimitSet(*row) for row in self._rows("limits"))
        yield from (Paused(*row) for row in self._rows("paused"))

    def keep(self, rows: Sequence[Row]) -> None:
        """Store new states of rows together. Raises `sqlite3.Error`; then nothing was stored."""
        with transaction(self._con):
            for row in rows:
                self._con.execute(query("ledger", QUERIES[type(row)]), values(row))

    def events(self) -> list[Event]:
        """Return what people may ask about, in order."""
        return [Event(*row) for row in self._rows("events")]

    def _rows(self, name: str, **values: object) -> list[Any]:
        return self._con.execute(query("ledger", name), values).fetchall()
