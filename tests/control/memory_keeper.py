"""Keeps the ledger's rows in memory and holds them against the same laws as the database does."""

from collections.abc import Iterable, Sequence

from manager_agent.control.rows import Account, BudgetSet, Event, Lease, Row


class BrokenLaw(Exception):
    """A row that the database would refuse."""


class MemoryKeeper:
    """Rows by key; `fail` makes the next `keep` fail, as a full disk does."""

    def __init__(self) -> None:
        self.rows: dict[object, Row] = {}
        self.events: list[Event] = []
        self.fail = False

    def load(self, now_us: int) -> Iterable[Row]:
        return list(self.rows.values())

    def keep(self, rows: Sequence[Row]) -> None:
        if self.fail:
            self.fail = False
            raise OSError("no space left on device")
        for row in rows:
            check(row)
        for row in rows:
            if isinstance(row, Event):
                self.events.append(row)
            else:
                self.rows[identity(row)] = row

    def prune(self, now_us: int) -> int:
        return 0


def identity(row: Row) -> object:
    if isinstance(row, BudgetSet):
        return type(row), row.agent
    key = getattr(row, "key", None) or getattr(row, "id", None)
    return type(row), key or (row.scope, row.name)  # type: ignore[union-attr]


def check(row: Row) -> None:
    if isinstance(row, Account):
        over = row.bound is not None and row.total > row.bound + row.excess
        if over or row.doubt < 0 or row.outstanding < 0 or row.excess < 0:
            raise BrokenLaw(row)
    if isinstance(row, Lease) and (row.left < 0 or min(row.returned, row.settled) < 0):
        raise BrokenLaw(row)
