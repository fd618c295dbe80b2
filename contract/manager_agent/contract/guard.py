"""What guards and the manager say to each other: the records of `guard.proto`.

Amounts are whole nano-USD or tokens, by the unit; `seq` and `revision` order what is not
cumulative. The meaning of each field stands in `guard.proto`; `wire_format` carries them.
"""

# ruff: noqa: RUF009 (each field is declared by a call that returns `dataclasses.field`)

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from manager_agent.contract.wire_format import (
    counts,
    flag,
    int64,
    maybe_int64,
    message,
    messages,
    text,
    texts,
    uint64,
    word,
)

LeaseUnit = Literal["unknown", "usd", "tokens"]
Verdict = Literal["unknown", "ok", "wait", "exhausted", "paused"]
PauseScope = Literal["unknown", "agent", "group", "fleet", "conversation", "trace"]
AnswerState = Literal["unknown", "pending", "approved", "denied", "expired"]

MORE = 15
"""The number of the field that holds what is said together with a message."""

_UNIT = ("unknown", "usd", "tokens")
_VERDICT = ("unknown", "ok", "wait", "exhausted", "paused")
_ENFORCEMENT = ("unknown", "hard", "firm", "soft", "observe")
_UNPRICED = ("unknown", "refuse", "ceiling", "allow")
_UNREACHABLE = ("unknown", "static", "closed", "open")
_PHASE = ("unknown", "open", "half_open", "closed")
_SCOPE = ("unknown", "agent", "group", "fleet", "conversation", "trace")
_ANSWER = ("unknown", "pending", "approved", "denied", "expired")


@dataclass(frozen=True, slots=True)
class Report:
    """Where one lease of a holder stands, in totals that only grow, and what is wanted."""

    holder: str = text(1)
    seq: int = uint64(2)
    lease: int = uint64(3)
    agent: str = text(4)
    unit: LeaseUnit = word(5, _UNIT)
    settled_total: int = int64(6)
    settled_calls: int = int64(7)
    estimated_total: int = int64(8)
    reserved_now: int = int64(9)
    in_flight: int = int64(10)
    returned_total: int = int64(11)
    want: int = int64(12)
    need: int = int64(13)
    longest_call_ms: int = int64(14)
    granted_seen: int = int64(15)


@dataclass(frozen=True, slots=True)
class Hello:
    """A process, or a new epoch of one, is there."""

    holder: str = text(1)
    host: str = text(2)
    boot_id: str = text(3)
    pid: int = int64(4)
    guard_version: str = text(5)
    environment: str = text(6)
    recovered: tuple[Report, ...] = messages(7, Report)


@dataclass(frozen=True, slots=True)
class Bye:
    """A process ends, its leases reported with nothing in flight."""

    holder: str = text(1)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How calls went since the holder's Hello, by class; with `probe`, how that one call went."""

    holder: str = text(1)
    agent: str = text(2)
    provider: str = text(3)
    family: str = text(4)
    counts: Mapping[str, int] = counts(5)
    probe: str = text(6)


