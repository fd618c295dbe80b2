"""What people approved beyond a limit, on its way from their answer to the ledger.

An answer is stored first, then the ledger adds to the limit under the answer's id, which it does
once however often it is told; only then does who waits hear of it. Whatever ends in between, the
manager tells the ledger anew when it starts.
"""

from collections.abc import Callable, Iterable, Sequence

from manager_agent.control.approval_rows import Approval
from manager_agent.control.commands import Extend, To
from manager_agent.control.keeper import KeeperError

Extending = Callable[[Sequence[Extend], int], list[To]]
ONCE_US = 3600 * 1_000_000
"""How long a limit is higher for a single call that was approved."""


class Additions:
    """Those that the ledger has not taken yet, and the answers that rest on them."""

    def __init__(self, extend: Extending, kept: Iterable[Approval], now_us: int) -> None:
        """`kept`: all approvals; the ledger hears of those that still count."""
        self._extend = extend
        found = (_addition(row) for row in kept)
        self._due = [one for one in found if one is not None and now_us < one.until_us]
        self._held: list[To] = []

    def made(self, changed: Iterable[object], said: Sequence[To], now_us: int) -> list[To]:
        """Have the ledger add what was decided; return what may be said now.

        While the ledger cannot be stored nothing is, and it is tried again the next time.
        """
        rows = [row for row in changed if isinstance(row, Approval) and row.decided_us == now_us]
        new = [one for one in map(_addition, rows) if one is not None]
        self._due += new
        if not self._due:
            return [*self._let_go(), *said]
        if new:
            self._held += said
            said = ()
        try:
            granted = self._extend(self._due, now_us)
        except KeeperError:  # the clerk tells of a disk that fails
            return list(said)
        self._due = []
        return [*granted, *self._let_go(), *said]

    def _let_go(self) -> list[To]:
        held, self._held = self._held, []
        return held


def _addition(row: Approval) -> Extend | None:
    approved = row.reason == "budget" and row.state == "approved" and not row.drawn_from
    if not approved or row.decided_us is None:
        return None
    until_us = row.until_us if row.until_us is not None else row.decided_us + ONCE_US
    amount, said_us = row.amount_nano, row.decided_us
    return Extend(row.id, row.agent, row.limit_name, amount, said_us, until_us, row.by, row.why)
