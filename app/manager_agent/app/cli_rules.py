"""`manager-agent rules`."""

import json
from inspect import getdoc
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from manager_agent.app.cli_replay import replay
from manager_agent.app.cli_rules_test import run_tests
from manager_agent.app.options import Json
from manager_agent.rules.registry import catalog

_rules = typer.Typer(help="What the manager looks for.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _rules.command("list")(list_rules)
    _rules.command()(explain)
    _rules.command()(replay)
    _rules.command("test")(run_tests)
    app.add_typer(_rules, name="rules")


def list_rules(as_json: Json = False) -> None:
    """List the rules, a line each."""
    found = {name: _first_line(cls) for name, cls in catalog().items()}
    if as_json:
        print(json.dumps(found))
        return
    for name, line in found.items():
        print(f"{name:20} {line}")


def explain(name: Annotated[str, typer.Argument(help="A rule's name.")]) -> None:
    """Explain one rule and its settings (written under `rules.<name>`)."""
    cls: Any = catalog().get(name)
    if cls is None:
        typer.echo(f"no rule is called {name!r}; there are: {', '.join(catalog())}", err=True)
        raise typer.Exit(1)
    print(f"{name}\n\n{getdoc(cls)}\n\nSettings, under `rules: {{{name}: ...}}`:\n")
    schema = TypeAdapter(cls).json_schema()["properties"]
    for setting, about in schema.items():
        print(f"  {setting} (default {json.dumps(about.get('default'))})")
        print(f"      {about.get('description', '')}")
    if not schema:
        print("  none")


def _first_line(cls: Any) -> str:
    return (getdoc(cls) or "").split("\n")[0]
