"""`manager-agent tokens`: make one, and see which are configured; no secret is shown twice."""

import json
import os
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from manager_agent.app.options import Config, Json, settings_from, told
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
    as_json: Json = False,
) -> None:
    """Print a fresh random token and the lines that configure it. It is stored nowhere."""
    if api and agent is not None:
        raise typer.BadParameter("a token for the API belongs to no agent; leave one of them out")
    secret = fresh_token()
    entry = {"token": secret} if agent is None else {"token": secret, "agent": agent}
    section = "api" if api else "receiver"
    if as_json:
        fingerprint = Token("", digest_of(secret)).fingerprint
        print(json.dumps({"section": section, **entry, "fingerprint": fingerprint}))
        return
    print(f"# in the manager's configuration, beside the tokens that are there:\n{section}:")
    print(f"  tokens:\n    - {json.dumps(entry)}")
    print(f"# in the environment of who {'asks' if api else 'sends'}:")
    if api:
        print(f"export MANAGER_API_TOKEN={secret}")
        return
    print(f"export MANAGER_TOKEN={secret}")
    print(f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{secret}")


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
