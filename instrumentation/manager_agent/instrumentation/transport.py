"""How bytes reach a receiver: OTLP over gRPC, or over HTTP where the environment says so.

Not the SDK's exporters: those block for ten seconds where nobody answers, write a line for each
failure, and lose what they could not send.
"""

import gzip
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Protocol

from manager_agent.instrumentation.channel import Channel
from manager_agent.instrumentation.destination import Destination, traces_url
from manager_agent.instrumentation.grpc_status import Status
from manager_agent.instrumentation.no_answer import gave_up, unconnected, unreachable
from manager_agent.instrumentation.proxy import is_loopback
from manager_agent.instrumentation.tls import (
    NoConnectionError,
    tls_context,
    tls_trouble,
    turned_away,
)

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_LATER = frozenset({401, 403, 408, 429, 502, 503, 504})
"""What OTLP names as worth another try; and what somebody may put right while we wait."""


class Transport(Protocol):
    """Takes one request of OTLP."""

    def send(self, payload: bytes) -> None:
        """Send it. Raises `UnreachableError` or `GaveUpError`."""

    def close(self) -> None:
        """Let go of connections."""

    def abandon(self) -> None:
        """Let go of what a fork inherited: nobody else notices."""


class GrpcTransport:
    """OTLP over a channel, which serves the manager's other methods, too, by `call`."""

    def __init__(self, to: Destination) -> None:
        self._to = to
        self._channel = Channel(to)

    def send(self, payload: bytes) -> None:
        """Export spans. Raises `UnreachableError` or `GaveUpError`."""
        self.call(EXPORT, payload, self._to.timeout_seconds)

    def call(self, method: str, payload: bytes, seconds: float) -> bytes:
        """Return what a method answers. Raises `UnreachableError` or `GaveUpError`."""
        return self._channel.call(method, payload, seconds)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def abandon(self) -> None:
        """Let go of what a fork inherited."""
        self._channel.abandon()


class HttpTransport:
    """OTLP over HTTP, by `urllib`: nothing of the user's is patched or loaded for it."""

    def __init__(self, to: Destination, url: str) -> None:
        self._to = to
        self._url = url
        self._opener: urllib.request.OpenerDirector | None = None

    def send(self, payload: bytes) -> None:
        """Export spans."""
        headers = {"content-type": "application/x-protobuf", **dict(self._to.headers)}
        if self._to.compressed:
            payload, headers["content-encoding"] = gzip.compress(payload), "gzip"
        request = urllib.request.Request(self._url, payload, headers)
        try:
            with self._opened().open(request, timeout=self._to.timeout_seconds) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            with error:
                ended = Status(f"HTTP {error.code}")
                if error.code in _LATER:
                    raise unreachable(self._to, ended) from error
            raise gave_up(self._to, ended) from error
        except NoConnectionError as error:
            raise unconnected(self._to, error) from error
        except (OSError, HTTPException) as error:
            trouble = _trouble(error, secure=self._to.secure)
            raise unconnected(self._to, trouble) from error

    def close(self) -> None:
        """Nothing is kept open."""

    def abandon(self) -> None:
        """Nothing is kept open."""

    def _opened(self) -> urllib.request.OpenerDirector:
        """Return what opens addresses; made anew until the certificates can be read."""
        if self._opener is None:
            handlers: list[urllib.request.BaseHandler] = []
            if is_loopback(self._to.host):
                handlers.append(urllib.request.ProxyHandler({}))
            if self._to.secure:
                handlers.append(urllib.request.HTTPSHandler(context=tls_context(self._to)))
            self._opener = urllib.request.build_opener(*handlers)
        return self._opener


def _trouble(error: Exception, *, secure: bool) -> NoConnectionError:
    inner = getattr(error, "reason", None)
    why = inner if isinstance(inner, OSError) else error
    if secure and isinstance(why, ConnectionError):
        return turned_away(str(why))
    return tls_trouble(why) or NoConnectionError(str(why) or repr(why))


def transport_to(to: Destination, env: Mapping[str, str]) -> GrpcTransport | HttpTransport:
    """Return what carries spans to a destination."""
    return HttpTransport(to, traces_url(env, to)) if to.over_http else GrpcTransport(to)
