"""`manager-agent breaker`: which circuit breakers are open, and holding them open or closed."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get, post
from manager_agent.contract.breaker_key import breaker_key
from manager_agent.contract.duration import seconds_of

_breakers = typer.Typer(
    help="Circuit breakers: of an agent, and of a provider's model family.", no_args_is_help=True
)

Key = Annotated[
    str,
    typer.Argument(help="An agent's name (agent:NAME where it has a slash), or PROVIDER/FAMILY."),
]
For = Annotated[
    str | None, typer.Option("--for", help="How long, such as 10m or 2h; else until a reset.")
]
Why = Annotated[str | None, typer.Option(help="For the audit, and for who is refused.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _breakers.command("list")(list_breakers)
    _breakers.command("open")(open_breaker)
    _breakers.command("close")(close_breaker)
    _breakers.command("reset")(reset_breaker)
    app.add_typer(_breakers, name="breaker")


def list_breakers(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """List the breakers that are not closed, or are held by somebody."""
    with told(ManagerError):
        found = get(api_url, "/api/v1/breakers")["breakers"]
    rows = [one for one in found if everything or one["state"] != "closed" or one["held"]]
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("all circuit breakers are closed")
        return
    print_rows(
        ["key", "state", "why", "until", "failures in a row"],
        [
            [one["key"], one["state"], _why(one), _until(one), one["failures_in_row"]]
            for one in rows
        ],
    )


def open_breaker(
    key: Key,
    hold: For = None,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Stop the calls of an agent, or to a model family, whatever succeeds."""
    _put(key, "open", hold, why, as_json, api_url)


def close_breaker(
    key: Key,
    hold: For = None,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Let calls pass, whatever fails."""
    _put(key, "close", hold, why, as_json, api_url)


def reset_breaker(key: Key, why: Why = None, as_json: Json = False, api_url: Api = API_URL) -> None:
    """Close a breaker, hold it no longer, and begin to count anew."""
    _put(key, "reset", None, why, as_json, api_url)


def _put(key: str, to: str, hold: str | None, why: str | None, as_json: bool, api_url: str) -> None:
    body: dict[str, Any] = {} if why is None else {"why": why}
    with told(ManagerError, ValueError):
        written = breaker_key(key).text
        if hold is not None:
            body["for_seconds"] = seconds_of(hold)
        found = post(api_url, f"/api/v1/breakers/{quote(written, safe='')}/{to}", body)
    if as_json:
        print(json.dumps(found))
        return
    held = found["held"]
    if held is None:
        print(f"{found['key']}: {found['state']}")
    else:
        end = f"until {held['until']}" if held["until"] else "until it is reset"
        print(f"{found['key']}: held {held['to']} {end}")


def _row(one: dict[str, Any]) -> list[Any]:
    return [one["key"], one["state"], _why(one), _until(one), one["failures_in_row"]]


def _why(one: dict[str, Any]) -> str:
    held = one["held"]
    if held is None:
        return one["reason"] or "-"
    return f"held by {held['by']}" + (f": {held['why']}" if held["why"] else "")


def _until(one: dict[str, Any]) -> str:
    held = one["held"]
    if held is not None:
        return held["until"] or "reset"
    if one["state"] == "half_open":
        return f"{one['probes_succeeded']} of 3 probes succeeded"
    return one["retry_at"] or "-"
