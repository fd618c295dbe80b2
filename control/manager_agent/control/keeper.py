"""What the ledger needs of whoever stores it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from manager_agent.control.rows import Row


class KeeperError(Exception):
    """Nothing can be stored or read at present: a full disk, a lock. It may be tried again."""


class Keeper(Protocol):
    """Keeps rows of the ledger: SQLite in `store/`, memory in tests, PostgreSQL some day."""

    def load(self, now_us: int) -> Iterable[Row]:
        """Return every row that may still change: the present state of each, events left out.

        Accounts that ended more than `KEPT_US` ago are left out where no lease needs them.
        Raises `KeeperError`.
        """

    def keep(self, rows: Sequence[Row]) -> None:
        """Store new states of rows together, or nothing; on the disk when it returns.

        Raises `KeeperError` where nothing can be stored, and something else where these rows
        cannot, such as an account that would break the invariant.
        """

    def prune(self, now_us: int) -> int:
        """Delete what nothing can change any more; return how many rows. Raises `KeeperError`.

        That is what ended more than `KEPT_US` ago, and what a lease in doubt draws on
        `DOUBT_KEPT_US` after that.
        """
