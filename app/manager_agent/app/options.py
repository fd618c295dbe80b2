"""Options that several commands share, and how their failures are told."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from manager_agent.app.config_errors import ConfigError
from manager_agent.app.rule_settings import rule_problems
from manager_agent.app.settings import Settings, load

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


def settings_from(
    config: Path | None, data_dir: Path | None = None, host: str | None = None
) -> Settings:
    """Return the configuration, `--data-dir` and `--host` laid over it. Raises `ConfigError`."""
    env = dict(os.environ)
    if data_dir is not None:
        env["MANAGER_DATA_DIR"] = str(data_dir)
    settings = load(config, env, rule_problems)
    if host is None:
        return settings
    doors = {
        "receiver": settings.receiver.model_copy(update={"host": host}),
        "api": settings.api.model_copy(update={"host": host}),
    }
    return settings.model_copy(update=doors)


@contextmanager
def told(*kinds: type[Exception]) -> Iterator[None]:
    """Turn expected failures into their message on stderr and exit code 1."""
    expected: tuple[type[Exception], ...] = (ConfigError, *kinds)
    try:
        yield
    except expected as error:
        print(f"manager-agent: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
