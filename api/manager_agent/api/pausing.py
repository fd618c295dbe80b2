"""What is paused, and whether an agent is, by itself or by what it is part of."""

from collections.abc import Callable

from manager_agent.api.services import Oversight
from manager_agent.control.views import PauseView


def stopped(oversight: Oversight | None) -> Callable[[str], PauseView | None]:
    """Return who tells what stops all calls of an agent: its own pause, a group's or the fleet's.

    Raises `BusyError`.
    """
    if oversight is None:
        return lambda agent: None
    groups = oversight.policy().groups
    paused: dict[tuple[str, str], PauseView] = {
        (one.scope, one.name): one for one in oversight.paused()
    }

    def stopping(agent: str) -> PauseView | None:
        mine = [name for name, group in groups.items() if agent in group.agents] if paused else []
        names = [("agent", agent), *(("group", name) for name in mine), ("fleet", "")]
        return next((found for name in names if (found := paused.get(name))), None)

    return stopping
