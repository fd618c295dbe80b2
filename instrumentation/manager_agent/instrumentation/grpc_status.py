"""How a call over gRPC ended: what headers and trailers say of it."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
_BY_HTTP = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
"""What gRPC says of answers of others: a proxy, a web server."""
_BY_RESET = {
    3: "RESOURCE_EXHAUSTED",  # FLOW_CONTROL_ERROR, by a server that has no room
    7: "UNAVAILABLE",  # REFUSED_STREAM
    8: "CANCELLED",
    11: "RESOURCE_EXHAUSTED",  # ENHANCE_YOUR_CALM
    12: "PERMISSION_DENIED",  # INADEQUATE_SECURITY
}
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_MOST_CHARACTERS = 1000
"""A message of a server is put into a line of the agent's log."""

Headers = Mapping[str, str]


class Status(NamedTuple):
    """How it ended: one of gRPC's codes by name, and what was said."""

    code: str
    message: str = ""


OK = Status("OK")


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers or trailers as text; of one that comes twice, the last."""
    return {key.decode("latin-1"): value.decode("utf-8", "replace") for key, value in pairs}


def of_headers(headers: Headers) -> Status | None:
    """Return how it ended by the first headers of an answer; None where an answer follows."""
    if "grpc-status" in headers:
        return of_trailers(headers)
    said = headers.get(":status", "")
    if said != "200":
        code = _BY_HTTP.get(int(said), "UNKNOWN") if said.isdecimal() else "UNKNOWN"
        return Status(code, f"HTTP {said[:20]}, which is not of gRPC")
    kind = headers.get("content-type", "")
    if not kind.startswith("application/grpc"):
        return Status("UNKNOWN", f"the answer is {kind[:80] or 'of no type'}, not of gRPC")
    return None


def of_trailers(trailers: Headers) -> Status:
    """Return how it ended by what came last."""
    said = trailers.get("grpc-status")
    if said is None:
        return Status("UNKNOWN", "the answer ended without grpc-status")
    known = said.isascii() and said.isdecimal() and len(said) <= 2 and int(said) < len(_NAMES)
    message = unescaped(trailers.get("grpc-message", ""))[:_MOST_CHARACTERS]
    return Status(_NAMES[int(said)] if known else "UNKNOWN", message)


def of_reset(error_code: int) -> Status:
    """Return how it ended where the server reset the stream, by HTTP/2's code of errors."""
    return Status(_BY_RESET.get(error_code, "INTERNAL"), f"the stream was reset ({error_code})")


def unescaped(text: str) -> str:
    """Return what a percent-encoded text says; what is no such code stays as it is."""
    pieces = _ESCAPED.split(text)
    raw = b"".join(
        bytes.fromhex(piece) if at % 2 else piece.encode() for at, piece in enumerate(pieces)
    )
    return raw.decode("utf-8", "replace")
