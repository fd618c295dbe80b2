"""Budgets that people set while the manager runs: a command to the ledger, done when it returns."""

import structlog

from manager_agent.contract.command import SetBudget
from manager_agent.control.clerk import Clerk
from manager_agent.control.keeper import KeeperError
from manager_agent.store.control_file import ControlStoreError

_log = structlog.get_logger()

_PATIENCE_SECONDS = 20.0


class BudgetDesk:
    """Takes commands about budgets. Methods may be called from any thread."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk
        self.policy = clerk.policy
        self.overridden = clerk.overridden

    def set(self, command: SetBudget) -> None:
        """Do what is commanded; durable on return, and on its way to the guards.

        Raises `ControlStoreError` where it cannot be kept; nothing has changed then.
        """
        try:
            self._clerk.ask(command).result(_PATIENCE_SECONDS)
        except (KeeperError, TimeoutError) as error:
            raise ControlStoreError(
                f"the budget of {command.agent} is not kept: {error!r}"
            ) from error
        _log.info(
            "budget set" if command.limits else "budget removed",
            agent=command.agent,
            who=command.who,
            why=command.why,
        )
