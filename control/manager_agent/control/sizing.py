"""How much is granted at a time.

What is free is shared among twice as many as draw on it, so that grants shrink as a limit nears:
the last ones are single calls, all of the money can be used, and a process that dies takes little
of it along. The method is guided self-scheduling (Polychronopoulos and Kuck, 1987).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from manager_agent.control.rows import Account, Lease

_SHARES = 2
_CAP_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Draw:
    """What one account can give: free for the asker, its limit, and how many draw on it."""

    account: Account
    free: int
    drawers: int

    @property
    def recoverable(self) -> int:
        """Return what may become free by waiting."""
        return self.free + self.account.outstanding


def draws(accounts: Sequence[Account], drawers: Sequence[int], priority: int) -> list[Draw]:
    """Return what each account that bounds anything can give to one of `priority`."""
    found = []
    for account, count in zip(accounts, drawers, strict=True):
        free = account.free_for(priority)
        if free is not None:
            found.append(Draw(account, free, max(1, count)))
    return found


def amount(draws: Sequence[Draw], want: int, need: int) -> int:
    """Return what to grant: `need` or more, at most `want`; 0 where `need` cannot be met.

    From each account at most its share of what is free and 5 % of its limit, but never less than
    `need`.
    """
    want = max(want, need)
    for draw in draws:
        share = draw.free // (_SHARES * draw.drawers)
        cap = (draw.account.bound or 0) * _CAP_PERCENT // 100
        want = min(want, max(need, min(share, cap)), draw.free)
    return want if want >= max(need, 1) else 0


def short(draws: Sequence[Draw], need: int) -> list[Draw]:
    """Return the accounts that cannot give `need` now."""
    return [draw for draw in draws if draw.free < need]


def exhausted(draws: Sequence[Draw], need: int) -> Draw | None:
    """Return an account that cannot give `need` in this window, however long one waits."""
    return next((draw for draw in draws if draw.recoverable < need), None)


def idle(lease: Lease, reserved: int) -> int:
    """Return what a holder could give back at once, as far as it told."""
    return max(0, lease.left - reserved)
