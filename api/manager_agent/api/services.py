"""What the API needs of the rest of the manager; `app/` puts it together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import duckdb

from manager_agent.analytics.frames import BudgetRow
from manager_agent.analytics.savings.suggest import Savings
from manager_agent.api.guard import Denials
from manager_agent.api.sql import SqlRunner
from manager_agent.contract.approval import DecideApproval
from manager_agent.contract.budget import BudgetPolicy, Enforcement
from manager_agent.contract.command import RecordCall, SetBudget
from manager_agent.contract.metric import Metric
from manager_agent.contract.token import Tokens
from manager_agent.control.approval_rows import Approval
from manager_agent.control.breaker_rows import BreakerView
from manager_agent.control.commands import (
    Correct,
    PauseCalls,
    ResumeCalls,
    SetBreaker,
    SetLimit,
)
from manager_agent.control.rows import LimitKey
from manager_agent.control.views import AccountView, HolderView, PauseView, Sums
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.issues.view import IssueView
from manager_agent.rules.look import Evaluation
from manager_agent.rules.manual import Manual
from manager_agent.rules.message import Message
from manager_agent.rules.silence import Silence
from manager_agent.store.sealing import Sealer
from manager_agent.store.snapshot import Snapshots


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the manager does its work; `reasons` name what is wrong, empty where `ok`."""

    ok: bool
    reasons: tuple[str, ...] = ()


class BadHistoryError(Exception):
    """A row of history cannot be taken in; the message says which and why."""


class NoSavingsError(Exception):
    """It could not be looked for what could be cheaper; the message says why and what to do.

    `busy` where it may be tried again.
    """

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy


class BusyError(Exception):
    """It cannot be done at present; the message says why. It may be tried again later."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What changes or copies the data as a whole; the callables block, and raise `BusyError`.

    `backup`: writes a backup inside the data directory; returns its `path` and manifest.
    `take_history`: stores calls of the past that are not there yet; returns how many were `added`
    and how many `known`. Raises `BadHistoryError`, and stores nothing then.
    """

    backup: Callable[[], Mapping[str, Any]]
    take_history: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class ByHand:
    """What agents and people tell the manager themselves; all but `record` may block.

    `record`: books calls together; durable when it returns. Raises `BusyError`. `rows_of`: an
    agent's limits with what was spent of them, also of one never seen. `policy`: those that hold.
    `overridden`: the agents, `default` among them, whose budgets were set over the configured.
    `set_budget`: durable when it returns. Raises `ControlStoreError`. `enforcement`: of a budget
    that names none.
    """

    record: Callable[[Sequence[RecordCall]], Awaitable[None]]
    rows_of: Callable[[str], Sequence[BudgetRow]]
    policy: Callable[[], BudgetPolicy]
    overridden: Callable[[], frozenset[str]]
    set_budget: Callable[[SetBudget], None]
    enforcement: Enforcement = "hard"


@dataclass(frozen=True, slots=True)
class Oversight:
    """What the budget ledger knows and does; all may block, and raise `BusyError`.

    `accounts`: each limit in its present window. `holders`: the processes that may spend. `paused`:
    what is paused. `sums`: what all leases hold. `set_limits`: the single limits that people set
    over what is configured. `policy`: the limits that hold. `do`: commands, durable when it
    returns.
    """

    accounts: Callable[[], Sequence[AccountView]]
    holders: Callable[[], Sequence[HolderView]]
    paused: Callable[[], Sequence[PauseView]]
    sums: Callable[[], Sums]
    set_limits: Callable[[], frozenset[LimitKey]]
    policy: Callable[[], BudgetPolicy]
    do: Callable[[Sequence[SetLimit | Correct | PauseCalls | ResumeCalls]], None]


