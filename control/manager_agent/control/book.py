"""The ledger in memory: its rows, the ways to find them, and what changed since it was stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from manager_agent.contract.budget import BudgetPolicy, Limits, Unit
from manager_agent.contract.window import Period, window
from manager_agent.control.commands import Charge
from manager_agent.control.rows import (
    PRIORITIES,
    Account,
    AccountKey,
    Addition,
    BudgetSet,
    Charged,
    Event,
    Heard,
    Holder,
    Lease,
    LimitKey,
    LimitSet,
    Paused,
    Row,
    Shares,
    Wish,
)
from manager_agent.control.terms import Term, Terms, laid_over

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
KEPT_US = 48 * _HOUR_US
"""How long after its end an account is kept in memory, for spans that come late."""

DOUBT_KEPT_US = 31 * 24 * _HOUR_US
"""How long after its last window what a lease left in doubt may still be proven spent or not."""

_GRACE_US = 600_000_000


@dataclass(slots=True)
class Book:
    """All rows that may still change, and what holders want. Not for two threads at once.

    `put` is the one way a row changes; `changes` hands out what was put since it was asked last.
    After a failure to store them the book must be read anew: it is ahead of the disk.

    `short`: the accounts that lacked something when all who wait were looked at last, with the
    priority of the first who waits there; `stirred`: something changed since. `asking`: the leases
    whose holders reported and are to be answered.
    """

    configured: BudgetPolicy = field(default_factory=BudgetPolicy)
    terms: Terms = field(default_factory=Terms)
    accounts: dict[AccountKey, Account] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    holders: dict[str, Holder] = field(default_factory=dict)
    charged: dict[str, Charged] = field(default_factory=dict)
    totals: dict[tuple[Period | None, Unit, int], dict[str, int]] = field(default_factory=dict)
    leased: dict[tuple[Period | None, Unit, int], dict[str, int]] = field(default_factory=dict)
    limits: dict[LimitKey, LimitSet] = field(default_factory=dict)
    additions: dict[str, Addition] = field(default_factory=dict)
    budgets: dict[str, Limits] = field(default_factory=dict)
    paused: dict[tuple[str, str], Paused] = field(default_factory=dict)
    next_lease: int = 1
    wishes: dict[int, Wish] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    current: dict[tuple[str, str, Unit, bool], int] = field(default_factory=dict)
    held: dict[str, set[int]] = field(default_factory=dict)
    tied: dict[AccountKey, dict[int, None]] = field(default_factory=dict)
    waiting: dict[int, dict[int, None]] = field(default_factory=lambda: {p: {} for p in PRIORITIES})
    short: dict[AccountKey, int] = field(default_factory=dict)
    stirred: bool = True
    asking: dict[int, None] = field(default_factory=dict)
    _changed: dict[tuple[object, ...], Row] = field(default_factory=dict)

    def put(self, row: Row) -> None:
        """Take a row's new state."""
        self._changed[_identity(row, len(self._changed))] = row
        self.stirred = True
        self.read(row)

    def read(self, row: Row) -> None:
        """Take a row as it is stored."""
        match row:
            case Account():
                self.accounts[row.key] = row
            case Lease():
                self._index(row)
            case Holder():
                self.holders[row.id] = row
            case Charged():
                self.charged[row.key] = row
                if row.period is not None:
                    place = (row.period, row.unit, row.at_us)
                    self.totals.setdefault(place, {})[row.agent] = row.total
            case LimitSet():
                self.limits[row.key] = row
                if row.dropped:
                    del self.limits[row.key]
            case Addition():
                self.additions[row.id] = row
            case BudgetSet():
                self.budgets.pop(row.agent, None)
                if row.limits is not None:
                    self.budgets[row.agent] = row.limits
            case Paused():
                self.paused[row.scope, row.name] = row
                if row.since_us is None:
                    del self.paused[row.scope, row.name]
            case Event():
                pass

    def terms_now(self) -> Terms:
        """Return the limits as they are configured and set by people at this moment."""
        return Terms(laid_over(self.configured, self.budgets), dict(self.limits))

    def changes(self) -> tuple[Row, ...]:
        """Return the rows that were put since the last time, each as it is now."""
        changed = tuple(self._changed.values())
        self._changed.clear()
        return changed

    def wish(self, lease: Lease, wish: Wish) -> None:
        """Note what is wanted for a lease; what waits keeps its place in the queue."""
        if wish.need != self.wish_of(lease).need:
            self.stirred = True
        self.wishes[lease.id] = wish
        if wish.need > 0:
            self.waiting[lease.priority].setdefault(lease.id)
        else:
            self.waiting[lease.priority].pop(lease.id, None)

    def wish_of(self, lease: Lease) -> Wish:
        """Return what is wanted for a lease; nothing where that was not told yet."""
        return self.wishes.get(lease.id, _NO_WISH)

    def queue(self) -> list[Lease]:
        """Return the leases with somebody waiting: critical ones first, then who came first."""
        return [self.leases[id_] for priority in PRIORITIES for id_ in self.waiting[priority]]

    def accounts_for(
        self, agent: str, unit: Unit, at_us: int, period: Period | None = None
    ) -> list[Account]:
        """Return the account of each limit that holds for `agent` at a time, opened if need be.

        Of limits of one `period`, unless that is None.
        """
        terms = self.terms.of(agent, unit)
        return [self.account_of(one, at_us) for one in terms if period in (None, one.period)]

    def account_of(self, term: Term, at_us: int) -> Account:
        """Return the account of a limit at a time, opened if need be."""
        found = self.opened(term, at_us)
        if found.key not in self.accounts:
            self.put(found)
        return found

    def opened(self, term: Term, at_us: int) -> Account:
        """Return the account of a limit at a time as it is, or as it would begin."""
        start_us, end_us = _window(term.period, at_us // 1_000_000, self.terms.zone)
        key = AccountKey(term.scope, term.name, term.period, term.unit, start_us)
        known = self.accounts.get(key)
        return known or self._with_charges(
            Account(key, end_us, term.amount, term.enforcement, term.floors)
        )

    def amount_of(self, key: AccountKey, limit: int | None) -> int | None:
        """Return what may be spent of a limit in a window: with what people added to it."""
        if limit is None or not self.additions:
            return limit
        added = self.additions.values()
        return limit + sum(one.amount for one in added if one.account == key and not one.ended)

    def _with_charges(self, account: Account) -> Account:
        """Count in what was charged in the window before anybody drew on this limit."""
        external, leased = (
            self._by_priority(account.key, found) for found in (self.totals, self.leased)
        )
        one, two, three, four = map(sum, zip(external, leased, strict=True))
        used = (one, two, three, four)
        spent = sum(used)
        over = 0 if account.bound is None else max(0, spent - account.bound)
        return replace(account, settled=spent, external=sum(external), used=used, excess=over)

    def _by_priority(
        self, key: AccountKey, found: Mapping[tuple[Period | None, Unit, int], Mapping[str, int]]
    ) -> Shares:
        """Return what those whose spend counts against a limit spent in its window."""
        parts = [0, 0, 0, 0]
        for agent, total in found.get(key[2:], {}).items():
            if self.terms.covers(key.scope, key.name, agent):
                parts[self.terms.priority_of(agent) - 1] += total
        one, two, three, four = parts
        return one, two, three, four

    def is_over(self, charge: Charge | Charged, now_us: int) -> bool:
        """Say whether a charge is of a window so long past that its account is not kept."""
        return self._is_long_over((charge.period, charge.unit, charge.at_us), now_us)

    def _is_long_over(self, place: tuple[Period | None, Unit, int], now_us: int) -> bool:
        period, _, until_us = place
        if period is not None:
            _, until_us = _window(period, until_us // 1_000_000, self.terms.zone)
        return until_us + KEPT_US < now_us

    def tied_to(self, key: AccountKey) -> list[Lease]:
        """Return the leases that may still spend against an account."""
        return [self.leases[id_] for id_ in self.tied.get(key, ())]

    def leases_of(self, holder: str) -> list[Lease]:
        """Return the leases of a holder that are not used up and done."""
        return [self.leases[id_] for id_ in sorted(self.held.get(holder, ()))]

    def forget(self, now_us: int) -> None:
        """Let go of rows in memory that nothing can change any more; the store keeps them."""
        for lease in list(self.leases.values()):
            if lease.ends_us + _GRACE_US < now_us and (not lease.left or self._over(lease, now_us)):
                self._drop(lease)
        needed = {key for lease in self.leases.values() for key in lease.accounts}
        over = [k for k, one in self.accounts.items() if one.end_us + KEPT_US < now_us]
        for key in over:
            if key not in needed:
                del self.accounts[key]
                self.tied.pop(key, None)
        if self.additions:
            kept = self.additions.items()
            self.additions = {id_: one for id_, one in kept if one.account in self.accounts}
        for holder in list(self.holders.values()):
            long_ago = holder.closed_us is not None and holder.closed_us + KEPT_US < now_us
            if long_ago and not self.held.get(holder.id):
                del self.holders[holder.id]  # unknown ones are fenced, too
                self.held.pop(holder.id, None)
        for one in [one for one in self.charged.values() if self.is_over(one, now_us)]:
            del self.charged[one.key]
            self.totals.pop((one.period, one.unit, one.at_us), None)
        for place in [place for place in self.leased if self._is_long_over(place, now_us)]:
            del self.leased[place]

    def _over(self, lease: Lease, now_us: int) -> bool:
        """Say whether all windows of a lease ended so long ago that its doubt is nobody's."""
        return all(self.accounts[key].end_us + DOUBT_KEPT_US < now_us for key in lease.accounts)

    def _drop(self, lease: Lease) -> None:
        del self.leases[lease.id]
        self.asking.pop(lease.id, None)
        self.wishes.pop(lease.id, None)
        self.stirred = True
        self.waiting[lease.priority].pop(lease.id, None)
        self.held[lease.holder].discard(lease.id)
        for key in lease.accounts:
            self.tied.get(key, {}).pop(lease.id, None)
        place = (lease.holder, lease.agent, lease.unit, lease.offline)
        if self.current.get(place) == lease.id:
            del self.current[place]

    def _index(self, lease: Lease) -> None:
        known = self.leases.get(lease.id)
        self.leases[lease.id] = lease
        if known and (known.accounts, known.closed) == (lease.accounts, lease.closed):
            return  # its totals alone are others
        self.next_lease = max(self.next_lease, lease.id + 1)
        place = (lease.holder, lease.agent, lease.unit, lease.offline)
        if not lease.closed and self.current.get(place, 0) < lease.id:
            self.current[place] = lease.id
        self.held.setdefault(lease.holder, set()).add(lease.id)
        for key in lease.accounts:
            if lease.closed:
                self.tied.get(key, {}).pop(lease.id, None)
            else:
                self.tied.setdefault(key, {}).setdefault(lease.id)
        if lease.closed:
            self.waiting[lease.priority].pop(lease.id, None)


_NO_WISH = Wish()


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _window(period: Period, at_s: int, zone: ZoneInfo) -> tuple[int, int]:
    found = window(period, _EPOCH + timedelta(seconds=at_s), zone)
    return micros(found.start), micros(found.end)


def _identity(row: Row, count: int) -> tuple[object, ...]:
    match row:
        case Account():
            return ("account", *row.key)
        case Lease() | Holder():
            return (type(row), row.id)
        case Charged():
            return ("charged", row.key)
        case LimitSet():
            return ("limit", *row.key)
        case Addition():
            return ("addition", row.id)
        case BudgetSet():
            return ("budget", row.agent)
        case Paused():
            return ("paused", row.scope, row.name)
        case Event():
            return ("event", count)


def restored(rows: Iterable[Row], policy: BudgetPolicy, now_us: int) -> Book:
    """Return the book of the rows that were stored; every holder counts as heard of just now."""
    book = Book(configured=policy)
    for row in rows:
        book.read(row)
    book.terms = book.terms_now()
    for holder in book.holders.values():
        if holder.closed_us is None:
            book.heard[holder.id] = Heard(now_us)
    return book
