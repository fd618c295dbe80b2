"""Which lease a holder draws on now, and a new one where its windows are others."""

from manager_agent.contract.budget import Unit
from manager_agent.control.book import Book
from manager_agent.control.rows import Lease


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
    accounts = book.accounts_for(agent, unit, now_us)
    if not accounts:
        return None
    lease = Lease(
        id=book.next_lease,
        holder=holder,
        agent=agent,
        unit=unit,
        priority=book.terms.priority_of(agent),
        accounts=tuple(account.key for account in accounts),
        ends_us=min(account.end_us for account in accounts),
    )
    book.put(lease)
    return lease
