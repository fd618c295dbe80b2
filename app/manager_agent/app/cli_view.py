"""Looking at a running manager: `status`, `agents`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(status)
    app.command()(agents)


def status(as_json: Json = False, api_url: Api = API_URL) -> None:
    """Say whether the manager is well, and what it sees."""
    with told(ManagerError):
        found = get(api_url, "/api/v1/manager/status")
        pauses = get(api_url, "/api/v1/pauses")["pauses"] if found["budgets"] else []
    if as_json:
        print(json.dumps({**found, "pauses": pauses}))
    else:
        print_rows(["", ""], [[key, _text(value)] for key, value in _lines(found, pauses)])
    raise typer.Exit(0 if found["status"] == "ok" else 1)


def agents(as_json: Json = False, api_url: Api = API_URL) -> None:
    """List the agents with their health and budgets."""
    with told(ManagerError):
        found = get(api_url, "/api/v1/manager/dashboard")["agents"]
    if as_json:
        print(json.dumps(found))
        return
    rows = [
        [each["agent"], _health(each), _budgets(each["budgets"]), each["calls_last_minute"]]
        for each in found
    ]
    print_rows(["agent", "health", "budgets", "calls last minute"], rows)


def _lines(found: dict[str, Any], pauses: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what is shown of a status, a line each; what guards hold in lines of its own."""
    for key, value in found.items():
        if key == "delivery":
            for one in value:
                why = f": {one['reason']}" if one["reason"] else ""
                yield f"delivery: {one['notifier']}", f"{one['state']}{why}"
            continue
        if key != "budgets":
            yield key, value
            continue
        yield "budget ledger", "ok" if value else "does not answer"
        for name, held in (value or {}).items():
            yield f"budgets: {name.replace('_', ' ')}", held
        for one in pauses:
            why = f": {one['why']}" if one["why"] else ""
            subject = f"{one['scope']} {one['name'] or ''}".strip()
            yield "paused", f"{subject} since {one['since']} by {one['by']}{why}"


def _health(agent: dict[str, Any]) -> str:
    return f"{agent['health']}, paused" if agent["paused"] else str(agent["health"])


def _budgets(rows: list[dict[str, Any]]) -> str:
    return "\n".join(f"{_amounts(row)} this {row['period']}" for row in rows)


def _amounts(row: dict[str, Any]) -> str:
    if row["unit"] == "usd":
        held = f" (${row['reserved']:,.2f} held)" if row["reserved"] else ""
        return f"${row['spent']:,.2f}{held} of ${row['limit']:,.2f}"
    held = f" ({row['reserved']:,} held)" if row["reserved"] else ""
    return f"{row['spent']:,}{held} of {row['limit']:,} tokens"


def print_rows(columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table; None is shown as a dash."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    console.print(table, markup=False)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
