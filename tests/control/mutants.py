"""Errors planted into ledger and wallet, each of which the machine must find.

Each patches the real code; what it leads to is said in its docstring. Errors that would be
harmless are not here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from manager_agent.contract.guard import Hello
from manager_agent.control import booking, closing, ledger, sizing
from manager_agent.control.authority import Authority
from manager_agent.control.book import Book
from manager_agent.control.rows import Account, Holder, Lease
from manager_agent.instrumentation import lease as leases
from manager_agent.instrumentation.side import Side
from manager_agent.instrumentation.wallet import Wallet

Plant = Callable[[pytest.MonkeyPatch], None]


def refunded_at_expiry(patch: pytest.MonkeyPatch) -> None:
    """What a silent holder had left is free at once: it may still be spent."""

    def close(book: Book, lease: Lease) -> Lease:
        freed = booking.settle(book, lease, lease.settled, lease.granted - lease.settled)
        book.put(closed := replace(freed, closed=True))
        return closed

    patch.setattr(booking, "close", close)


def returned_as_a_difference(patch: pytest.MonkeyPatch) -> None:
    """A report that comes twice returns twice."""
    real = booking.settle

    def settle(book: Book, lease: Lease, settled: int, returned: int) -> Lease:
        return real(book, lease, settled, lease.returned + returned)

    patch.setattr(booking, "settle", settle)


def granted_as_a_difference(patch: pytest.MonkeyPatch) -> None:
    """A grant that comes twice is granted twice."""

    def raise_to(self: leases.Lease, total: int) -> None:
        self.available += total
        self.granted += total

    patch.setattr(leases.Lease, "raise_to", raise_to)


def the_latest_instead_of_the_largest(patch: pytest.MonkeyPatch) -> None:
    """An old report that arrives late takes a settlement back."""

    def settle(book: Book, lease: Lease, settled: int, returned: int) -> Lease:
        returned = min(returned, lease.granted - settled)
        new = replace(lease, settled=settled, returned=returned)
        spent, left = settled - lease.settled, new.left - lease.left
        for key in lease.accounts:
            account = book.accounts[key]
            book.put(_moved(account, lease, spent, left))
        book.put(new)
        return new

    patch.setattr(booking, "settle", settle)


def _moved(account: Account, lease: Lease, spent: int, left: int) -> Account:
    used = list(account.used)
    used[lease.priority - 1] += spent + left
    one, two, three, four = used
    return replace(
        account,
        settled=account.settled + spent,
        doubt=account.doubt + (left if lease.closed else 0),
        used=(one, two, three, four),
    )


def forgotten_tombstones(patch: pytest.MonkeyPatch) -> None:
    """A holder that was given up is forgotten, and its next report begins a row of its own."""
    real_give_up, real_report = closing.give_up, ledger._report

    def give_up(book: Book, holder: Holder, now_us: int, reason: str) -> None:
        held = book.leases_of(holder.id)
        real_give_up(book, holder, now_us, reason)
        if reason == "its process died":
            return  # it does not report any more
        for lease in held:
            settled = booking.settle(book, book.leases[lease.id], lease.granted, 0)
            book._drop(settled)
        del book.holders[holder.id]

    def report(book: Book, said: Any, now_us: int) -> Any:
        if said.holder not in book.holders:
            ledger._hello(book, Hello(said.holder), now_us)
        if said.lease and said.lease not in book.leases:
            accounts = book.accounts_for(said.agent, said.unit, now_us)
            keys = tuple(account.key for account in accounts)
            fresh = Lease(
                said.lease, said.holder, said.agent, said.unit, 3, keys, accounts[0].end_us
            )
            book.put(replace(fresh, granted=said.settled_total + said.returned_total))
            for key in keys:
                book.put(_moved(book.accounts[key], fresh, 0, said.returned_total))
        return real_report(book, said, now_us)

    patch.setattr(closing, "give_up", give_up)
    patch.setattr(ledger, "give_up", give_up)
    patch.setattr(ledger, "_report", report)


def cancelled_is_free(patch: pytest.MonkeyPatch) -> None:
    """A call that was billed is settled at nothing."""
    real = Wallet.settle

    def settle(self: Wallet, held: Any, usd: int, tokens: int, now_ns: int) -> None:
        real(self, held, 0, 0, now_ns)

    patch.setattr(Wallet, "settle", settle)


def a_journal_frees_what_was_in_flight(patch: pytest.MonkeyPatch) -> None:
    """Calls of a dead process are billed all the same."""
    real = closing.recover

    def recover(book: Book, journal: Any, boot_id: str, now_us: int) -> None:
        real(book, replace(journal, reserved_now=0), boot_id, now_us)

    patch.setattr(ledger, "recover", recover)


def a_lease_outlives_its_window(patch: pytest.MonkeyPatch) -> None:
    """The guard goes on spending the last hour's money in the next."""
    real = Side._merge

    def merge(self: Side, lease: leases.Lease, grant: Any) -> None:
        real(self, lease, replace(grant, window_left_ms=max(1, grant.window_left_ms) * 1000))
        lease.deadline_ns = lease.ends_ns

    patch.setattr(Side, "_merge", merge)


