"""How bytes reach a receiver: OTLP over gRPC, or over HTTP where the environment says so.

Not the SDK's exporters: those block for ten seconds where nobody answers, write a line for each
failure, and lose what they could not send.
"""

import gzip
import ssl
import urllib.error
import urllib.request
from typing import Any, Protocol

from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_LOOPBACK = ("127.", "localhost:", "[::1]")
_LATER = frozenset({408, 429, 502, 503, 504})
_LATER_CODES = frozenset(
    {
        *("CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE"),
        *("UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNKNOWN"),
    }
)
"""What OTLP names as worth another try; and what somebody may put right while we wait."""


class Transport(Protocol):
    """Takes one request of OTLP."""

    def send(self, payload: bytes) -> None:
        """Send it. Raises `UnreachableError` or `GaveUpError`."""

    def close(self) -> None:
        """Let go of connections."""


class GrpcTransport:
    """One channel; also used for the manager's other methods, by `call`."""

    def __init__(self, to: Destination) -> None:
        import grpc

        self._to = to
        self._channel: Any = _channel(grpc, to)
        self._error: Any = grpc.RpcError
        self._compression = grpc.Compression.Gzip if to.compressed else None

    def send(self, payload: bytes) -> None:
        """Export spans."""
        self.call(_EXPORT, payload, self._to.timeout_seconds)

    def call(self, method: str, payload: bytes, seconds: float) -> bytes:
        """Return what a method answers. Raises `UnreachableError` or `GaveUpError`."""
        ask = self._channel.unary_unary(method)
        try:
            answer: bytes = ask(
                payload,
                timeout=seconds,
                metadata=self._to.headers,
                compression=self._compression,
            )
        except self._error as error:
            code, why = error.code().name, error.details()
            if code in _LATER_CODES:
                raise UnreachableError(_unreachable(self._to, f"{code}: {why}")) from error
            raise GaveUpError(f"{self._to.url} refused ({code}: {why})") from error
        return answer

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class HttpTransport:
    """OTLP over HTTP, by `urllib`: nothing of the user's is patched or loaded for it."""

    def __init__(self, to: Destination, url: str) -> None:
        self._to = to
        self._url = url
        handlers: list[urllib.request.BaseHandler] = []
        if to.secure:
            handlers.append(urllib.request.HTTPSHandler(context=_context(to)))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, payload: bytes) -> None:
        """Export spans."""
        headers = {"content-type": "application/x-protobuf", **dict(self._to.headers)}
        if self._to.compressed:
            payload, headers["content-encoding"] = gzip.compress(payload), "gzip"
        request = urllib.request.Request(self._url, payload, headers)
        try:
            with self._opener.open(request, timeout=self._to.timeout_seconds) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _LATER or error.code in (401, 403):
                    why = f"HTTP {error.code}"
                    raise UnreachableError(_unreachable(self._to, why)) from error
            raise GaveUpError(f"{self._url} refused (HTTP {error.code})") from error
        except OSError as error:
            why = str(getattr(error, "reason", error))
            raise UnreachableError(_unreachable(self._to, why)) from error

    def close(self) -> None:
        """Nothing is kept open."""


def _channel(grpc: Any, to: Destination) -> Any:
    options: list[tuple[str, Any]] = [
        ("grpc.primary_user_agent", "manager-agent"),
        # The channel comes back soon after the manager does.
        ("grpc.max_reconnect_backoff_ms", 10_000),
    ]
    if to.address.startswith(_LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    if not to.secure:
        return grpc.insecure_channel(to.address, options)
    credentials = grpc.ssl_channel_credentials(
        _file(to.certificate), _file(to.client_key), _file(to.client_certificate)
    )
    return grpc.secure_channel(to.address, credentials, options)


def _context(to: Destination) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=to.certificate)
    if to.client_certificate:
        context.load_cert_chain(to.client_certificate, to.client_key)
    return context


def _file(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _unreachable(to: Destination, why: str) -> str:
    if "UNAUTHENTICATED" in why or "401" in why:
        remedy = "set MANAGER_TOKEN to a token it knows"
    else:
        remedy = "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"
    return f"{to.url} takes no spans ({why}): {remedy}"
