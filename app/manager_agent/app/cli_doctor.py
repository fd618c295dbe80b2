"""`manager-agent doctor`: the agent's half, the same as in a light install."""

import typer

from manager_agent.instrumentation.doctor import main


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor() -> None:
    """Say whether this machine, as an agent's, can reach its manager, and what to do if not."""
    raise typer.Exit(main())
