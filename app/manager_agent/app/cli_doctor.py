"""`manager-agent doctor`: the agent's half, as in a light install, and whom the manager reaches."""

from collections.abc import Mapping
from typing import Any

import typer

from manager_agent.app.options import API_URL, Api
from manager_agent.app.rest import ManagerError, get
from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.doctor import main, show

_WELL = ("ok", "untried")
_REMEDIES = {
    "stopped": "mend that, then run `manager-agent alerts test`: where all passes it goes on",
    "retrying": "it is tried again by itself, and nothing is lost meanwhile",
}


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor(api_url: Api = API_URL) -> None:
    """Say whether this machine, as an agent's, can reach its manager, and the manager its people.

    What is wrong is said with what to do. Exit code 1 where anything is.
    """
    code = main()
    raise typer.Exit(show(deliveries(api_url)) or code)


def deliveries(api_url: str) -> list[Check]:
    """Return how each of the manager's notifiers is doing; none where the manager does not say.

    That it cannot be reached, the agent's half has said.
    """
    try:
        status = get(api_url, "/api/v1/manager/status")
    except ManagerError:
        return []
    return [_delivery(one) for one in status.get("delivery", ())]


def _delivery(one: Mapping[str, Any]) -> Check:
    state, reason = str(one["state"]), one.get("reason")
    found = f"{one['notifier']}: {state}" + (f", {reason}" if reason else "")
    well = state in _WELL
    return Check(well, "delivery", found, "" if well else _REMEDIES.get(state, ""))
