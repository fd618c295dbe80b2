"""Options that several commands share, and how their failures are told.

Light: `manager-agent pause` must not wait for imports of what it does not use.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from manager_agent.app.config_error import ConfigError

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="MANAGER_CONFIG_PATH",
        help="Configuration file; default config/manager_agent.yaml where that is.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="MANAGER_DATA_DIR",
        help="Where databases lie; default ~/.manager-agent.",
    ),
]
Api = Annotated[
    str,
    typer.Option("--api-url", envvar="MANAGER_API_URL", help="Address of the running manager."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

API_URL = "http://127.0.0.1:5002"


def api_token() -> str | None:
    """Return the token to show to the API, None where none is set."""
    return os.environ.get("MANAGER_API_TOKEN") or os.environ.get("MANAGER_TOKEN") or None


@contextmanager
def told(*kinds: type[Exception]) -> Iterator[None]:
    """Turn expected failures into their message on stderr and exit code 1."""
    expected: tuple[type[Exception], ...] = (ConfigError, *kinds)
    try:
        yield
    except expected as error:
        print(f"manager-agent: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
