"""`manager-agent prices`."""

import json
import sys
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from manager_agent.api.sql_client import SqlClientError, query
from manager_agent.app.options import API_URL, Api, Json, api_token, told
from manager_agent.prices.check import UnpricedModel
from manager_agent.prices.check import check as lines_to_add
from manager_agent.prices.show import show as prices_of

_prices = typer.Typer(help="What models cost, and which have no price.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _prices.command()(show)
    _prices.command()(check)
    app.add_typer(_prices, name="prices")


def show(
    model: Annotated[str, typer.Argument(help="A model's name, as in llm_calls.")],
    provider: Annotated[str | None, typer.Option(help="Whose; else the name decides.")] = None,
    as_json: Json = False,
) -> None:
    """Show the listed prices of a model, USD for each unit."""
    rows = prices_of(model, provider)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], default=str))
    elif rows:
        table = Table()
        for name in ("provider", "model", "unit", "usd", "above input tokens", "from", "tier"):
            table.add_column(name, overflow="fold")
        for row in rows:
            start = str(row.start or "always")
            above = str(row.above_input_tokens)
            table.add_row(row.provider, row.model, row.unit, f"{row.usd}", above, start, row.tier)
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    if not rows:
        typer.echo(f"no price is known for {model!r}; add one under prices.custom", err=True)
        raise typer.Exit(1)


def check(as_json: Json = False, api_url: Api = API_URL) -> None:
    """List models called in the last 30 days without a price, and the lines that price them.

    Exit code 1 where there is one.
    """
    with told(SqlClientError):
        answer = query(api_url, _unpriced(), fresh=True, token=api_token())
    rows = [UnpricedModel(*row) for row in answer.rows]
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print(lines_to_add(rows), end="")
    raise typer.Exit(1 if rows else 0)


def _unpriced() -> str:
    return files(__package__).joinpath("sql").joinpath("unpriced.sql").read_text("utf-8")
