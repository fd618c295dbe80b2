"""Tokens as configured -> tokens as the doors know them: read, checked, and reduced to digests."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from manager_agent.app.sections import TokenEntry
from manager_agent.contract.token import SHORTEST, Token, Tokens, digest_of

_MOST_BYTES = 4096
_CURE = "`manager-agent tokens new` makes one"


class TokenError(Exception):
    """A configured token cannot be used; the message names its key and never the secret."""


def fresh_token() -> str:
    """Return a new random token of 256 bits; its first letters let scanners find a leaked one."""
    return f"mgr_{secrets.token_urlsafe(32)}"


def tokens_from(key: str, entries: Sequence[TokenEntry], env: Mapping[str, str]) -> Tokens:
    """Return the tokens configured under `key`. Raises `TokenError`."""
    return Tokens(known_tokens(key, entries, env))


def known_tokens(key: str, entries: Sequence[TokenEntry], env: Mapping[str, str]) -> list[Token]:
    """Return the tokens configured under `key`, in order. Raises `TokenError`."""
    known: dict[bytes, str] = {}
    found = []
    for number, entry in enumerate(entries):
        place = f"{key}[{number}]"
        digest = digest_of(_secret(place, entry, env))
        if digest in known:
            raise TokenError(
                f"{place}: is the same token as {known[digest]}; remove one of them, or give each"
                f" sender its own: {_CURE}"
            )
        known[digest] = place
        found.append(Token(entry.name or entry.agent or f"token {number}", digest, entry.agent))
    return found


def _secret(place: str, entry: TokenEntry, env: Mapping[str, str]) -> str:
    if entry.token is not None:
        return _checked(f"{place}.token", entry.token.get_secret_value())
    if entry.token_env is not None:
        name = f"{place}.token_env"
        if not env.get(entry.token_env):
            raise TokenError(
                f"{name}: the environment variable {entry.token_env} is not set; set it, or name"
                " another"
            )
        return _checked(name, env[entry.token_env])
    assert entry.token_file is not None, "the section asks for one of the three"
    return _checked(f"{place}.token_file", _read(f"{place}.token_file", entry.token_file))


def _read(name: str, path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(_MOST_BYTES).decode("ascii").strip()
    except OSError as error:
        raise TokenError(
            f"{name}: {path} cannot be read ({error.strerror}); name a file that the manager may"
            " read"
        ) from error
    except UnicodeDecodeError as error:
        raise TokenError(f"{name}: {path} holds no token but other bytes; {_CURE}") from error


def _checked(name: str, secret: str) -> str:
    if len(secret) < SHORTEST:
        raise TokenError(
            f"{name}: the token has {len(secret)} characters; at least {SHORTEST} are needed, or"
            f" it can be guessed: {_CURE}"
        )
    if not all("!" <= letter <= "~" for letter in secret):
        raise TokenError(
            f"{name}: the token has characters that no header can carry; use letters and digits:"
            f" {_CURE}"
        )
    return secret
