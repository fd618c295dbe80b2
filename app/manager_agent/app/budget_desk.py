"""Budgets as they stand: what is configured, and what was set over it while the manager runs."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import structlog

from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.contract.command import SetBudget
from manager_agent.store.control_budgets import BudgetStore

_log = structlog.get_logger()

DEFAULT = "default"
"""Stands for each agent that has no entry of its own, as in the configuration."""


class BudgetDesk:
    """Takes commands about budgets. Methods may be called from any thread."""

    def __init__(
        self,
        store: BudgetStore,
        configured: BudgetPolicy,
        changed: Callable[[BudgetPolicy], None],
    ) -> None:
        """Raises `ControlStoreError`. `changed` is told what holds: at once, and after a change."""
        self._store = store
        self._configured = configured
        self._changed = changed
        self._lock = Lock()
        self._overrides = store.overrides()
        self._policy = laid_over(configured, self._overrides)
        changed(self._policy)

    def policy(self) -> BudgetPolicy:
        """Return the budgets that hold."""
        return self._policy

    def overridden(self) -> frozenset[str]:
        """Return the agents, `default` among them, whose budgets were set over the configured."""
        return frozenset(self._overrides)

    def set(self, command: SetBudget) -> None:
        """Do what is commanded; durable on return.

        Raises `ControlStoreError` where it cannot be kept; nothing has changed then.
        """
        with self._lock:
            overrides = {k: v for k, v in self._overrides.items() if k != command.agent}
            if command.limits is not None:
                overrides[command.agent] = command.limits
            self._store.put(command, _entry(self._policy, command.agent))
            self._overrides = overrides
            self._policy = laid_over(self._configured, overrides)
            self._changed(self._policy)
        _log.info(
            "budget set" if command.limits else "budget removed",
            agent=command.agent,
            who=command.who,
            why=command.why,
        )


def laid_over(configured: BudgetPolicy, overrides: dict[str, Limits]) -> BudgetPolicy:
    """Return `configured` with `overrides` in place of the entries of their agents."""
    own = {agent: limits for agent, limits in overrides.items() if agent != DEFAULT}
    return replace(
        configured,
        default=overrides.get(DEFAULT, configured.default),
        agents={**configured.agents, **own},
    )


def _entry(policy: BudgetPolicy, agent: str) -> Limits | None:
    return policy.default if agent == DEFAULT else policy.limits_of(agent)
