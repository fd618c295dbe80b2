"""How one provider's protocol is read: what each `*_wire.py` offers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.told import Told


class StreamReader(Protocol):
    """Reads a stream's bytes as they pass; keeps what it tells, never the stream."""

    def feed(self, data: bytes) -> None:
        """Read on; `data` is decoded (no compression), cut anywhere. Never raises."""

    def told(self) -> Told:
        """Return what was told up to here."""


class Headers(Protocol):
    """Headers of an answer, as any client has them: names in any case."""

    def get(self, name: str, default: str, /) -> str | None:
        """Return one header's value."""


def _as_told(told: Told, headers: Headers) -> Told:
    """Headers say nothing more."""
    return told


def _no_glance(endpoint: Endpoint, body: bytes) -> Asked | None:
    return None


def _not_counted(endpoint: Endpoint, body: bytes) -> Told | None:
    return None


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol, pure; none of the functions raises on any bytes.

    `asked`: (endpoint, body or None where it cannot be read) -> what is asked for. `whole`:
    (endpoint, HTTP status, decoded body) -> what is told. `stream`: (endpoint, content type) -> a
    reader for an answer in pieces. `refusal`: (refusal, HTTP status) -> the JSON of an error as
    this provider words it, so that its SDK shows the message. `headers`: (what is told, the
    answer's headers) -> the same with what only the headers say.

    Two are quick, on the way of every call, and return None where they are not sure: `glance`:
    what `asked` does, less the weight of a prompt that is nothing but text. `counted`: (endpoint,
    body of a whole answer that is no error) -> its usage, model, tier and cost, as `whole` has
    them, where it counts all its input and output.
    """

    asked: Callable[[Endpoint, bytes | None], Asked]
    whole: Callable[[Endpoint, int, bytes], Told]
    stream: Callable[[Endpoint, str], StreamReader]
    refusal: Callable[[Refuse, int], bytes]
    headers: Callable[[Told, Headers], Told] = _as_told
    glance: Callable[[Endpoint, bytes], Asked | None] = _no_glance
    counted: Callable[[Endpoint, bytes], Told | None] = _not_counted
