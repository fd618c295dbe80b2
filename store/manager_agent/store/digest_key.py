"""The secret behind the digests of prompts and tool arguments: a file only its owner may read."""

import secrets
from pathlib import Path

from manager_agent.store.disk import create_private

_BYTES = 32


class DigestKeyError(Exception):
    """The key file cannot be used; the message names it and what to do."""


def digest_key(path: Path) -> bytes:
    """Return the key in `path`, made with mode 0600 if missing.

    Raises `DigestKeyError` where the file is damaged or others may read it.
    """
    key = secrets.token_bytes(_BYTES)
    try:
        create_private(path, key)
    except FileExistsError:
        return _read(path)
    return key


def _read(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise DigestKeyError(
            f"{path} has mode {mode:04o}: others may read it; run chmod 600 {path}"
        )
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise DigestKeyError(
            f"{path} holds {len(key)} bytes, not {_BYTES}; restore it from a backup, or delete it"
            " (digests made before then match no new ones)"
        )
    return key
