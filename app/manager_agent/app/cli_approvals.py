"""`manager-agent approvals`: which calls wait for somebody's yes, and saying yes or no."""

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote

import typer

from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, get, post
from manager_agent.contract.until import end_of

_approvals = typer.Typer(help="Calls that wait for somebody's yes.", no_args_is_help=True)

Why = Annotated[str | None, typer.Option(help="For the audit, and for who asked.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _approvals.command("list")(list_approvals)
    _approvals.command("approve")(approve)
    _approvals.command("deny")(deny)
    app.add_typer(_approvals, name="approvals")


def list_approvals(
    everything: Annotated[
        bool, typer.Option("--all", help="Those of the last day that were answered, too.")
    ] = False,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """List the calls that wait, the newest first."""
    state = "" if everything else "?state=pending"
    with told(ManagerError):
        rows = get(api_url, f"/api/v1/approvals{state}")["approvals"]
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("no call waits for an approval")
        return
    print_rows(
        ["id", "state", "agent", "model", "at most", "why", "cheaper", "expires at", "by"],
        [
            [
                *(one["id"], one["state"], one["agent"], one["model"] or one["operation"]),
                *(_usd(one["cost_usd"]), one["limit_name"] or one["reason"], _cheaper(one)),
                *(one["expires_at"], one["by"]),
            ]
            for one in rows
        ],
    )


def approve(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `approvals list` shows it.")],
    amount: Annotated[
        str | None, typer.Option(help="Most that it may cost, USD; else as it asks.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Let like calls cost the amount in all until then: `2h`, `17:30`, ISO."),
    ] = None,
    cheaper: Annotated[
        bool, typer.Option("--cheaper", help="Have it made with the cheaper model.")
    ] = False,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Let one call be made; with --until, others like it, too."""
    body: dict[str, Any] = {} if why is None else {"why": why}
    with told(ManagerError, ValueError):
        if cheaper and (amount is not None or until is not None):
            raise ValueError("--cheaper takes neither --amount nor --until; leave them out")
        if amount is not None:
            body["amount_usd"] = str(_amount(amount))
        if until is not None:
            body["until"] = end_of(until, datetime.now().astimezone()).isoformat()
        if cheaper:
            body["choice"] = "cheaper"
        found = post(api_url, f"/api/v1/approvals/{quote(id_, safe='')}/approve", body)
    _print(found, as_json)


def deny(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `approvals list` shows it.")],
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Refuse a call; the same one is not asked about again for ten minutes."""
    body: dict[str, Any] = {} if why is None else {"why": why}
    with told(ManagerError):
        found = post(api_url, f"/api/v1/approvals/{quote(id_, safe='')}/deny", body)
    _print(found, as_json)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    most = f", at most {_usd(found['approved_usd'])}" if found.get("approved_usd") else ""
    if found.get("until"):
        most += f" in all until {found['until']}"
    if found.get("choice") == "cheaper":
        most += f" with {found['cheaper_model']}"
    print(f"{found['id']}: {found.get('state', 'decided')}{most}")


def _cheaper(one: dict[str, Any]) -> str:
    if not one["cheaper_model"]:
        return "-"
    return f"{one['cheaper_model']} {_usd(one['cheaper_cost_usd'])}"


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f"--amount {text!r} is no amount of USD; write it like 0.25") from None


def _usd(amount: float | None) -> str:
    if amount is None:
        return "-"
    return f"${Decimal(str(amount)):,f}"
