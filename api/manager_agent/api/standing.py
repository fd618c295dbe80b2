"""Where limits stand: what the facts say was spent, with what the ledger holds and reserves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from manager_agent.analytics.frames import BudgetRow
from manager_agent.api.services import Oversight
from manager_agent.contract.budget import Enforcement, Unit
from manager_agent.contract.window import Period
from manager_agent.control.rows import Scope
from manager_agent.control.views import AccountView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Added:
    """What people let be spent beyond a limit, in its unit; `until`: UTC. `by`: who said so."""

    amount: int
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit in its present window. Amounts are nano-USD or tokens, by `unit`.

    `spent`: with `in_doubt`, the part of it that processes which were given up may or may not have
    spent. `reserved`: what live processes hold and may still spend. `unpriced_calls`: calls of an
    agent whose cost is unknown, so that `spent` in USD is a lower bound. `priority`: of an agent;
    None for groups and the fleet. `added`: what people let be spent beyond the limit for a time.
    """

    scope: Scope
    name: str
    period: Period
    unit: Unit
    limit: int
    spent: int
    resets_at: datetime
    enforcement: Enforcement
    reserved: int = 0
    in_doubt: int = 0
    unpriced_calls: int = 0
    priority: int | None = None
    added: tuple[Added, ...] = ()

    @property
    def most(self) -> int:
        """What may be spent at present: the limit, and what was added to it."""
        return self.limit + sum(one.amount for one in self.added)

    @property
    def left(self) -> int:
        """What nobody spent or holds; below 0 where more was spent than may be."""
        return self.most - self.spent - self.reserved


def standings(rows: Sequence[BudgetRow], accounts: Sequence[AccountView]) -> list[Standing]:
    """Return agents' limits as they stand.

    What was spent is the ledger's to say as soon as it booked something on a limit in this window:
    it knows of calls before their spans come, and what people corrected. Until then it is the sum
    of the calls that are stored.
    """
    known = {(one.name, one.period, one.unit): one for one in accounts if one.scope == "agent"}
    return [_agent(row, known.get((row.agent, row.period, row.unit))) for row in rows]


def shared(accounts: Sequence[AccountView], scope: Scope, name: str = "") -> list[Standing]:
    """Return the limits of a group, or of the fleet, as they stand."""
    return [
        Standing(
            *(one.scope, one.name, one.period, one.unit, one.limit, one.spent),
            resets_at=_EPOCH + timedelta(microseconds=one.resets_at),
            enforcement=one.enforcement,
            reserved=one.reserved,
            in_doubt=one.in_doubt,
            added=_added(one),
        )
        for one in accounts
        if (one.scope, one.name) == (scope, name) and one.limit is not None
    ]


def binding(rows: Sequence[BudgetRow], agent: str, oversight: Oversight | None) -> list[Standing]:
    """Return every limit that holds for an agent: its own, its groups' and the fleet's.

    Raises `BusyError`.
    """
    if oversight is None:
        return standings(rows, ())
    accounts = oversight.accounts()
    groups = oversight.policy().groups
    found = standings(rows, accounts)
    for name in sorted(name for name, group in groups.items() if agent in group.agents):
        found += shared(accounts, "group", name)
    return found + shared(accounts, "fleet")


def accounts_of(oversight: Oversight | None) -> Sequence[AccountView]:
    """Return what the ledger says; nothing where there is none. Raises `BusyError`."""
    return oversight.accounts() if oversight else ()


def _agent(row: BudgetRow, account: AccountView | None) -> Standing:
    booked = account if account is not None and account.opened else None
    return Standing(
        scope="agent",
        name=row.agent,
        period=row.period,
        unit=row.unit,
        limit=row.limit,
        spent=booked.spent if booked else row.spent,
        resets_at=row.resets_at,
        enforcement=row.enforcement,
        reserved=booked.reserved if booked else 0,
        in_doubt=booked.in_doubt if booked else 0,
        unpriced_calls=row.unpriced_calls,
        priority=row.priority,
        added=_added(booked) if booked else (),
    )


def _added(account: AccountView) -> tuple[Added, ...]:
    return tuple(
        Added(one.amount, _EPOCH + timedelta(microseconds=one.until_us), one.by)
        for one in account.added
    )
