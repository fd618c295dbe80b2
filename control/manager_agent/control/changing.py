"""What is changed while it runs: limits, corrections, spend without a guard, pauses."""

from dataclasses import replace

from manager_agent.contract.budget import Group, Unit
from manager_agent.contract.budget_document import document
from manager_agent.contract.command import SetBudget
from manager_agent.contract.guard import Pause, Pauses
from manager_agent.contract.money import usd
from manager_agent.control import booking, extending
from manager_agent.control.book import Book
from manager_agent.control.commands import (
    Charge,
    Configure,
    Correct,
    Extend,
    PauseCalls,
    ResumeCalls,
    SetLimit,
    To,
)
from manager_agent.control.rows import BudgetSet, Charged, Event, Lease, LimitSet, Paused, Said
from manager_agent.control.serving import Answer, call_back, name_of, told
from manager_agent.control.terms import DEFAULT, Terms

Change = Configure | SetBudget | SetLimit | Correct | Extend | Charge | PauseCalls | ResumeCalls
FREEING = (Configure, SetBudget, SetLimit, Correct, Extend, Charge)
"""Those after which there may be money again, or too much is out."""


def change(book: Book, command: Change, now_us: int) -> list[To]:
    """Apply a change; return what is said of it before those who wait are looked at."""
    match command:
        case Configure():
            book.configured = command.policy
            _apply(book, book.terms_now(), now_us)
        case SetBudget():
            _set_budget(book, command, now_us)
        case SetLimit():
            _set_limit(book, command, now_us)
        case Correct():
            _correct(book, command, now_us)
        case Extend():
            extending.extend(book, command, now_us)
        case Charge():
            _charge(book, command, now_us)
        case PauseCalls() | ResumeCalls():
            return _pause(book, command, now_us)
    return []


def follow_up(book: Book, now_us: int) -> list[To]:
    """Return what is said after changes, once those who wait were looked at.

    Who was told that nothing is left may ask again; what is above a limit is called back.
    """
    return _tell_again(book, now_us) + call_back(book, now_us)


def is_paused(book: Book, agent: str) -> bool:
    """Say whether nothing is granted to an agent, by itself, a group of it or the fleet."""
    if not book.paused:
        return False
    groups = book.terms.groups_of(agent)
    names = [("agent", agent), ("fleet", ""), *(("group", name) for name in groups)]
    return any(name in book.paused for name in names)


def pauses(book: Book, now_us: int) -> Pauses:
    """Return all that is paused as guards are told it: a group as its agents."""
    found: list[Pause] = []
    for one in book.paused.values():
        if one.scope == "group":
            group = book.terms.policy.groups.get(one.name, Group())
            found += (Pause("agent", agent, one.reason, one.by) for agent in sorted(group.agents))
        else:
            found.append(Pause(one.scope, one.name, one.reason, one.by))
    return Pauses(now_us, tuple(found))


def _apply(book: Book, terms: Terms, now_us: int) -> None:
    """Let other terms hold from now on, for accounts and leases that exist."""
    book.terms = terms
    live = [lease for lease in book.leases.values() if not lease.closed and lease.ends_us > now_us]
    for lease in live:
        _tie_again(book, lease, now_us)
    for account in [one for one in book.accounts.values() if one.end_us > now_us]:
        term = terms.term_of(account.key[:4])
        amount = book.amount_of(account.key, term.amount)
        new = replace(account, amount=amount, enforcement=term.enforcement, floors=term.floors)
        if new != account:
            booking.rewrite(book, new)


def _tie_again(book: Book, lease: Lease, now_us: int) -> None:
    """Count a lease against limits that are younger; end one whose priority is another now."""
    for account in book.accounts_for(lease.agent, lease.unit, now_us):
        if account.key not in lease.accounts:
            lease = booking.tie(book, lease, account)
    ends_us = min(book.accounts[key].end_us for key in lease.accounts)
    if book.terms.priority_of(lease.agent) != lease.priority:
        ends_us = now_us
    if ends_us != lease.ends_us:
        book.put(replace(lease, ends_us=ends_us))


