"""Spans are the truth of what was spent: how the budget ledger learns of it and is held against it.

docs/decisions/0015-spans-are-the-truth.md
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from manager_agent.analytics.frames import LedgerRow
from manager_agent.app.budget_settings import conduct
from manager_agent.app.charging import Charging
from manager_agent.app.reconciling import Reconciling, gone
from manager_agent.app.settings import Settings
from manager_agent.contract.budget import BudgetPolicy, Group
from manager_agent.contract.metric import Metric
from manager_agent.control.clerk import Clerk, ClerkError
from manager_agent.control.views import AccountView
from manager_agent.store.duck import FactStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Truth:
    """What was spent without a guard is charged; what guards told is reconciled and compared."""

    clerk: Clerk
    policy: Callable[[], BudgetPolicy]
    charging: Charging
    reconciling: Reconciling

    def start(self) -> None:
        """Begin; before any fact is written, so that none is missed."""
        self.charging.start()
        self.reconciling.start()

    def stop(self) -> None:
        """Tell what is to be told yet, and end; before the clerk does. Safe to repeat."""
        self.reconciling.stop()
        self.charging.stop()

    def ledger(self) -> Sequence[LedgerRow]:
        """Return the ledger's limits for the rules; none while it does not answer."""
        try:
            views = self.clerk.accounts()
        except ClerkError as error:
            _log.warning("spans are not held against the ledger now", error=str(error))
            return ()
        return ledger_rows(views, self.policy())

    def metrics(self) -> list[Metric]:
        """Return the numbers of charging and reconciliation."""
        return [*self.charging.metrics(), *self.reconciling.metrics()]


def truth(
    settings: Settings,
    facts: FactStore,
    clerk: Clerk,
    policy: Callable[[], BudgetPolicy],
    clock: Callable[[], datetime],
) -> Truth:
    """Return it over the parts of a manager; `facts` tells it of what is spent from now on.

    `policy`: the limits that hold.
    """
    manner = conduct(settings)
    ceiling = 0 if manner.unpriced == "allow" else manner.ceiling_nano_per_mtok
    charging = Charging(facts.cursor, clerk.tell, settings.zone, ceiling, clock)
    facts.spent = charging.note
    reconciling = Reconciling(lambda: clerk.look(gone), facts.cursor, clerk.tell)
    return Truth(clerk, policy, charging, reconciling)


def ledger_rows(views: Sequence[AccountView], policy: BudgetPolicy) -> list[LedgerRow]:
    """Return the ledger's limits as the rules see them."""
    return [
        LedgerRow(
            *(view.scope, view.name, view.period, view.unit),
            agents=_agents(view, policy),
            guarded=view.spent - view.in_doubt - view.external,
            window_start=_moment(view.starts_us),
            resets_at=_moment(view.resets_at),
        )
        for view in views
    ]


def _agents(view: AccountView, policy: BudgetPolicy) -> frozenset[str] | None:
    if view.scope == "group":
        return policy.groups.get(view.name, Group()).agents
    return frozenset([view.name]) if view.scope == "agent" else None


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