def a_forgotten_lease_is_taken_up_again(patch: pytest.MonkeyPatch) -> None:
    """An old grant for a lease that was settled and forgotten is spent a second time."""
    real = Side._found

    def found(self: Side, grant: Any) -> Any:
        self._newest = {False: 0, True: 0}
        return real(self, grant)

    patch.setattr(Side, "_found", found)


def given_back_and_kept(patch: pytest.MonkeyPatch) -> None:
    """What is returned stays usable."""

    def give_back(self: leases.Lease, keep: int) -> None:
        if self.available > keep:
            self.returned += self.available - keep

    patch.setattr(leases.Lease, "give_back", give_back)


def granted_whatever_is_free(patch: pytest.MonkeyPatch) -> None:
    """Need is granted without a look at what is free."""
    patch.setattr(sizing, "short", lambda draws, need: [])
    patch.setattr(sizing, "exhausted", lambda draws, need: None)
    patch.setattr(sizing, "amount", lambda draws, want, need: need)


def answered_before_it_is_stored(patch: pytest.MonkeyPatch) -> None:
    """A grant is sent although it could not be stored."""
    real = Authority.decide

    def decide(self: Authority, commands: Any, now_us: int) -> Any:
        said: list[Any] = []
        inner = ledger.decide

        def noted(book: Book, command: Any, at_us: int) -> Any:
            answers = inner(book, command, at_us)
            said.extend(answers)
            return answers

        with pytest.MonkeyPatch.context() as local:
            local.setattr("manager_agent.control.authority.decide", noted)
            try:
                return real(self, commands, now_us)
            except OSError:
                return said

    patch.setattr(Authority, "decide", decide)


def a_restart_forgets_who_was_given_up(patch: pytest.MonkeyPatch) -> None:
    """What stood in doubt is free after a restart."""
    real = Authority._restored

    def restored(self: Authority, now_us: int) -> Book:
        book = real(self, now_us)
        for account in list(book.accounts.values()):
            part = list(account.used)
            part[2] -= account.doubt
            one, two, three, four = part
            book.put(replace(account, doubt=0, used=(one, two, three, four)))
        return book

    patch.setattr(Authority, "_restored", restored)


MUTANTS: tuple[Plant, ...] = (
    refunded_at_expiry,
    returned_as_a_difference,
    granted_as_a_difference,
    the_latest_instead_of_the_largest,
    forgotten_tombstones,
    cancelled_is_free,
    a_journal_frees_what_was_in_flight,
    a_lease_outlives_its_window,
    a_forgotten_lease_is_taken_up_again,
    given_back_and_kept,
    granted_whatever_is_free,
    answered_before_it_is_stored,
    a_restart_forgets_who_was_given_up,
)
