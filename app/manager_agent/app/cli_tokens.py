"""`manager-agent tokens`: make one, and see which are configured; no secret is shown twice."""

import json
import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from manager_agent.app.configured import settings_from
from manager_agent.app.options import Config, Json, told
from manager_agent.app.settings import Settings
from manager_agent.app.tokens import TokenError, fresh_token, known_tokens
from manager_agent.contract.token import Token, digest_of

_tokens = typer.Typer(help="Tokens by which senders and askers are known.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _tokens.command("new")(new)
    _tokens.command("list")(list_tokens)
    app.add_typer(_tokens, name="tokens")


def new(
    agent: Annotated[
        str | None, typer.Option(help="Book everything sent with it on this agent.")
    ] = None,
    api: Annotated[
        bool, typer.Option("--api", help="For the API instead of the receiver.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(help="Write it to this new file, for you alone to read, and do not print it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a fresh random token; print the lines that configure it. It is stored nowhere else."""
    if api and agent is not None:
        raise typer.BadParameter("a token for the API belongs to no agent; leave one of them out")
    secret = fresh_token()
    entry = {"token": secret}
    if file is not None:
        with told(OSError):
            _write(file, secret)
        entry = {"token_file": str(file)}
    if agent is not None:
        entry["agent"] = agent
    section = "api" if api else "receiver"
    if as_json:
        fingerprint = Token("", digest_of(secret)).fingerprint
        print(json.dumps({"section": section, **entry, "fingerprint": fingerprint}))
        return
    print(f"# in the manager's configuration, beside the tokens that are there:\n{section}:")
    print(f"  tokens:\n    - {json.dumps(entry)}")
    print(f"# in the environment of who {'asks' if api else 'sends'}:")
    shown = secret if file is None else f"$(cat {shlex.quote(str(file))})"
    if api:
        print(f"export MANAGER_API_TOKEN={shown}")
        return
    print(f"export MANAGER_TOKEN={shown}")
    print(f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{shown}")


def _write(file: Path, secret: str) -> None:
    """Write a file that its owner alone may read; never over one that is there."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as opened:
        opened.write(f"{secret}\n")


def list_tokens(config: Config = None, as_json: Json = False) -> None:
    """List the configured tokens: their names, agents and fingerprints, never a secret."""
    with told(TokenError):
        rows = _rows(settings_from(config))
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("no tokens are configured; `manager-agent tokens new` makes one")
        return
    table = Table("section", "name", "agent", "fingerprint")
    for row in rows:
        table.add_row(row["section"], row["name"], row["agent"] or "-", row["fingerprint"])
    Console().print(table, markup=False)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "section": section,
            "name": token.name,
            "agent": token.agent,
            "fingerprint": token.fingerprint,
        }
        for section, entries in (
            ("receiver", settings.receiver.tokens),
            ("api", settings.api.tokens),
        )
        for token in known_tokens(f"{section}.tokens", entries, os.environ)
    ]
