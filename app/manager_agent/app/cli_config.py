"""`manager-agent config`."""

import json
import os
from typing import Annotated

import typer

from manager_agent.app.configured import settings_from
from manager_agent.app.explain import UnknownKeyError
from manager_agent.app.explain import explain as explained
from manager_agent.app.explain import schema as json_schema
from manager_agent.app.options import Config, told
from manager_agent.app.settings import locate

_config = typer.Typer(help="The configuration: check it, have it explained.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _config.command()(check)
    _config.command()(explain)
    _config.command()(schema)
    app.add_typer(_config, name="config")


def check(config: Config = None) -> None:
    """Read the configuration; name every mistake at once."""
    with told():
        settings_from(config)
    print(f"{locate(config, os.environ) or 'no file: the defaults'}: ok")


def explain(
    key: Annotated[str | None, typer.Argument(help="Such as budgets.warn_at; all without.")] = None,
) -> None:
    """Say what a key means, its type and its default."""
    with told(UnknownKeyError):
        print(explained(key), end="")


def schema() -> None:
    """Print the JSON Schema, for editors."""
    print(json.dumps(json_schema(), indent=2))
