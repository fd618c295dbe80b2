"""`manager-agent demo`."""

from typing import Annotated

import typer

from manager_agent.app.options import DataDir


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds, with a summary.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Watch a small fleet of real SDK clients spend, and one of them cross its budget.

    Needs no key, no Slack and no network: a local server plays OpenAI and Anthropic.
    """
    from manager_agent.app.demo.run import run

    raise typer.Exit(run(seconds, data_dir))
