"""How amounts move between the columns of accounts: the only place where sums change.

For every lease, in each of its accounts: granted money is *outstanding*; a settlement moves it to
*settled*; what is returned becomes free; when the holder is given up, the rest moves to *doubt*,
and evidence moves it on from there.
"""

from dataclasses import replace

from manager_agent.control.book import Book
from manager_agent.control.rows import Account, Lease, Shares


def grant(book: Book, lease: Lease, amount: int) -> Lease:
    """Put `amount` into the holder's hands. The caller has seen that every account has it free."""
    for key in lease.accounts:
        account = book.accounts[key]
        book.put(_moved(account, _add(account.used, lease.priority, amount)))
    return _put(book, _with(lease, lease.granted + amount, lease.returned, lease.settled))


def settle(book: Book, lease: Lease, settled: int, returned: int) -> Lease:
    """Merge what a holder says of its lease; totals that were heard before change nothing.

    A holder returns only what it was granted. If calls cost more than they reserved, what lacks is
    granted after the fact, so that nobody else is granted the same money.
    """
    settled = max(settled, lease.settled)
    returned = min(max(returned, lease.returned), lease.granted)
    granted = max(lease.granted, settled + returned)
    new = _with(lease, granted, returned, settled)
    spent, left = settled - lease.settled, new.left - lease.left
    if not spent and not left:
        return lease
    for key in lease.accounts:
        account = book.accounts[key]
        used = _add(account.used, lease.priority, spent + left)
        doubt = left if lease.closed else 0
        book.put(_with_excess(_moved(account, used, spent, doubt)))
    return _put(book, new)


def correct(book: Book, lease: Lease, settled: int) -> Lease:
    """Put what is known for certain in the place of what a holder that is gone told.

    What it has left, in doubt, stays.
    """
    by = settled - lease.settled
    if not by:
        return lease
    for key in lease.accounts:
        account = book.accounts[key]
        used = _add(account.used, lease.priority, by)
        book.put(_with_excess(replace(account, settled=account.settled + by, used=used)))
    return _put(book, replace(lease, settled=settled, granted=lease.granted + by))


def close(book: Book, lease: Lease) -> Lease:
    """Book what a lease has left as spent, in doubt: its holder was given up."""
    for key in lease.accounts:
        account = book.accounts[key]
        book.put(replace(account, doubt=account.doubt + lease.left))
    return _put(book, replace(lease, closed=True))


def tie(book: Book, lease: Lease, account: Account) -> Lease:
    """Count a lease against one more account, for a limit that is younger than the lease."""
    used = _add(account.used, lease.priority, lease.left)
    book.put(_with_excess(replace(account, used=used)))
    return _put(book, replace(lease, accounts=(*lease.accounts, account.key)))


def charge(book: Book, account: Account, priority: int, amount: int) -> None:
    """Book spend that no grant covers, below 0 where it is taken back."""
    book.put(
        _with_excess(
            replace(
                account,
                settled=account.settled + amount,
                external=account.external + amount,
                used=_add(account.used, priority, amount),
            )
        )
    )


def rewrite(book: Book, account: Account) -> None:
    """Take an account whose limit was changed."""
    book.put(_with_excess(account))


def _moved(account: Account, used: Shares, spent: int = 0, doubt: int = 0) -> Account:
    """Return an account with other sums; written out, for it is most of what a report costs."""
    return Account(
        account.key,
        account.end_us,
        account.amount,
        account.enforcement,
        account.floors,
        account.settled + spent,
        account.doubt + doubt,
        used,
        account.external,
        account.excess,
    )


def _with(lease: Lease, granted: int, returned: int, settled: int) -> Lease:
    """Return a lease with other totals; written out, too."""
    return Lease(
        lease.id,
        lease.holder,
        lease.agent,
        lease.unit,
        lease.priority,
        lease.accounts,
        lease.ends_us,
        lease.offline,
        granted,
        returned,
        settled,
        lease.calls,
        lease.estimated,
        lease.closed,
    )


def _with_excess(account: Account) -> Account:
    over = 0 if account.bound is None else max(0, account.total - account.bound)
    return account if over == account.excess else replace(account, excess=over)


def _add(used: Shares, priority: int, amount: int) -> Shares:
    one, two, three, four = (
        part + (amount if place == priority else 0) for place, part in enumerate(used, start=1)
    )
    return one, two, three, four


def _put(book: Book, lease: Lease) -> Lease:
    book.put(lease)
    return lease
