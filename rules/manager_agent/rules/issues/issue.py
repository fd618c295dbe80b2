"""An issue: similar errors with their facts so far. Records only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from manager_agent.rules.issues.fingerprint import Scope
from manager_agent.rules.issues.kinds import Kind
from manager_agent.rules.issues.templates import Template

State = Literal["new", "ongoing", "regressed", "resolved"]
HOUR_US = 3_600_000_000
OTHERS = "(others)"
"""Under which name agents and models are counted that there is no room to name."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of some errors. Times: microseconds since 1970. Amounts: nano-USD.

    `cost`: of the failed calls, as far as it is known; `unpriced`: calls it is not known of.
    `agents`, `models`: how often each. `hours`, `hourly_cost`: errors, and their cost, by hour
    since 1970, of the last two days. `last_call`: the newest call's id.
    """

    first_us: int
    last_us: int
    count: int = 0
    cost: int = 0
    unpriced: int = 0
    agents: Mapping[str, int] = field(default_factory=dict)
    models: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    hourly_cost: Mapping[int, int] = field(default_factory=dict)
    last_call: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template as a part of an issue, and what was counted of it.

    `variants`: the masked sentences it was seen as, the first ones, with their counts.
    """

    template: Template
    issue_id: str
    tally: Tally
    variants: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Issue:
    """Similar errors: one pattern, or several that people merged. `sum`: of its patterns.

    `since_us`: since when `state` holds. `regressions`: how often it came back. `resolved_by`:
    who, `manager` where it was quiet long enough; None where it is not. `revision`: of
    the last version that is told to others, in state `told`; `dirty`: there is a newer.
    """

    issue_id: str
    scope: Scope
    title: str
    sum: Tally
    state: State = "new"
    since_us: int = 0
    regressions: int = 0
    resolved_by: str | None = None
    why: str | None = None
    revision: int = 0
    told: str = ""
    dirty: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of its errors."""
        return self.scope.kind


@dataclass(frozen=True, slots=True)
class Counted:
    """One error that was counted: where, and with what, so that it can be taken back.

    `print`: of all that was counted of it; another print is a correction.
    """

    key: str
    template_id: str
    ts_us: int
    agent: str
    model: str
    cost: int | None
    source: Literal["call", "tool"]
    variant: str
    print: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What must be stored together: the new versions, and what is gone.

    `gone_issues`: with the revision that says so. `horizon_us`: errors that began before are final;
    what was counted of them need not be known.
    """

    issues: tuple[Issue, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    counted: tuple[Counted, ...] = ()
    gone_issues: tuple[tuple[str, int], ...] = ()
    gone_patterns: tuple[str, ...] = ()
    gone_counted: tuple[str, ...] = ()
    horizon_us: int = 0

    def __bool__(self) -> bool:
        return bool(
            self.issues
            or self.patterns
            or self.counted
            or self.gone_issues
            or self.gone_patterns
            or self.gone_counted
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is remembered of issues between ticks and over restarts.

    `revision`: the highest that any version of an issue was given.
    """

    issues: tuple[Issue, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    counted: tuple[Counted, ...] = ()
    horizon_us: int = 0
    revision: int = 0


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=us)