@dataclass(frozen=True, slots=True)
class Question:
    """May this call be made?"""

    id: str = text(1)
    holder: str = text(2)
    agent: str = text(3)
    provider: str = text(4)
    model: str = text(5)
    operation: str = text(6)
    bound_nano: int = int64(7)
    fingerprint: str = text(8)
    conversation_id: str = text(9)
    tools: tuple[str, ...] = texts(10)
    low_nano: int = int64(11)
    limit_name: str = text(12)
    cheaper: str = text(13)
    cheaper_nano: int = int64(14)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a lease may spend in all, how long it is to be believed, and why there is not more."""

    holder: str = text(1)
    lease: int = uint64(2)
    agent: str = text(3)
    unit: LeaseUnit = word(4, _UNIT)
    seq: int = uint64(5)
    granted_total: int = int64(6)
    ttl_ms: int = int64(7)
    window_left_ms: int = int64(8)
    verdict: Verdict = word(9, _VERDICT)
    need: int = int64(10)
    recall_to: int | None = maybe_int64(11)
    unlimited: bool = flag(12)
    offline: bool = flag(13)
    limit_name: str = text(14)
    limit: int = int64(15)
    spent: int = int64(16)
    reserved: int = int64(17)
    resets_in_ms: int = int64(18)


@dataclass(frozen=True, slots=True)
class Fence:
    """This holder was given up or is unknown; the process begins a new epoch."""

    holder: str = text(1)
    reason: str = text(2)


@dataclass(frozen=True, slots=True)
class Policy:
    """How the guard is to treat the calls of one agent."""

    agent: str = text(1)
    revision: int = uint64(2)
    enforcement: str = word(3, _ENFORCEMENT)
    unpriced: str = word(4, _UNPRICED)
    ceiling_nano_per_mtok: int = int64(5)
    unreachable: str = word(6, _UNREACHABLE)
    max_wait_ms: int = int64(7)
    heartbeat_ms: int = int64(8)
    approve_above_nano: int | None = maybe_int64(9)
    approve_models: tuple[str, ...] = texts(10)
    approval_timeout_ms: int = int64(11)
    allow_on_timeout: bool = flag(12)
    approve_tools: tuple[str, ...] = texts(13)
    ask_budget: bool = flag(14)
    cheaper: tuple[str, ...] = texts(15)
    cheaper_allowed: bool = flag(16)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A breaker that is not closed, or is held closed by people.

    `probe` is the id of the one call that may try. `forced`: people hold it so.
    """

    agent: str = text(1)
    provider: str = text(2)
    family: str = text(3)
    phase: str = word(4, _PHASE)
    reason: str = text(5)
    retry_in_ms: int = int64(6)
    probe: str = text(7)
    forced: bool = flag(8)


@dataclass(frozen=True, slots=True)
class Breakers:
    """All breakers that are not closed; and what a process goes by until it is told."""

    revision: int = uint64(1)
    states: tuple[BreakerState, ...] = messages(2, BreakerState)
    failures_in_row: int = int64(3)


@dataclass(frozen=True, slots=True)
class Pause:
    """An agent, a group, the fleet, a conversation or a trace that must not call."""

    scope: PauseScope = word(1, _SCOPE)
    name: str = text(2)
    reason: str = text(3)
    by: str = text(4)


@dataclass(frozen=True, slots=True)
class Pauses:
    """All that is paused."""

    revision: int = uint64(1)
    pauses: tuple[Pause, ...] = messages(2, Pause)


@dataclass(frozen=True, slots=True)
class Answer:
    """What people said to a question."""

    id: str = text(1)
    state: AnswerState = word(2, _ANSWER)
    by: str = text(3)
    reason: str = text(4)
    bound_nano: int = int64(5)
    model: str = text(6)


@dataclass(frozen=True, slots=True)
class FromGuard:
    """One message of a guard: exactly one field is set, none where it is of a newer program.

    `more`: what is said together with it, see `frame`.
    """

    hello: Hello | None = message(1, Hello, alone=True)
    report: Report | None = message(2, Report, alone=True)
    outcomes: Outcomes | None = message(3, Outcomes, alone=True)
    question: Question | None = message(4, Question, alone=True)
    bye: Bye | None = message(5, Bye, alone=True)
    more: tuple["FromGuard", ...] = messages(MORE, lambda: FromGuard)


@dataclass(frozen=True, slots=True)
class FromManager:
    """One message of the manager: exactly one field is set, none where it is of a newer program.

    `more`: what is said together with it, see `frame`.
    """

    grant: Grant | None = message(1, Grant, alone=True)
    fence: Fence | None = message(2, Fence, alone=True)
    policy: Policy | None = message(3, Policy, alone=True)
    breakers: Breakers | None = message(4, Breakers, alone=True)
    answer: Answer | None = message(5, Answer, alone=True)
    pauses: Pauses | None = message(6, Pauses, alone=True)
    more: tuple["FromManager", ...] = messages(MORE, lambda: FromManager)
