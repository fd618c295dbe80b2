"""One look at the world: frames from the rollups, findings, and what follows, kept together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Literal

import duckdb
import polars as pl
import structlog

from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.frames import RUNS, Frames, LedgerRow, Thresholds
from manager_agent.app.breakers_frame import breakers_frame
from manager_agent.app.evaluations import Evaluations
from manager_agent.app.issue_desk import IssueDesk
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.metric import Metric, Sample
from manager_agent.control.breaker_rows import BreakerView
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.finding import Finding
from manager_agent.rules.look import look
from manager_agent.rules.memory import Memory
from manager_agent.rules.rule import Rule
from manager_agent.rules.silence import Silence
from manager_agent.rules.step import step
from manager_agent.store.control import ControlStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Beside:
    """What rules found that are not asked in the look, but beside it: those that are SQL.

    `names`: all of them. `failed`: the errors of those that broke, by name. `waiting`: those that
    have no answer yet.
    """

    names: frozenset[str] = frozenset()
    findings: Sequence[Finding] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()


@dataclass(slots=True)
class Ticker:
    """Runs the rules. `read` gives a cursor on the facts, `committed` is told of new messages.

    `ledger` gives the limits as the budget ledger has them; `drift` is how far it was from the
    spans at the last look, in nano-USD, by scope, name and period. `act` is given each alert that
    changed, before that is remembered: what it does may be done twice, and is never forgotten.
    `silences` gives all there are, `beside` what was found beside the look. `remind`: how often
    people hear what is still open. `unusable`: why rules of other packages cannot be asked.
    `issues` groups what failed; `breakers` gives those of the fleet, `runs` the frame of what runs
    cost; `own` adds the frames of what only a running manager knows.
    """

    read: Callable[[], duckdb.DuckDBPyConnection]
    control: ControlStore
    rules: Sequence[Rule]
    policy: BudgetPolicy
    committed: Callable[[], None]
    ticks: int = 0
    failures: int = 0
    seconds: float = 0.0
    broken: dict[str, str] = field(default_factory=dict)
    ledger: Callable[[], Sequence[LedgerRow]] = tuple
    drift: dict[tuple[str, str, str], int] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    silences: Callable[[], Sequence[Silence]] = tuple
    beside: Callable[[], Beside] = Beside
    remind: timedelta | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)
    evaluations: Evaluations = field(default_factory=Evaluations)
    source: FrameSource = field(default_factory=FrameSource)
    act: Callable[[Sequence[AlertRow]], None] = lambda changed: None
    issues: IssueDesk | None = None
    breakers: Callable[[], Sequence[BreakerView]] = tuple
    runs: Callable[[datetime], pl.DataFrame] = lambda now: pl.DataFrame(schema=RUNS)
    own: Callable[[Frames, datetime], Frames] = lambda frames, now: frames

    def tick(self, now: datetime) -> None:
        """Look once at `now` (UTC), and commit memory and messages in one transaction.

        Raises what the stores raise; then nothing has changed, and the next tick sees the same.
        """
        started = perf_counter()
        cursor = self.read()
        try:
            # First the ledger: spans that come meanwhile are of what it knows.
            ledger = self.ledger()
            frames = self.source.frames(cursor, now, self.policy, ledger, self.thresholds)
        finally:
            cursor.close()
        frames = replace(frames, breakers=breakers_frame(self.breakers()), runs=self.runs(now))
        frames = self.own(frames, now)
        if self.issues is not None:
            frames = self.issues.follow(frames, now)
        seen, beside = look(self.rules, frames, now), self.beside()
        self.evaluations.add(now, seen.asked)
        for name, error in seen.failed.items():
            _log.error("a rule broke", rule=name, error=error)
        broken = {**self.unusable, **seen.failed, **beside.failed}
        memory = self.control.memory()
        done = step(
            *(memory, [*seen.findings, *beside.findings], now),
            broken.keys() | beside.waiting,
            silences=self.silences(),
            gone=_rules_of(memory) - seen.asked.keys() - broken.keys() - beside.names,
            remind=self.remind,
        )
        self.act(done.alerts)
        self.control.commit(done)
        self.broken = broken
        self.drift = {
            (row["scope"], row["name"], row["period"]): row["ledger"] - row["spans"]
            for row in frames.guarded.iter_rows(named=True)
            if row["unit"] == "usd"
        }
        self.ticks += 1
        self.seconds = perf_counter() - started
        if done.alerts or done.messages:
            self.committed()

    def follow(self, policy: BudgetPolicy) -> None:
        """Look at `policy` from the next look on."""
        self.policy = policy

    def metrics(self) -> list[Metric]:
        """Return the numbers of the rule engine."""
        return [
            _metric("manager_ticks_total", "counter", "Looks taken.", self.ticks),
            _metric("manager_tick_failures_total", "counter", "Looks that failed.", self.failures),
            _metric("manager_tick_seconds", "gauge", "Time of the last look.", self.seconds),
            _metric("manager_rules_broken", "gauge", "Rules that raise.", len(self.broken)),
            *self.evaluations.metrics(),
            Metric(
                "manager_budget_drift_usd",
                "gauge",
                "What guards reported as spent in a window, less what their calls' spans cost.",
                [
                    Sample(nano / 1e9, tuple(zip(("scope", "name", "period"), of, strict=True)))
                    for of, nano in sorted(self.drift.items())
                ],
            ),
        ]


def _rules_of(memory: Memory) -> set[str]:
    return {alert.finding.rule for alert in memory.alerts}


def _metric(name: str, kind: Literal["counter", "gauge"], text: str, value: float) -> Metric:
    return Metric(name, kind, text, [Sample(value)])
