"""`manager-agent report`: what the manager tells people each hour, day and week, now."""

import json
import shutil
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get, post
from manager_agent.delivery.plain import text
from manager_agent.rules.message import Message, Section


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(report)


def report(
    kind: Annotated[str, typer.Argument(metavar="hourly|daily|weekly|issues")],
    send: Annotated[
        bool, typer.Option("--send", help="Also send it to where messages go.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Of the period that holds it, a date or an ISO time; else the last that is over.",
        ),
    ] = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Print a report; of a period that is not over, what there is so far."""
    path, asked = f"/api/v1/reports/{quote(kind, safe='')}", {} if at is None else {"at": at}
    with told(ManagerError):
        if send:
            found = post(api_url, path, asked)
        else:
            found = get(api_url, f"{path}?{urlencode(asked)}" if asked else path)
    if as_json:
        print(json.dumps(found))
        return
    print(text(_message(found), width=shutil.get_terminal_size().columns), end="")
    if send:
        print("\nsent")


def _message(found: dict[str, Any]) -> Message:
    """Return the message that the API tells of."""
    sections = tuple(
        Section(one["title"], one["text"], tuple(one["columns"]), tuple(map(tuple, one["rows"])))
        for one in found["sections"]
    )
    return Message(
        key=found["key"],
        alert_id="",
        kind=found["kind"],
        state="firing",
        severity="info",
        agent=None,
        headline=found["headline"],
        ts=datetime.fromisoformat(found["ts"]),
        facts=found["facts"],
        sections=sections,
    )
