"""`manager-agent report`: what the manager tells people each hour, day and week, now."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get, post


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
    _print(found)
    if send:
        print("\nsent")


def _print(found: dict[str, Any]) -> None:
    print(found["headline"])
    for name, fact in found["facts"].items():
        print(f"  {name.replace('_', ' ')}: {'unknown' if fact is None else fact}")
    for section in found["sections"]:
        print(f"\n{section['title']}")
        if section["text"]:
            print(section["text"])
        if section["rows"]:
            print_rows(section["columns"], section["rows"])
