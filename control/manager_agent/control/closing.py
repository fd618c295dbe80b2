"""Holders that are given up, and the evidence that shrinks what stays in doubt."""

from dataclasses import replace

from manager_agent.contract.guard import Report
from manager_agent.control import booking
from manager_agent.control.book import Book
from manager_agent.control.opening import lease_for
from manager_agent.control.rows import Event, Holder, Lease, Wish
from manager_agent.control.serving import TTL_US

ENDED = "it ended"
_DIED = "its process died"
LAST_WORDS = (ENDED, _DIED)
"""Why holders are given up whose last totals are known: they said so, or their journal does."""


def let_time_pass(book: Book, now_us: int, deaf_us: int = 0) -> None:
    """Give up holders that were silent for too long; move those who wait to the new windows."""
    if deaf_us:
        for id_, heard in book.heard.items():
            book.heard[id_] = replace(heard, at_us=min(now_us, heard.at_us + deaf_us))
    for holder in [one for one in book.holders.values() if one.closed_us is None]:
        heard = book.heard[holder.id]
        if heard.at_us + TTL_US + heard.longest_call_us < now_us:
            give_up(book, holder, now_us, "not heard of")
    for lease in book.queue():
        if lease.ends_us <= now_us:
            _move_on(book, lease, now_us)
    book.forget(now_us)
    book.stirred = True  # what was called back a while ago is called back again


def give_up(book: Book, holder: Holder, now_us: int, reason: str) -> None:
    """Close a holder for good. What its leases have left is booked as spent, in doubt."""
    leases = [lease for lease in book.leases_of(holder.id) if not lease.closed]
    for lease in leases:
        booking.close(book, lease)
    book.put(replace(holder, closed_us=now_us, reason=reason))
    book.heard.pop(holder.id, None)
    if any(lease.left for lease in leases):
        book.put(Event(now_us, "given_up", holder.id, None, _left(leases), "manager", reason))


def _left(leases: list[Lease]) -> dict[str, object]:
    """Return what stands in doubt, by agent and unit; of USD in nano-USD."""
    found: dict[str, object] = {}
    for lease in leases:
        if lease.left:
            key = f"{lease.agent} {'nano_usd' if lease.unit == 'usd' else 'tokens'}"
            found[key] = int(str(found.get(key, 0))) + lease.left
    return found


def recover(book: Book, journal: Report, boot_id: str, now_us: int) -> None:
    """Take the journal of a dead process, read by another process of its host.

    It will not spend what it had not reserved: only calls that were in flight stay in doubt. A
    journal of another boot may be older than the process's end; then only its totals count.
    """
    lease, holder = book.leases.get(journal.lease), book.holders.get(journal.holder)
    if lease is None or holder is None or lease.holder != holder.id:
        return
    if holder.closed_us is None:
        same = boot_id and boot_id == holder.boot_id
        give_up(book, holder, now_us, _DIED if same else "its host began anew")
        lease = book.leases[lease.id]
    lease = booking.settle(book, lease, journal.settled_total, journal.returned_total)
    if journal.settled_calls > lease.calls:
        lease = replace(lease, calls=journal.settled_calls)
        book.put(lease)
    if boot_id and boot_id == holder.boot_id:
        book.put(replace(book.holders[holder.id], reason=_DIED))
        idle = max(0, lease.left - journal.reserved_now)
        booking.settle(book, lease, lease.settled, lease.returned + idle)


def _move_on(book: Book, lease: Lease, now_us: int) -> None:
    wish = book.wish_of(lease)
    book.wish(lease, replace(wish, want=0, need=0))
    new = lease_for(book, lease.holder, lease.agent, lease.unit, now_us)
    if new is not None:
        book.wish(new, Wish(seq=wish.seq, want=wish.want, need=wish.need))