def _set_limit(book: Book, command: SetLimit, now_us: int) -> None:
    row = LimitSet(command.scope, command.name, command.period, command.unit, command.amount)
    before = book.terms.term_of(row.key).amount
    book.put(replace(row, dropped=command.dropped))
    _apply(book, book.terms_now(), now_us)
    after = book.terms.term_of(row.key).amount
    subject = f"{row.scope} {row.name} {row.period} {row.unit}".replace("  ", " ")
    said = (_said(before, row.unit), _said(after, row.unit))
    book.put(Event(now_us, "set_limit", subject, *said, command.by, command.why))


def _set_budget(book: Book, command: SetBudget, now_us: int) -> None:
    """Put an entry in place of an agent's former one, whole: also of single limits set over it."""
    before = _entry(book, command.agent)
    for one in [row for row in book.limits.values() if row.scope == "agent"]:
        if one.name == command.agent:
            book.put(replace(one, dropped=True))
    book.put(BudgetSet(command.agent, command.limits, now_us))
    _apply(book, book.terms_now(), now_us)
    after = None if command.limits is None else document(command.limits)
    kind = "remove_budget" if command.limits is None else "set_budget"
    book.put(Event(now_us, kind, command.agent, before, after, command.who, command.why))


def _entry(book: Book, agent: str) -> Said:
    policy = book.terms.effective
    limits = policy.default if agent == DEFAULT else policy.limits_of(agent)
    return None if limits is None else document(limits)


def _said(amount: int | None, unit: Unit) -> Said:
    """Return an amount as people read it: USD as an exact text."""
    if amount is None or unit == "tokens":
        return amount
    return f"{usd(amount).normalize():f}"


def _correct(book: Book, command: Correct, now_us: int) -> None:
    """Book what people say was spent; also where nothing was booked in this window yet."""
    term = book.terms.term_of((command.scope, command.name, command.period, command.unit))
    account = book.opened(term, now_us)
    if account.amount is None and account.key not in book.accounts:
        return
    booking.charge(book, account, 4, command.spent - account.settled)
    said = (_said(account.settled, command.unit), _said(command.spent, command.unit))
    subject = name_of(account.key)
    book.put(Event(now_us, "set_spent", subject, *said, command.by, command.why))


def _charge(book: Book, command: Charge, now_us: int) -> None:
    known = book.charged.get(command.key)
    more = command.total - (known.total if known else 0)
    if book.is_over(command, now_us):
        return
    agent, unit, at_us, period = command.agent, command.unit, command.at_us, command.period
    if period is not None:
        book.leased.setdefault((period, unit, at_us), {})[agent] = command.leased
    if not more:
        return
    # Before the new total is known: an account that is opened begins with what was charged before.
    accounts = book.accounts_for(agent, unit, at_us, period)
    book.put(Charged(command.key, agent, unit, at_us, command.total, period))
    for account in accounts:
        booking.charge(book, account, book.terms.priority_of(agent), more)


def _pause(book: Book, command: PauseCalls | ResumeCalls, now_us: int) -> list[To]:
    key = (command.scope, command.name)
    before = "paused" if key in book.paused else "running"
    since = now_us if isinstance(command, PauseCalls) else None
    after = "running" if since is None else "paused"
    if before == after:
        return []
    book.put(Paused(command.scope, command.name, command.why, command.by, since))
    subject = f"{command.scope} {command.name}"
    book.put(Event(now_us, "pause", subject, before, after, command.by, command.why))
    said = pauses(book, now_us)
    return [To(one.id, said) for one in book.holders.values() if one.closed_us is None]


def _tell_again(book: Book, now_us: int) -> list[To]:
    """Tell those who were told that nothing is left, so that they ask again."""
    said = []
    for id_, wish in list(book.wishes.items()):
        lease = book.leases[id_]
        if wish.exhausted and not lease.closed:
            book.wishes[id_] = replace(wish, exhausted=False)
            said.append(told(book, lease, now_us, Answer("ok")))
    return said
