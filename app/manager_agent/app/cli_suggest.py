"""`manager-agent suggest`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get
from manager_agent.contract.duration import seconds_of

_SECONDS = 180.0
"""More than a look and the wait for another take."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(suggest)


def suggest(
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far back: 30d, 12h.")] = "30d",
    queries: Annotated[
        bool, typer.Option("--queries", help="With the SQL that proves each.")
    ] = False,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Say what could be cheaper, by how much a month, and how to try it."""
    with told(ManagerError, ValueError):
        start = datetime.now(UTC) - timedelta(seconds=seconds_of(since))
        asked = urlencode({"since": start.isoformat()})
        answer = get(api_url, f"/api/v1/suggestions?{asked}", seconds=_SECONDS)
    found = answer["suggestions"]
    if as_json:
        print(json.dumps(found))
        return
    if not found:
        print("nothing to suggest that saves a dollar a month")
        return
    rows = [
        [
            f"${one['saves_low_usd_per_month']:,.2f} to ${one['saves_high_usd_per_month']:,.2f}",
            one["kind"],
            one["agent"],
            one["model"],
            f"{one['calls']:,}",
        ]
        for one in found
    ]
    print_rows(["a month", "what", "agent", "model", "calls"], rows)
    if answer["calls_looked_at"] < answer["calls"]:
        print(_sample(answer))
    for kind, how in {one["kind"]: one["how_to_try"] for one in found}.items():
        print(f"\n{kind}: {how}")
    for one in found if queries else ():
        print(f"\n-- {one['kind']} of {one['agent']}\n{one['query']};")


def _sample(answer: Mapping[str, Any]) -> str:
    """Say of what sample the sums are, and how far off the first may be."""
    error = answer["suggestions"][0]["error_percent"]
    off = (
        "by how much they may be off is not known" if error is None else f"the first +-{error:g} %"
    )
    return (
        f"reckoned from {answer['calls_looked_at']:,} of {answer['calls']:,} calls,"
        f" spread over the time: {off}; --json says it of each"
    )
