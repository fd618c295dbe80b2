"""Spending beyond a limit, by so much and until a time, where people said that it may be.

What is added counts in the window it was given in and in no other: what was not used when its time
or the window ends is gone. Until then spent and reserved together stay within limit and addition;
afterwards what is still held above the limit is called back, as when a limit is lowered.
"""

from dataclasses import replace

from manager_agent.contract.money import usd
from manager_agent.control import booking
from manager_agent.control.book import Book
from manager_agent.control.commands import Extend, To
from manager_agent.control.rows import Account, Addition, Event
from manager_agent.control.serving import call_back, name_of


def extend(book: Book, command: Extend, now_us: int) -> None:
    """Add to a limit; nothing where it was added before, is over, or there is no such limit."""
    if command.id in book.additions or command.amount <= 0:
        return
    account = _named(book, command)
    if account is None or account.amount is None:
        return
    until_us = min(command.until_us, account.end_us)
    if until_us <= now_us:
        return
    book.put(Addition(command.id, account.key, command.amount, until_us, command.by))
    _counted(book, account, command.amount, command.by, command.why or None, now_us)


def end(book: Book, now_us: int) -> list[To]:
    """Take back what is over; return what calls back the money above the limits."""
    over = [one for one in book.additions.values() if not one.ended and one.until_us <= now_us]
    for one in over:
        book.put(replace(one, ended=True))
        account = book.accounts.get(one.account)
        if account is not None and account.amount is not None:
            _counted(book, account, -one.amount, "manager", f"{one.id} is over", now_us)
    return call_back(book, now_us) if over else []


def _named(book: Book, command: Extend) -> Account | None:
    """Return the account that is meant, in the window in which people said so."""
    terms = book.terms.of(command.agent, "usd")
    accounts = (book.opened(term, command.said_us) for term in terms)
    return next((one for one in accounts if name_of(one.key) == command.limit_name), None)


def _counted(
    book: Book, account: Account, more: int, by: str, why: str | None, now_us: int
) -> None:
    """Let an account have so much more, and keep who says so."""
    assert account.amount is not None
    new = replace(account, amount=account.amount + more)
    booking.rewrite(book, new)
    before, after = _said(account.amount), _said(account.amount + more)
    book.put(Event(now_us, "extend_limit", name_of(account.key), before, after, by, why))


def _said(nano: int) -> str:
    return f"{usd(nano).normalize():f}"
