"""Which lease a holder draws on now, and a new one where its windows are others."""

from dataclasses import replace

from manager_agent.contract.budget import Unit
from manager_agent.control import booking
from manager_agent.control.book import Book
from manager_agent.control.rows import Account, Lease

_ALLOWANCE_PERCENT = 2


def lease_for(
    book: Book, holder: str, agent: str, unit: Unit, now_us: int, opened: bool = True
) -> Lease | None:
    """Return the lease that draws on the present windows; opened if need be and `opened`.

    None where no limit of `unit` holds for `agent`, or where none was opened.
    """
    present = book.leases.get(book.current.get((holder, agent, unit, False), 0))
    if present is not None and now_us < present.ends_us and not present.closed:
        return present
    if not opened:
        return None
    return _open(book, Lease(book.next_lease, holder, agent, unit, 4, (), 0), now_us)


def allowance_for(book: Book, lease: Lease, now_us: int) -> Lease | None:
    """Return what a holder may spend while it cannot reach the manager, if it must be told of it.

    It is deducted in advance, so that no limit is at stake: in all at most 2 % of each limit, to
    each holder half of what is left of that.
    """
    place = (lease.holder, lease.agent, lease.unit, True)
    present = book.leases.get(book.current.get(place, 0))
    if present is not None and now_us < present.ends_us:
        return present if present.left and present.id not in book.wishes else None
    if lease.settled or book.terms.policy.unreachable != "static":
        return None  # one that was not given an allowance when it began is not given one later
    draws = [(book.accounts[key], book.tied_to(key)) for key in lease.accounts]
    bounded = [(account, tied) for account, tied in draws if account.bound is not None]
    if not bounded:
        return None
    amount = min(_allowance(account, tied, lease.priority) for account, tied in bounded)
    blank = Lease(book.next_lease, lease.holder, lease.agent, lease.unit, 4, (), 0, offline=True)
    opened = _open(book, blank, now_us) if amount > 0 else None
    return booking.grant(book, opened, amount) if opened else None


def _allowance(account: Account, tied: list[Lease], priority: int) -> int:
    out = sum(one.granted - one.returned for one in tied if one.offline)
    most = (account.bound or 0) * _ALLOWANCE_PERCENT // 100
    return min(most - out, account.free_for(priority) or 0) // 2


def _open(book: Book, blank: Lease, now_us: int) -> Lease | None:
    accounts = book.accounts_for(blank.agent, blank.unit, now_us)
    if not accounts:
        return None
    lease = replace(
        blank,
        priority=book.terms.priority_of(blank.agent),
        accounts=tuple(account.key for account in accounts),
        ends_us=min(account.end_us for account in accounts),
    )
    book.put(lease)
    return lease
