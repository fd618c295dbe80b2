"""`manager-agent demo`."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds, with a summary.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the data there; else it is removed.")
    ] = None,
) -> None:
    """Watch a small fleet of real SDK clients spend, and one of them cross its budget.

    Needs no key, no Slack and no network: a local server plays OpenAI and Anthropic.
    """
    from manager_agent.app.demo.run import run

    raise typer.Exit(run(seconds, data_dir))
