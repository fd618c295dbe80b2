"""The budget ledger's rows in the control database."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from manager_agent.control.book import DOUBT_KEPT_US, KEPT_US
from manager_agent.control.keeper import KeeperError
from manager_agent.control.rows import Charged, Holder, LimitSet, Paused, Row
from manager_agent.store.control_file import connect, query, transaction
from manager_agent.store.ledger_rows import (
    TOGETHER,
    account,
    addition,
    budget,
    lease,
    query_of,
    values,
)

PRUNES = (
    "prune_additions",
    "prune_leases",
    "prune_accounts",
    "prune_holders",
    "prune_charged",
    "prune_paused",
)
"""In this order: what still needs a row is asked of what is left."""


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
        """Return every row that may still change. Raises `KeeperError`."""
        since_us = now_us - KEPT_US
        with stored():
            return [
                *map(account, self._rows("accounts", since_us=since_us)),
                *(Holder(*row) for row in self._rows("holders", since_us=since_us)),
                *map(lease, self._rows("leases", since_us=since_us)),
                *(Charged(*row) for row in self._rows("charged", since_us=since_us)),
                *(LimitSet(*row) for row in self._rows("limits")),
                *map(addition, self._rows("additions", since_us=since_us)),
                *map(budget, self._rows("budgets")),
                *(Paused(*row) for row in self._rows("paused")),
            ]

    def keep(self, rows: Sequence[Row]) -> None:
        """Store new states of rows together. Raises; then nothing was stored.

        `KeeperError` where nothing can be, `sqlite3.IntegrityError` where these rows cannot.
        """
        by_query: dict[str, list[Any]] = {}
        for row in rows:
            by_query.setdefault(query_of(row), []).append(values(row))
        with stored(), transaction(self._con):
            for name, several in by_query.items():
                if name in TOGETHER:
                    self._con.execute(query("ledger", name), (json.dumps(several),))
                else:
                    self._con.executemany(query("ledger", name), several)

    def prune(self, now_us: int) -> int:
        """Delete rows that nothing can change any more; return how many. Raises `KeeperError`."""
        since = {"since_us": now_us - KEPT_US, "doubt_us": now_us - DOUBT_KEPT_US}
        with stored(), transaction(self._con):
            return sum(self._con.execute(query("ledger", name), since).rowcount for name in PRUNES)

    def _rows(self, name: str, **values: object) -> list[Any]:
        return self._con.execute(query("ledger", name), values).fetchall()


@contextmanager
def stored() -> Iterator[None]:
    """Tell troubles of the disk, which pass, from rows that break a law, which do not.

    Raises `KeeperError` of the first kind, `sqlite3.IntegrityError` of the second.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise KeeperError(f"the control database: {error}") from error
