"""`manager-agent pause` and `resume`: stop what spends in under a second, and let it go on."""

import json
from typing import Annotated, Any

import typer

from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, post
from manager_agent.app.whose import AgentName, Fleet, GroupName, Whose, Why, whose

Conversation = Annotated[
    str | None, typer.Option("--conversation", help="Its id, as `gen_ai.conversation.id` has it.")
]
Trace = Annotated[
    str | None, typer.Option("--trace", help="A trace id; or a span id, for what lies below it.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(pause)
    app.command()(resume)


def pause(
    agent: AgentName = None,
    group: GroupName = None,
    fleet: Fleet = False,
    conversation: Conversation = None,
    trace: Trace = None,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Refuse all calls of an agent, a group, the fleet, a conversation or a trace from now on.

    Calls that are under way end as they would. A pause outlives a restart of the manager.
    """
    of = whose(fleet, agent=agent, group=group, conversation=conversation, trace=trace)
    found = _done(api_url, of, "pause", why)
    _print(of, found, as_json)


def resume(
    agent: AgentName = None,
    group: GroupName = None,
    fleet: Fleet = False,
    conversation: Conversation = None,
    trace: Trace = None,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Let go on what was paused; that it was not paused is no failure."""
    of = whose(fleet, agent=agent, group=group, conversation=conversation, trace=trace)
    found = _done(api_url, of, "resume", why)
    _print(of, found, as_json)


def _done(api_url: str, of: Whose, what: str, why: str | None) -> dict[str, Any]:
    with told(ManagerError):
        found: dict[str, Any] = post(api_url, f"{of.path}/{what}", {"why": why})
    return found


def _print(of: Whose, found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    if not found["paused"]:
        print(f"{of} is not paused")
        return
    why = f": {found['why']}" if found["why"] else ""
    print(f"{of} is paused since {found['since']} by {found['by']}{why}")
