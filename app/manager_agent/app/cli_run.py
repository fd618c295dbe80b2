"""`manager-agent run`: listed and explained here; the dispatcher runs it without coming here."""

from typing import Annotated

import typer

from manager_agent.instrumentation.run import main

# What follows the command is the command's own, options included.
_AS_IT_IS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(context_settings=_AS_IT_IS, add_help_option=False)(run)


def run(
    command: Annotated[list[str] | None, typer.Argument(metavar="CMD [ARGUMENT ...]")] = None,
) -> None:
    """Run an agent with every LLM call metered, nothing changed in its code."""
    raise typer.Exit(main(command or []))
