"""What people see of the ledger: records made of a book that nobody changes meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass

from manager_agent.contract.budget import Enforcement, Unit
from manager_agent.contract.guard import PauseScope
from manager_agent.contract.window import Period
from manager_agent.control.book import Book
from manager_agent.control.rows import Account, AccountKey, Scope
from manager_agent.control.terms import Term

_UNITS: tuple[Unit, ...] = ("usd", "tokens")


@dataclass(frozen=True, slots=True)
class AddedView:
    """What people let be spent beyond a limit in its present window: nano-USD or tokens.

    `until_us`: microseconds since 1970, when it ends. `by`: who said so.
    """

    amount: int
    until_us: int
    by: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """One limit in its present window. Amounts are nano-USD or tokens, by `unit`.

    `limit`: None where it was taken away; what `added` lets be spent is beyond it. `spent`: settled
    and in doubt; `in_doubt`: the part of it that holders which were given up may or may not have
    spent; `external`: the part that was spent without a guard. `reserved`: what live processes
    hold. `starts_us`, `resets_at`: microseconds since 1970. `priority`: of the agent, 0 for groups
    and the fleet. `opened`: something was booked on it in this window.
    """

    scope: Scope
    name: str
    period: Period
    unit: Unit
    limit: int | None
    spent: int
    reserved: int
    in_doubt: int
    external: int
    starts_us: int
    resets_at: int
    enforcement: Enforcement
    priority: int
    opened: bool = True
    added: tuple[AddedView, ...] = ()


@dataclass(frozen=True, slots=True)
class HolderView:
    """One process that may spend. `held`: money it holds, nano-USD; `agents`: for whom.

    `heard_us`: when it spoke last, microseconds since 1970.
    """

    holder: str
    host: str
    pid: int
    guard_version: str
    environment: str
    opened_us: int
    heard_us: int
    connected: bool
    agents: tuple[str, ...]
    held_nano: int
    held_tokens: int


@dataclass(frozen=True, slots=True)
class PauseView:
    """What people paused, since when (microseconds since 1970), by whom and why."""

    scope: PauseScope
    name: str
    reason: str
    by: str
    since_us: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What all live leases, and all that were given up, hold by unit."""

    outstanding: dict[Unit, int]
    in_doubt: dict[Unit, int]
    leases: int
    waiting: int


def account_views(book: Book, now_us: int) -> list[AccountView]:
    """Return every limit that was drawn on in its present window, or is configured by name."""
    found = {key: one for key, one in book.accounts.items() if key.start_us <= now_us < one.end_us}
    for term in _configured(book):
        account = book.opened(term, now_us)
        found.setdefault(account.key, account)
    return [_view(book, found[key]) for key in sorted(found)]


def holder_views(book: Book, connected: Iterable[str]) -> list[HolderView]:
    """Return every process that was not given up, the newest last."""
    there = frozenset(connected)
    found = []
    for one in sorted(book.holders.values(), key=lambda holder: holder.opened_us):
        if one.closed_us is not None:
            continue
        leases = book.leases_of(one.id)
        heard = book.heard.get(one.id)
        found.append(
            HolderView(
                *(one.id, one.host, one.pid, one.guard_version, one.environment, one.opened_us),
                heard_us=heard.at_us if heard else one.opened_us,
                connected=one.id in there,
                agents=tuple(sorted({lease.agent for lease in leases})),
                held_nano=sum(lease.left for lease in leases if lease.unit == "usd"),
                held_tokens=sum(lease.left for lease in leases if lease.unit == "tokens"),
            )
        )
    return found


def pause_views(book: Book) -> list[PauseView]:
    """Return what is paused, the oldest first."""
    found = [
        PauseView(one.scope, one.name, one.reason, one.by, one.since_us)
        for one in book.paused.values()
        if one.since_us is not None
    ]
    return sorted(found, key=lambda one: one.since_us)


def sums(book: Book) -> Sums:
    """Return what leases hold in all; each counts once, however many limits it draws on."""
    outstanding: dict[Unit, int] = dict.fromkeys(_UNITS, 0)
    doubt: dict[Unit, int] = dict.fromkeys(_UNITS, 0)
    live = 0
    for lease in book.leases.values():
        (doubt if lease.closed else outstanding)[lease.unit] += lease.left
        live += not lease.closed
    waiting = sum(map(len, book.waiting.values()))
    return Sums(outstanding, doubt, live, waiting)


def _configured(book: Book) -> Iterable[Term]:
    policy = book.terms.policy
    for unit in _UNITS:
        for agent in policy.agents:
            yield from book.terms.of(agent, unit)
        for group in policy.groups.values():
            for agent in group.agents:
                yield from book.terms.of(agent, unit)
        yield from (term for term in book.terms.of("", unit) if term.scope == "fleet")


def _view(book: Book, account: Account) -> AccountView:
    key: AccountKey = account.key
    added = tuple(
        AddedView(one.amount, one.until_us, one.by)
        for one in sorted(book.additions.values(), key=lambda one: one.until_us)
        if one.account == key and not one.ended
    )
    amount = account.amount
    limit = None if amount is None else amount - sum(one.amount for one in added)
    return AccountView(
        *(key.scope, key.name, key.period, key.unit, limit),
        spent=account.settled + account.doubt,
        reserved=account.outstanding,
        in_doubt=account.doubt,
        external=account.external,
        starts_us=key.start_us,
        resets_at=account.end_us,
        enforcement=account.enforcement,
        priority=book.terms.priority_of(key.name) if key.scope == "agent" else 0,
        opened=key in book.accounts,
        added=added,
    )
