"""Bearer tokens: who may send or ask, told without ever keeping or comparing a secret itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Literal

SHORTEST = 16
"""Fewest characters of a token: what is shorter can be guessed over a network."""

_SCHEME = "bearer "
_FINGERPRINT_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is known: what it is called, whose it is, and its digest, never itself.

    `agent`: everything sent with it is booked on this agent; None: as the spans say.
    """

    name: str
    digest: bytes
    agent: str | None = None

    @property
    def fingerprint(self) -> str:
        """The first digits of the digest: enough to tell tokens apart, useless to a thief."""
        return self.digest.hex()[:_FINGERPRINT_DIGITS]


def digest_of(secret: str) -> bytes:
    """Return the digest by which a token is known."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class Denied:
    """Nobody who may: `reason` counts it, `message` tells the client what to send."""

    reason: Literal["token_missing", "token_unknown"]
    message: str


class Tokens:
    """The tokens of one door; without any, the door is open to all who reach it."""

    def __init__(self, known: Sequence[Token] = ()) -> None:
        self._known = tuple(known)

    def __bool__(self) -> bool:
        return bool(self._known)

    def check(self, authorization: str | None) -> Token | Denied:
        """Return whose token an `authorization` header shows.

        How long it takes depends neither on which token was meant nor on how much of it is right:
        digests are compared, all of them, each in constant time.
        """
        header = authorization or ""
        if header[: len(_SCHEME)].lower() != _SCHEME:
            return Denied(
                "token_missing", "a token is needed: send `authorization: Bearer <token>`"
            )
        shown = digest_of(header[len(_SCHEME) :].strip())
        found: Token | None = None
        for token in self._known:
            if compare_digest(token.digest, shown):
                found = token
        return found or Denied("token_unknown", "this token is not known here; check MANAGER_TOKEN")


def authorization_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str | None:
    """Return the `authorization` of a gRPC call's metadata."""
    for key, value in metadata or ():
        if key == "authorization" and isinstance(value, str):
            return value
    return None
