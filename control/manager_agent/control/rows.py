"""The rows of the ledger: accounts, leases, holders and what else must survive a restart.

Amounts are whole nano-USD or tokens, by the unit; times are microseconds since 1970, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from manager_agent.contract.budget import Enforcement, Limits, Unit
from manager_agent.contract.guard import PauseScope
from manager_agent.contract.window import Period

Scope = Literal["agent", "group", "fleet"]
PRIORITIES = (1, 2, 3, 4)
Shares = tuple[int, int, int, int]
"""An amount for each priority, the critical one first."""

Said = str | int | Mapping[str, object] | None
LimitKey = tuple[Scope, str, Period, Unit]
NOTHING: Shares = (0, 0, 0, 0)


class AccountKey(NamedTuple):
    """One limit in one of its windows; `name` is "" for the fleet."""

    scope: Scope
    name: str
    period: Period
    unit: Unit
    start_us: int


@dataclass(frozen=True, slots=True)
class Account:
    """What was spent, and what may still be spent by somebody, against one limit in one window.

    `amount`: the limit, None where there is none any more. `settled`: known to be spent;
    `doubt`: booked as spent by holders that were given up; `used`: settled, doubt and what live
    leases may spend, by the priority of who uses it. `floors`: kept free for each priority.
    `external`: the part of settled that was spent without a guard, or corrected by people.
    `excess`: what is used above the limit for a reason that no grant has: a limit that was
    lowered, spend without a guard, a call that cost more than it reserved.
    """

    key: AccountKey
    end_us: int
    amount: int | None
    enforcement: Enforcement = "hard"
    floors: Shares = NOTHING
    settled: int = 0
    doubt: int = 0
    used: Shares = NOTHING
    external: int = 0
    excess: int = 0

    @property
    def bound(self) -> int | None:
        """Most that may be used; None where the limit is only watched."""
        return self.amount if self.enforcement in ("hard", "firm") else None

    @property
    def total(self) -> int:
        """Return all that is used."""
        return sum(self.used)

    @property
    def outstanding(self) -> int:
        """Return what live leases may still spend."""
        return self.total - self.settled - self.doubt

    def free_for(self, priority: int) -> int | None:
        """Return what one of `priority` may be granted, below 0 if over; None if unbounded.

        What is left of the floors of those who are more critical is not for it.
        """
        if self.bound is None:
            return None
        above = range(priority - 1)
        kept = sum(max(0, self.floors[place] - self.used[place]) for place in above)
        return self.bound - self.total - kept


@dataclass(frozen=True, slots=True)
class Lease:
    """Money in the hands of one holder for one agent, drawn on all `accounts` at once.

    `granted`, `returned`, `settled` only grow. `ends_us`: the end of the first of its windows;
    after it nothing more is granted, and what is in flight still settles here. `closed`: its
    holder was given up, and what it had left stands in doubt.
    """

    id: int
    holder: str
    agent: str
    unit: Unit
    priority: int
    accounts: tuple[AccountKey, ...]
    ends_us: int
    offline: bool = False
    granted: int = 0
    returned: int = 0
    settled: int = 0
    calls: int = 0
    estimated: int = 0
    closed: bool = False

    @property
    def left(self) -> int:
        """Return what may still be spent of it; never below 0."""
        return self.granted - self.returned - self.settled


@dataclass(frozen=True, slots=True)
class Holder:
    """One epoch of one process. Closed ones are kept, so that they are known when they return."""

    id: str
    host: str = ""
    boot_id: str = ""
    pid: int = 0
    guard_version: str = ""
    environment: str = ""
    opened_us: int = 0
    closed_us: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Charged:
    """What spans without a guard add up to under one key, such as an agent's day."""

    key: str
    agent: str
    unit: Unit
    at_us: int
    total: int
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class LimitSet:
    """A limit that people set in place of the configured one; `amount` None is no limit.

    `dropped` marks one that was taken back: what is configured holds again.
    """

    scope: Scope
    name: str
    period: Period
    unit: Unit
    amount: int | None
    dropped: bool = False

    @property
    def key(self) -> LimitKey:
        """Return which limit it is."""
        return self.scope, self.name, self.period, self.unit


@dataclass(frozen=True, slots=True)
class Addition:
    """What people let be spent of a limit in one of its windows, beyond it, until `until_us`.

    `ended`: its time is over; the row stays while its window does, so that it is added once.
    """

    id: str
    account: AccountKey
    amount: int
    until_us: int
    by: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class BudgetSet:
    """An agent's entry that people put in place of the configured one; None: taken back.

    `agent` may be `default`: each agent that has no entry of its own.
    """

    agent: str
    limits: Limits | None
    set_us: int


@dataclass(frozen=True, slots=True)
class Paused:
    """What people paused; `since_us` None marks one that was resumed."""

    scope: PauseScope
    name: str
    reason: str
    by: str
    since_us: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that people will ask about: what, of whom, before, after, by whom, why.

    `before`, `after`: as JSON has them. Amounts of USD are texts, exact.
    """

    at_us: int
    kind: str
    subject: str
    before: Said
    after: Said
    by: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a holder last wanted for a lease; kept in memory only, it is told again."""

    seq: int = 0
    want: int = 0
    need: int = 0
    reserved: int = 0
    recalled_us: int = 0
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """When a holder was last heard of, and how long a call of it may last; in memory only."""

    at_us: int
    longest_call_us: int = 0


Row = Account | Lease | Holder | Charged | LimitSet | Addition | BudgetSet | Paused | Event
"""What a change of the ledger is made of: the new state of a row, under its key."""
