"""The manager's commands. Each group is a file of its own; this one puts them together."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer

from manager_agent.app.version import VERSION

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cli_serve": ("serve",),
        "cli_demo": ("demo",),
        "cli_run": ("run",),
        "cli_decode": ("decode",),
        "cli_sql": ("sql",),
        "cli_view": ("status", "agents"),
        "cli_suggest": ("suggest",),
        "cli_report": ("report",),
        "cli_alerts": ("alerts",),
        "cli_budget": ("budget",),
        "cli_pause": ("pause", "resume"),
        "cli_breakers": ("breaker",),
        "cli_approvals": ("approvals",),
        "cli_archive": ("archive",),
        "cli_prices": ("prices",),
        "cli_rules": ("rules",),
        "cli_config": ("config",),
        "cli_tokens": ("tokens",),
        "cli_doctor": ("doctor",),
        "cli_bench": ("bench",),
        "cli_repair": ("repair",),
        "cli_backup": ("backup", "restore"),
        "cli_import": ("import",),
    }
)
"""The file of each command, in the order of the help."""


def built(command: str | None = None) -> typer.Typer:
    """Return the command line: all of it, or what holds `command`, where there is one.

    Whoever pauses an agent should not wait for the imports of all other commands.
    """
    app = typer.Typer(
        name="manager-agent",
        help="Meters, limits and explains what LLM agents spend.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(_common)
    holding = [part for part, commands in PARTS.items() if command in commands]
    for part in holding or PARTS:
        import_module(f"manager_agent.app.{part}").add_to(app)
    return app


def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if version:
        print(f"manager-agent {VERSION}")
        raise typer.Exit(0)


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code: 0 only on success."""
    app = built(arguments[0] if arguments else None)
    try:
        result = app(list(arguments), prog_name="manager-agent", standalone_mode=False)
    except typer.Abort:
        return 130
    except typer.Exit as done:
        return int(done.exit_code)
    except typer.TyperException as error:  # bad usage: it knows how to say what was wrong
        error.show()  # type: ignore[attr-defined]
        return 2
    return result if isinstance(result, int) else 0
