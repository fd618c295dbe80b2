"""What the API does by hand, put together: calls go the way of spans, budgets to the desk."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from manager_agent.analytics.frames import BudgetRow
from manager_agent.analytics.load import budget_rows
from manager_agent.api.services import BusyError, ByHand
from manager_agent.app.budget_desk import BudgetDesk
from manager_agent.contract.budget import Enforcement
from manager_agent.contract.command import RecordCall
from manager_agent.receiver.answer import Refused
from manager_agent.receiver.by_hand import request_of
from manager_agent.receiver.entrance import Entrance
from manager_agent.store.duck import FactStore


def by_hand(
    facts: FactStore,
    intake: Entrance,
    desk: BudgetDesk,
    enforcement: Enforcement,
    clock: Callable[[], datetime],
) -> ByHand:
    """Return it over the parts of a running manager."""

    async def record(calls: Sequence[RecordCall]) -> None:
        answer = await asyncio.wrap_future(intake.offer(request_of(calls)))
        if isinstance(answer, Refused):
            raise BusyError(answer.message)

    def rows_of(agent: str) -> list[BudgetRow]:
        cursor = facts.cursor()
        try:
            return budget_rows(cursor, clock(), desk.policy(), only=agent)
        finally:
            cursor.close()

    return ByHand(record, rows_of, desk.policy, desk.overridden, desk.set, enforcement)
