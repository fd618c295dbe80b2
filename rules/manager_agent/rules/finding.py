"""What a rule says is wrong now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from manager_agent.rules.message import Fact, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutes:
    """What a finding explains: people who were told of it need not be told of that as well.

    Meant are findings of `rule`: of `agents`, None being of all and of no agent; at most as severe
    as `upto`; whose evidence holds all of `facts`. What is muted is recorded all the same, and told
    when the cause is over and it is not. `why` is a part of a sentence: "its calls are stopped".
    """

    rule: str
    why: str
    agents: tuple[str, ...] | None = None
    upto: Severity = "warning"
    facts: Mapping[str, Fact] = field(default_factory=dict)

    linger: timedelta = timedelta(0)
    """How long what was muted stays so after its cause is over: for what takes a while to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong at this moment; a rule repeats it for as long as it stays wrong.

    `rule` and `subject` together are its identity: the same pair on the next tick is the same
    alert. `title` names the trouble without numbers; `headline` is one sentence with them;
    `evidence` the facts behind it, in the order people should read them.
    """

    rule: str
    subject: str
    agent: str | None
    severity: Severity
    title: str
    headline: str
    evidence: Mapping[str, Fact]
    level: int = 0
    """How far it has come, a number of the rule's own scale; each new high is told once."""

    hold: timedelta = timedelta(0)
    """How long it must stay wrong before it becomes an alert."""

    until: datetime | None = None
    """UTC; what was told is remembered so long, even if the trouble goes away and comes back."""

    tell_resolved: bool = False
    """Whether people are told when it is over; else it is only marked."""

    keep: timedelta = timedelta(0)
    """How long it must be gone before it counts as over, so that it does not come and go."""

    mutes: tuple[Mutes, ...] = ()
    """What it explains."""

    by_priority: bool = False
    """Whether it is a step more severe where the agent's priority is 1."""

    @property
    def key(self) -> tuple[str, str]:
        """The identity: rule and subject."""
        return (self.rule, self.subject)
