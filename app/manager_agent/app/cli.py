"""The manager's commands. Each group is a file of its own; this one puts them together."""

from collections.abc import Sequence
from typing import Annotated

import typer

from manager_agent.app import (
    cli_alerts,
    cli_approvals,
    cli_archive,
    cli_backup,
    cli_bench,
    cli_breakers,
    cli_budget,
    cli_config,
    cli_decode,
    cli_demo,
    cli_doctor,
    cli_import,
    cli_pause,
    cli_prices,
    cli_repair,
    cli_rules,
    cli_run,
    cli_serve,
    cli_sql,
    cli_suggest,
    cli_tokens,
    cli_view,
)
from manager_agent.app.version import VERSION

app = typer.Typer(
    name="manager-agent",
    help="Meters, limits and explains what LLM agents spend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (
    cli_serve,
    cli_demo,
    cli_run,
    cli_decode,
    cli_sql,
    cli_view,
    cli_suggest,
    cli_alerts,
    cli_budget,
    cli_pause,
    cli_breakers,
    cli_approvals,
    cli_archive,
    cli_prices,
    cli_rules,
    cli_config,
    cli_tokens,
    cli_doctor,
    cli_bench,
    cli_repair,
    cli_backup,
    cli_import,
):
    part.add_to(app)


@app.callback(invoke_without_command=True)
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
