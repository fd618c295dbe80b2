"""What the ledger is told and what it answers. Times come with the command, not from a clock."""

from dataclasses import dataclass
from typing import Literal

from manager_agent.contract.budget import BudgetPolicy, Unit
from manager_agent.contract.command import SetBudget
from manager_agent.contract.guard import (
    Answer,
    Breakers,
    Bye,
    Fence,
    Grant,
    Hello,
    Pauses,
    PauseScope,
    Policy,
    Report,
)
from manager_agent.contract.window import Period
from manager_agent.control.rows import Scope


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: give up silent holders, let windows end.

    `deaf_us`: for so long the manager heard nobody, whoever spoke: that is no silence of theirs.
    """

    deaf_us: int = 0


@dataclass(frozen=True, slots=True)
class Gone:
    """A holder's stream has ended; it may come back."""

    holder: str


@dataclass(frozen=True, slots=True)
class Configure:
    """The configured limits changed, in mid-run or since the last start."""

    policy: BudgetPolicy


@dataclass(frozen=True, slots=True)
class SetLimit:
    """People set a limit in place of the configured one; None takes it away.

    `dropped`: what is configured holds again; `amount` says nothing then.
    """

    scope: Scope
    name: str
    period: Period
    unit: Unit
    amount: int | None
    by: str = ""
    why: str = ""
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Correct:
    """People say what was spent in the current window of a limit; 0 resets it."""

    scope: Scope
    name: str
    period: Period
    unit: Unit
    spent: int
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """Spans without a guard add up to `total` under `key`; telling it again changes nothing.

    It is for the limits of `period`, all where that is None, in the window that holds `at_us`:
    where one `period` is named, its start. A total may shrink where a call was corrected.
    `leased`: what spans of guarded calls add up to there; an account that opens later begins with
    it, and no other takes notice.
    """

    key: str
    agent: str
    unit: Unit
    at_us: int
    total: int
    period: Period | None = None
    leased: int = 0


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The spans of a lease whose holder was given up are of `calls` calls, `spent` in all."""

    lease: int
    spent: int
    calls: int


@dataclass(frozen=True, slots=True)
class PauseCalls:
    """People stop an agent, a group, the fleet, a conversation or a trace."""

    scope: PauseScope
    name: str
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ResumeCalls:
    """People let go on what was paused."""

    scope: PauseScope
    name: str
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class SetBreaker:
    """People hold a breaker open or closed until `until_us` (None: until reset), or reset it.

    Either `agent` is named, or `provider` and `family` are.
    """

    agent: str
    provider: str
    family: str
    to: Literal["open", "closed", "reset"]
    until_us: int | None = None
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Extend:
    """People let an agent spend `amount` nano-USD more of a limit until `until_us`.

    The limit is named as grants name it, one that holds for `agent`. It is for the window in which
    they said so, at `said_us`, and for no other. Telling it again under its `id` changes nothing.
    """

    id: str
    agent: str
    limit_name: str
    amount: int
    said_us: int
    until_us: int
    by: str = ""
    why: str = ""


Command = (
    Hello
    | Report
    | Bye
    | Tick
    | Configure
    | SetBudget
    | SetLimit
    | Correct
    | Extend
    | Charge
    | Reconcile
    | PauseCalls
    | ResumeCalls
)


@dataclass(frozen=True, slots=True)
class To:
    """A message for a holder, to be sent once what it rests on is stored; "" is every holder."""

    holder: str
    message: Grant | Fence | Pauses | Policy | Breakers | Answer
