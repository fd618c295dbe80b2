"""All parts of a running manager, as those who wire, run and show it know them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from manager_agent.api.sql import SqlRunner
from manager_agent.app.budget_desk import BudgetDesk
from manager_agent.app.event_mirror import EventMirror
from manager_agent.app.issue_desk import IssueDesk
from manager_agent.app.issue_mirror import IssueMirror
from manager_agent.app.mirror import AlertMirror
from manager_agent.app.outcomes import SpanOutcomes
from manager_agent.app.own_rules import OwnRules
from manager_agent.app.people import People
from manager_agent.app.reports.desk import ReportDesk
from manager_agent.app.settings import Settings
from manager_agent.app.slack_side import SlackSide
from manager_agent.app.suggesting import Suggesting
from manager_agent.app.tick import Ticker
from manager_agent.app.truth import Truth
from manager_agent.control.clerk import Clerk
from manager_agent.control.service import ControlService
from manager_agent.delivery.worker import Worker
from manager_agent.receiver.call import Call
from manager_agent.receiver.entrance import Entrance
from manager_agent.store.control import ControlStore
from manager_agent.store.duck import FactStore
from manager_agent.store.room import Room
from manager_agent.store.sealing import Sealer
from manager_agent.store.silences import SilenceStore
from manager_agent.store.snapshot import Snapshots


@dataclass(slots=True)
class Commits:
    """Counts commits to the facts; has grown before a commit is acknowledged."""

    seq: int = 0

    def add(self) -> None:
        """Count one more."""
        self.seq += 1


@dataclass(slots=True)
class Manager:
    """All parts of a running manager."""

    settings: Settings
    facts: FactStore
    control: ControlStore
    intake: Entrance
    ticker: Ticker
    silences: SilenceStore
    own: OwnRules
    mirror: AlertMirror
    events: EventMirror
    issues: IssueDesk
    issue_mirror: IssueMirror
    desk: BudgetDesk
    commits: Commits
    worker: Worker
    snapshots: Snapshots
    sealer: Sealer
    sql: SqlRunner
    price: Callable[[Call], Call]
    room: Room
    agents: ControlService
    clerk: Clerk
    people: People
    truth: Truth
    outcomes: SpanOutcomes
    reports: ReportDesk
    suggesting: Suggesting
    slack: bool
    answers: SlackSide | None = None
    started: datetime = field(default_factory=lambda: now())


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)
