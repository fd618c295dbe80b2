"""The headers of a request of gRPC."""

from collections.abc import Sequence

from manager_agent.instrumentation.destination import Destination

_MOST_MILLISECONDS = 99_999_999  # eight digits are the most that gRPC reads
_RESERVED = ("te", "content-type", "user-agent", "host", "connection", "transfer-encoding")
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")


def request_headers(
    to: Destination, method: str, seconds: float | None
) -> Sequence[tuple[str, str]]:
    """Return the headers of a call that may take so many seconds (None: any time).

    Raises `ValueError` where the environment asks for one that cannot be sent.
    """
    headers = [
        (":method", "POST"),
        (":scheme", "https" if to.secure else "http"),
        (":path", method),
        (":authority", to.address),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "manager-agent"),
        ("grpc-accept-encoding", "identity, gzip"),
    ]
    if seconds is not None:
        milliseconds = min(_MOST_MILLISECONDS, max(1, int(seconds * 1000)))
        headers.append(("grpc-timeout", f"{milliseconds}m"))
    if to.compressed:
        headers.append(("grpc-encoding", "gzip"))
    return [*headers, *(_checked(*header) for header in to.headers)]


def _checked(name: str, value: str) -> tuple[str, str]:
    if not name or set(name) - _ALLOWED or name in _RESERVED or name.startswith("grpc-"):
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_HEADERS: {name!r} is no header that can be sent; remove it"
        )
    if not value.isascii() or not value.isprintable():
        source = "MANAGER_TOKEN or OTEL_EXPORTER_OTLP_HEADERS"
        raise ValueError(f"{source}: the value of {name} is not printable ASCII; correct it")
    return name, value
