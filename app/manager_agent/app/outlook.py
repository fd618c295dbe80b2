"""What the API sees of a running manager."""

from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from manager_agent.analytics.frames import BudgetRow
from manager_agent.analytics.load import budget_rows
from manager_agent.api.guard import Denials
from manager_agent.api.services import BusyError, Health, Issues, Services
from manager_agent.app.alerting import alerting
from manager_agent.app.by_hand import by_hand
from manager_agent.app.delivering import channels_seen, slack_state
from manager_agent.app.manager import Manager, now
from manager_agent.app.oversight import oversight
from manager_agent.app.people import for_api
from manager_agent.app.reporting import reporting
from manager_agent.app.slack_side import SlackSide, slack_side
from manager_agent.app.troubles import NO_ILLNESS, troubles
from manager_agent.app.upkeep import upkeep
from manager_agent.app.version import VERSION
from manager_agent.contract.metric import Metric
from manager_agent.contract.token import Tokens
from manager_agent.control.keeper import KeeperError
from manager_agent.control.session import GuardService
from manager_agent.store.control_audit import Audit

P = ParamSpec("P")
T = TypeVar("T")


def services(manager: Manager, tokens: Tokens, guards: GuardService) -> Services:
    """Return what the API reads and does. `tokens`: its door's."""
    denied = Denials()

    def budgets() -> list[BudgetRow]:
        cursor = manager.facts.cursor()
        try:
            return budget_rows(cursor, now(), manager.ticker.policy)
        finally:
            cursor.close()

    return Services(
        started=manager.started,
        version=VERSION,
        clock=now,
        zone=manager.settings.zone,
        read=manager.facts.cursor,
        snapshots=manager.snapshots,
        settled=manager.intake.settled,
        sql=manager.sql,
        sealer=manager.sealer,
        alerts=manager.control.alerts,
        budgets=budgets,
        metrics=lambda: _metrics(manager, denied, guards),
        health=lambda: health(manager),
        slack=lambda: slack_state(manager),
        release=manager.worker.release,
        delivery=lambda: channels_seen(manager),
        # Who must show a token cannot be a page that took a name of ours.
        hosts=frozenset(["*"]) if tokens else frozenset(manager.settings.api.names),
        tokens=tokens,
        denied=denied,
        upkeep=upkeep(
            manager.facts,
            manager.intake,
            manager.room,
            manager.price,
            manager.commits.add,
            manager.settings.data_dir,
            now,
        ),
        by_hand=by_hand(
            manager.facts, manager.intake, manager.desk, manager.settings.budgets.enforcement, now
        ),
        oversight=oversight(manager.clerk),
        people=for_api(manager.people, manager.clerk),
        alerting=alerting(manager.settings, manager.ticker, manager.silences),
        issues=_issues(manager),
        reports=reporting(manager.reports, now),
        savings=lambda since, until: manager.suggesting.savings(since, until, now()),
    )


def answered(manager: Manager, seen: Services) -> tuple[Services, SlackSide | None]:
    """Return what the API sees with what Slack may send it, and who listens to Slack, if anybody.

    Needs a running loop.
    """
    manager.answers = side = slack_side(manager.settings, seen, Audit(manager.control).note, now)
    http = None if side is None else side.http
    return (seen if http is None else replace(seen, from_slack=http.answer)), side


def _metrics(manager: Manager, denied: Denials, guards: GuardService) -> list[Metric]:
    return [
        *manager.intake.metrics(),
        *manager.ticker.metrics(),
        *manager.worker.metrics(),
        *manager.snapshots.metrics(),
        *manager.sealer.metrics(),
        *manager.sql.metrics(),
        *denied.metrics(),
        *manager.room.metrics(),
        *manager.clerk.metrics(),
        *manager.truth.metrics(),
        *manager.outcomes.metrics(),
        *manager.reports.metrics(),
        *guards.metrics(),
        *(manager.answers.metrics() if manager.answers else []),
    ]


def _issues(manager: Manager) -> Issues:
    """Return what the API sees and does of issues; a disk that fails is busy."""
    desk = manager.issues
    return Issues(desk.all, _kept(desk.resolve), _kept(desk.merge), _kept(desk.split))


def _kept(do: Callable[P, T]) -> Callable[P, T]:
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return do(*args, **kwargs)
        except KeeperError as error:
            raise BusyError(f"it cannot be stored at present and was not done: {error}") from error

    return done


def health(manager: Manager) -> Health:
    """Return whether the manager does its work, and what keeps it from that."""
    reasons = [one.said for one in troubles(manager) if one.kind not in NO_ILLNESS]
    return Health(not reasons, tuple(reasons))
