"""What makes reports, as configured, and what the API sees of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import structlog

from manager_agent.api.services import BusyError, Reporting
from manager_agent.app.reports.desk import ReportDesk
from manager_agent.app.reports.period import KINDS, Kind
from manager_agent.app.reports.schedule import Plan
from manager_agent.app.settings import Settings
from manager_agent.app.suggesting import Suggesting
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.message import Message
from manager_agent.store.control import ControlStore
from manager_agent.store.duck import FactStore
from manager_agent.store.reports import ReportStore

_log = structlog.get_logger()


def plan_of(settings: Settings) -> Plan:
    """Return what is reported when, as configured."""
    told, when = settings.reports, settings.monitoring
    return Plan(
        zone=settings.zone,
        interval=timedelta(minutes=when.summary_interval_minutes),
        hour=when.daily_report_hour,
        kinds=frozenset(kind for kind in KINDS if getattr(told, kind)),
    )


def report_desk(
    settings: Settings,
    facts: FactStore,
    control: ControlStore,
    suggesting: Suggesting,
    policy: Callable[[], BudgetPolicy],
    wake: Callable[[], None],
) -> ReportDesk:
    """Return what makes the reports of a manager."""
    return ReportDesk(
        plan=plan_of(settings),
        read=facts.cursor,
        policy=policy,
        savings=suggesting.savings,
        store=ReportStore(control),
        wake=wake,
        quiet=settings.reports.when_quiet,
    )


def reporting(desk: ReportDesk, clock: Callable[[], datetime]) -> Reporting:
    """Return what the API shows and sends."""

    def send(kind: str, at: datetime | None, by: str) -> Message:
        try:
            sent = desk.send(cast(Kind, kind), at, clock())
        except KeeperError as error:
            raise BusyError(f"it cannot be kept at present and was not sent: {error}") from error
        _log.info("report asked for", report=sent.key, who=by)
        return sent

    return Reporting(
        report=lambda kind, at: desk.report(cast(Kind, kind), at, clock()),
        send=send,
    )