@dataclass(frozen=True, slots=True)
class People:
    """What people decide: which breakers are held, and which calls may be made.

    `set_breaker`, `decide`: block, and what they did is durable when they return; they raise
    `BusyError`, and `decide` raises `ApprovalError`. `breaker_of`: what stands before an agent's
    calls in a word, `closed`, `half_open` or `open`.
    """

    breakers: Callable[[], Sequence[BreakerView]]
    set_breaker: Callable[[SetBreaker], None]
    breaker_of: Callable[[str], str]
    approvals: Callable[[], Sequence[Approval]]
    decide: Callable[[DecideApproval], None]


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule at work: its manual, its last `evaluations`, newest first, and why it is `broken`."""

    manual: Manual
    evaluations: Sequence[Evaluation]
    broken: str | None


@dataclass(frozen=True, slots=True)
class Alerting:
    """What looks for trouble, and what people do not want to hear of; all may block.

    `silences`: all there are, also those that are over. `add_silence`, `end_silence`: durable when
    they return; the last returns None where there is no such silence, or it is over. `rules`: each
    in order of name.
    """

    silences: Callable[[], Sequence[Silence]]
    add_silence: Callable[[Silence], None]
    end_silence: Callable[[str, datetime, str], Silence | None]
    rules: Callable[[], Sequence[RuleView]]


@dataclass(frozen=True, slots=True)
class Issues:
    """Groups of similar errors. `seen`: all of them as they are now, what matters most first.

    The others may block, and what they did is durable when they return; who did it and why are
    their last arguments. They raise `SteeringError` where it cannot be done, else `BusyError`.
    `resolve(issue)`, `merge(issue, others)`, `split(issue, pattern, wording)`, which returns the
    new issue's id.
    """

    seen: Callable[[], Sequence[IssueView]]
    resolve: Callable[[str, str, str], None]
    merge: Callable[[str, list[str], str, str], None]
    split: Callable[[str, str, str | None, str, str], str]


SlackKind = Literal["interactive", "slash_commands"]
FromSlack = Callable[[SlackKind, bytes, Mapping[str, str], str], tuple[int, Any]]
"""Body, headers and address of a request for Slack's endpoint -> status, and JSON or None; it may
block for 3 seconds. Nobody asked for a token: it has to check the signature."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """Makes reports, `hourly`, `daily`, `weekly` or `issues`; all block.

    `report(kind, at)`: of the period that holds `at`, None being the last one that is over.
    `send(kind, at, by)`: the same, also put where delivery finds it; raises `BusyError`.
    """

    report: Callable[[str, datetime | None], Message]
    send: Callable[[str, datetime | None, str], Message]


def _at_once() -> "Future[None]":
    done: Future[None] = Future()
    done.set_result(None)
    return done


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the API reads. The callables may block; each is called in a thread.

    `started`: UTC. `clock`: the time, UTC. `zone`: whose calendar hour, day and month totals are
    of. `settled`: done when all that is acknowledged by now can be read. `read`: a fresh cursor on
    the live database, closed by who asked. `alerts(open_only)`: the newest state of each alert,
    newest first. `budgets`: every limit with what was spent of it.
    `sealer`: moves days to the archive, None where there is none.
    `metrics`: all parts' numbers. `slack`: the state of Slack in a word: `off`, `untried`, `ok`,
    `retrying`, `refused` (a message), `stopped` (all, until something is changed).
    `delivery`: `notifier`, `state` and `reason` of each way to reach people; `release`: lets those
    that a permanent error stopped try again, and returns their names.
    `hosts`: names, besides loopback and the address a request came in on, that requests may use
    in their Host header; `*` allows any. `tokens`: of which each request must show one, if any.
    `denied`: counts those who did not. `upkeep`, `by_hand`, `people`: None where nothing may be
    changed. `alerting`: None where nothing is looked for. `oversight`: of budgets that hold; None
    where nobody holds any. `issues`: groups of similar errors; None where nobody groups them.
    `from_slack`: answers what Slack signed; None without the secret to tell.
    `reports`: None where nobody makes any. `savings(since, until)`: what could be cheaper; raises
    `NoSavingsError`. None where nobody looks.
    """

    started: datetime
    version: str
    clock: Callable[[], datetime]
    zone: ZoneInfo
    read: Callable[[], duckdb.DuckDBPyConnection]
    snapshots: Snapshots
    sql: SqlRunner
    alerts: Callable[[bool], Sequence[AlertRow]]
    budgets: Callable[[], Sequence[BudgetRow]]
    metrics: Callable[[], Sequence[Metric]]
    health: Callable[[], Health]
    slack: Callable[[], str]
    settled: Callable[[], Future[None]] = _at_once
    delivery: Callable[[], Sequence[Mapping[str, str | None]]] = tuple
    release: Callable[[], Sequence[str]] = tuple
    sealer: Sealer | None = None
    hosts: frozenset[str] = frozenset()
    tokens: Tokens = field(default_factory=Tokens)
    denied: Denials = field(default_factory=Denials)
    upkeep: Upkeep | None = None
    by_hand: ByHand | None = None
    oversight: Oversight | None = None
    people: People | None = None
    alerting: Alerting | None = None
    issues: Issues | None = None
    from_slack: FromSlack | None = None
    reports: Reporting | None = None
    savings: Callable[[datetime, datetime], Savings] | None = None
