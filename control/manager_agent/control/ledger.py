"""The budget authority as pure logic: a command and a time in, changed rows and answers out.

The invariant, for every account with a bound, is that what is settled, in doubt and outstanding is
never more than the limit because of a grant; see docs/decisions/0013-ledger.md. Answers may be sent
only after the changes are stored.
"""

from collections.abc import Sequence
from dataclasses import replace

from manager_agent.contract.guard import Bye, Fence, Grant, Hello, Report
from manager_agent.control import booking, changing, extending
from manager_agent.control.book import Book
from manager_agent.control.closing import ENDED, LAST_WORDS, give_up, let_time_pass, recover
from manager_agent.control.commands import (
    Command,
    Reconcile,
    Tick,
    To,
)
from manager_agent.control.opening import lease_for
from manager_agent.control.rows import Heard, Holder, Lease, Wish
from manager_agent.control.serving import TTL_US, Answer, serve, told

_MOST = 10**17
"""A hundred million USD in nano-USD, and 10^17 tokens: no lease ever sees so much."""


_SAID_TOGETHER = (Hello, Report)
"""What holders say at any time and in any number; of the rest each finds the others answered."""


def decide(book: Book, commands: Sequence[Command], now_us: int) -> list[To]:
    """Apply commands in order; return the answers, to be sent once all changes are stored.

    Those who wait for money are looked at once for all that holders said together.
    """
    said: list[To] = []
    changed = False
    for command in commands:
        if book.asking and not isinstance(command, _SAID_TOGETHER):
            said += serve(book, now_us)
        said += _applied(book, command, now_us)
        changed = changed or isinstance(command, changing.FREEING)
    said += serve(book, now_us)
    return said + changing.follow_up(book, now_us) if changed else said


def _applied(book: Book, command: Command, now_us: int) -> list[To]:
    """Apply one command; return what is said of it before those who wait are looked at."""
    match command:
        case Hello():
            return _hello(book, command, now_us)
        case Report():
            return _report(book, command, now_us)
        case Bye():
            _bye(book, command, now_us)
        case Tick():
            let_time_pass(book, now_us, command.deaf_us)
            return extending.end(book, now_us)
        case Reconcile():
            _reconcile(book, command)
        case _:
            return changing.change(book, command, now_us)
    return []


def _hello(book: Book, hello: Hello, now_us: int) -> list[To]:
    known = book.holders.get(hello.holder)
    if known and known.closed_us is not None:
        return [To(hello.holder, Fence(hello.holder, known.reason))]
    if not known:
        book.put(
            Holder(
                hello.holder,
                hello.host,
                hello.boot_id,
                hello.pid,
                hello.guard_version,
                hello.environment,
                now_us,
            )
        )
    _heard(book, hello.holder, now_us)
    said = [To(hello.holder, changing.pauses(book, now_us))]
    for journal in hello.recovered:
        recover(book, journal, hello.boot_id, now_us)
    return said


def _report(book: Book, report: Report, now_us: int) -> list[To]:
    holder = book.holders.get(report.holder)
    if holder is None:
        return [To(report.holder, Fence(report.holder, "unknown to this manager"))]
    if not _possible(report):
        return [To(report.holder, Fence(report.holder, "its report cannot be right"))]
    lease = book.leases.get(report.lease)
    if lease is not None and lease.holder != holder.id:
        lease = None
    if lease is not None:  # None: none yet, or one that ended long ago with nothing left
        lease = _merge(book, lease, report)
    if holder.closed_us is not None:
        return [To(holder.id, Fence(holder.id, holder.reason))]
    _heard(book, holder.id, now_us, report.longest_call_ms * 1000)
    return _answer(book, report, lease, now_us)


def _possible(report: Report) -> bool:
    """Say whether amounts are some: one that is not must not spoil the sums of others."""
    amounts = (report.settled_total, report.returned_total, report.want, report.need)
    return all(0 <= amount <= _MOST for amount in amounts)


def _merge(book: Book, lease: Lease, report: Report) -> Lease:
    merged = booking.settle(book, lease, report.settled_total, report.returned_total)
    calls = max(report.settled_calls, merged.calls)
    estimated = max(report.estimated_total, merged.estimated)
    if (calls, estimated) != (merged.calls, merged.estimated):
        merged = replace(merged, calls=calls, estimated=estimated)
        book.put(merged)
    return merged


def _answer(book: Book, report: Report, lease: Lease | None, now_us: int) -> list[To]:
    """Give a report's wish to the lease of the present windows, to be answered with the others."""
    if report.unit == "unknown":
        return []
    said: list[To] = []
    if changing.is_paused(book, report.agent):
        _note(book, lease, report, wanted=False)
        said.append(
            told(book, lease, now_us, Answer("paused"), report.need)
            if lease
            else To(report.holder, replace(_unlimited(report), verdict="paused", unlimited=False))
        )
        return said
    opened = report.want > 0 or report.need > 0 or lease is None
    present = lease_for(book, report.holder, report.agent, report.unit, now_us, opened)
    if lease is not None and (present is None or present.id != lease.id):
        _note(book, lease, report, wanted=False)
        said.append(told(book, lease, now_us, Answer("ok")))  # its windows are over
    if present is None:
        if lease is None:
            said.append(To(report.holder, _unlimited(report)))
        return said
    _note(book, present, report)
    book.asking[present.id] = None
    return said


def _note(book: Book, lease: Lease | None, report: Report, wanted: bool = True) -> None:
    """Keep what the latest report says of a lease besides its totals."""
    if lease is None or report.seq < book.wish_of(lease).seq:
        return
    own = report.lease == lease.id
    if not own and report.lease and not report.want and not report.need:
        return  # an older lease of this holder settles; what waits for the present one waits on
    seen = lease.granted - report.granted_seen if own else lease.granted
    book.wish(
        lease,
        Wish(
            seq=report.seq,
            want=max(0, report.want - seen) if wanted else 0,
            need=max(0, report.need - seen) if wanted else 0,
            reserved=report.reserved_now if own else 0,
        ),
    )


def _bye(book: Book, bye: Bye, now_us: int) -> None:
    holder = book.holders.get(bye.holder)
    if holder is not None and holder.closed_us is None:
        give_up(book, holder, now_us, ENDED)


def _reconcile(book: Book, command: Reconcile) -> None:
    lease = book.leases.get(command.lease)
    if lease is None or not lease.closed:
        return  # while its holder is there, the holder tells
    holder = book.holders.get(lease.holder)
    reason = holder.reason if holder else ""
    if reason in LAST_WORDS and command.calls == lease.calls:
        lease = booking.correct(book, lease, command.spent)
        if reason == ENDED:  # nothing was in flight
            booking.settle(book, lease, lease.settled, lease.granted - lease.settled)
    else:
        # Some spans may be missing, and some calls may never be told of: they died with it.
        booking.settle(book, lease, command.spent, lease.returned)


def _heard(book: Book, holder: str, now_us: int, longest_call_us: int = 0) -> None:
    before = book.heard.get(holder, Heard(now_us))
    book.heard[holder] = Heard(now_us, max(longest_call_us, before.longest_call_us))


def _unlimited(report: Report) -> Grant:
    return Grant(
        holder=report.holder,
        agent=report.agent,
        unit=report.unit,
        seq=report.seq,
        ttl_ms=TTL_US // 1000,
        verdict="ok",
        need=report.need,
        unlimited=True,
    )
