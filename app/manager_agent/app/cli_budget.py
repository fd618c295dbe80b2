"""`manager-agent budget`: where limits stand, other limits in mid-run, corrections."""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, delete, get, patch, post
from manager_agent.app.whose import AgentName, Fleet, GroupName, Whose, Why, whose

_budget = typer.Typer(help="What may be spent, and where it stands.", no_args_is_help=True)
_NO_LIMIT = "none"
_SHOWN = [
    *("of", "limit", "added", "spent", "reserved", "in doubt", "left"),
    *("resets at", "binds", "from"),
]

Usd = Annotated[str | None, typer.Option(metavar="USD", help="A sum like 2.50, or `none`.")]
Tokens = Annotated[str | None, typer.Option(metavar="TOKENS", help="A number, or `none`.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _budget.command("list")(list_budgets)
    _budget.command("set")(set_budget)
    _budget.command("reset")(reset)
    app.add_typer(_budget, name="budget")


def list_budgets(
    agent: Annotated[
        str | None, typer.Option(help="Only what holds for this agent: its own, groups', fleet's.")
    ] = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """List every limit: what was spent of it, what is held, what is left, until when."""
    with told(ManagerError):
        found = get(api_url, "/api/v1/budgets")
        if agent is not None:
            own = get(api_url, f"/api/v1/budgets/{quote(agent, safe='')}")
            groups = [group for group in found["groups"] if agent in group["agents"]]
            found = {"budgets": [own], "groups": groups, "fleet": found["fleet"]}
    rows = list(_rows(found))
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("there are no limits; set one by `manager-agent budget set`, or configure it")
        return
    print_rows(_SHOWN, [_shown(row) for row in rows])


def set_budget(
    agent: AgentName = None,
    group: GroupName = None,
    fleet: Fleet = False,
    hourly_usd: Usd = None,
    daily_usd: Usd = None,
    monthly_usd: Usd = None,
    hourly_tokens: Tokens = None,
    daily_tokens: Tokens = None,
    monthly_tokens: Tokens = None,
    as_configured: Annotated[
        bool, typer.Option("--as-configured", help="Let what is configured hold again.")
    ] = False,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Raise, lower or lift single limits at once; the others stay. They outlive a restart.

    The agent `default` stands for each one that has no entry of its own.
    """
    of = whose(fleet, agent=agent, group=group)
    usd = {"hourly": hourly_usd, "daily": daily_usd, "monthly": monthly_usd}
    tokens = {"hourly": hourly_tokens, "daily": daily_tokens, "monthly": monthly_tokens}
    body: dict[str, Any] = {
        **{f"{name}_limit_usd": _amount(name, "usd", said) for name, said in usd.items() if said},
        **{
            f"{name}_token_limit": _amount(name, "tokens", said)
            for name, said in tokens.items()
            if said
        },
    }
    if as_configured == bool(body):
        raise typer.BadParameter("name limits to set, such as --daily-usd 20, or --as-configured")
    with told(ManagerError):
        if as_configured:
            query = f"?{urlencode({'why': why})}" if why else ""
            found = delete(api_url, of.budget_path + query)
        else:
            found = patch(api_url, of.budget_path, {**body, "why": why})
    rows = list(_of_entry(of, found))
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print(f"{of} has no limits now")
        return
    print_rows(_SHOWN, [_shown(row) for row in rows])


def reset(
    agent: AgentName = None,
    group: GroupName = None,
    fleet: Fleet = False,
    period: Annotated[
        str | None, typer.Option(help="Only the limit by hour, day or month; else all.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Only usd or tokens; else both.")] = None,
    spent_usd: Annotated[str | None, typer.Option(help="What was spent in truth; else 0.")] = None,
    spent_tokens: Annotated[int | None, typer.Option(help="The same in tokens.")] = None,
    why: Why = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Say what was spent in the present windows: nothing, or a sum.

    What processes hold, and what is in doubt, stays so.
    """
    of = whose(fleet, agent=agent, group=group)
    usd = None if spent_usd is None else _amount("spent", "usd", spent_usd)
    body = {"period": period, "unit": unit, "spent_usd": usd, "spent_tokens": spent_tokens}
    with told(ManagerError):
        found = post(api_url, f"{of.budget_path}/reset", {**body, "why": why})
    if as_json:
        print(json.dumps(found))
        return
    now = f"${usd}" if usd else f"{spent_tokens or 0:,}"
    for window in found["corrected"]:
        print(f"{of}, {window}: {now} spent")


def _rows(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in found["budgets"]:
        yield from _of_entry(Whose("agent", entry["agent"]), entry)
    for entry in found["groups"]:
        yield from _of_entry(Whose("group", entry["group"]), entry)
    if found["fleet"]:
        yield from _of_entry(Whose("fleet"), found["fleet"])


def _of_entry(of: Whose, entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in entry["budgets"]:
        bound = {"enforcement": entry["enforcement"], "source": entry["source"]}
        yield {"scope": of.scope, "name": of.name or None, **row, **bound}


def _shown(row: dict[str, Any]) -> list[str]:
    limit = f"{_text(row, row['limit'])} by {row['period']}"
    more = row.get("added", ())  # an older manager does not tell
    added = ", ".join(f"{_text(row, one['amount'])} until {one['until']}" for one in more)
    amounts = [_text(row, row[name]) for name in ("spent", "reserved", "in_doubt", "left")]
    of = str(Whose(row["scope"], row["name"] or ""))
    return [of, limit, added or "-", *amounts, row["resets_at"], row["enforcement"], row["source"]]


def _text(row: dict[str, Any], amount: float) -> str:
    return f"${amount:,.4f}" if row["unit"] == "usd" else f"{amount:,} tokens"


def _amount(name: str, unit: str, said: str) -> str | int | None:
    """Return what a limit is set to; None is no limit. Raises `BadParameter`."""
    option = f"--{name}-{unit}"
    if said.strip().lower() == _NO_LIMIT:
        return None
    try:
        if unit == "tokens":
            return int(said.replace(",", "").replace("_", ""))
        found = Decimal(said.strip().removeprefix("$"))
    except (InvalidOperation, ValueError) as error:
        like = "a number like 100000" if unit == "tokens" else "USD like 2.50"
        raise typer.BadParameter(f"{option} = {said!r} must be {like}, or none") from error
    if not found.is_finite():
        raise typer.BadParameter(f"{option} = {said!r} must be a sum that ends")
    return str(found)
