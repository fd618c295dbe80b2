"""`manager-agent decode`."""

import json
import os
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from manager_agent.app.configured import settings_from
from manager_agent.app.decode import Reading, decode
from manager_agent.app.options import Config, Json, told
from manager_agent.app.settings import custom_prices
from manager_agent.prices.book import PriceBook
from manager_agent.receiver.cost import costed

_SHOWN = (
    "agent",
    "provider",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cost_usd",
    "cost_source",
    "status",
    "emitters",
)


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="decode")(decode_files)


def decode_files(
    files: Annotated[list[str], typer.Argument(help="Recorded OTLP requests, protobuf or JSON.")],
    signal: Annotated[
        Literal["auto", "traces", "logs", "metrics"],
        typer.Option(help="auto goes by the file's name."),
    ] = "auto",
    together: Annotated[bool, typer.Option("--together", help="All files are one run.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what the manager makes of recorded OTLP requests, by the code that serves them."""
    with told():
        settings = settings_from(config)
    book = PriceBook(custom_prices(settings), settings.prices.discounts)
    failed = False
    for reading in decode(files, signal, together=together, cost=lambda call: costed(call, book)):
        failed = failed or reading.error is not None
        if as_json:
            print(json.dumps(reading.as_json()))
        else:
            _show(reading)
    raise typer.Exit(1 if failed else 0)


def _show(reading: Reading) -> None:
    width = None if os.isatty(1) else 160
    console = Console(width=width)
    found = reading.as_json()
    table = Table(title=str(reading.file or "all files"), title_justify="left")
    for name in _SHOWN:
        table.add_column(name, overflow="fold")
    for call in found["calls"]:
        table.add_row(*("-" if call[name] is None else str(call[name]) for name in _SHOWN))
    console.print(table)
    for reason, number in found["dropped"].items():
        console.print(f"dropped: {number} x {reason}", markup=False)
    if reading.error:
        console.print(f"error: {reading.error}", markup=False)
