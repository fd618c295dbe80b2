"""How one exporter sends a request and learns whether it was taken: gRPC, or OTLP over HTTP."""

import http.client
import urllib.parse
from collections.abc import Mapping
from typing import Protocol

import grpc

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PATIENCE_SECONDS = 120.0
_LATER_GRPC = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_LATER_HTTP = (429, 502, 503, 504)


class SendError(Exception):
    """The receiver refused a request for good, or does not speak OTLP; says what it answered."""


class Sender(Protocol):
    """One connection to a receiver."""

    def send(self, payload: bytes) -> bool:
        """Return whether it was acknowledged; False: "try again later". Raises `SendError`."""
        ...

    def close(self) -> None:
        """Give the connection up."""
        ...


def connect(target: str, headers: Mapping[str, str]) -> Sender:
    """Return a connection to `host:port` (gRPC) or to a URL such as `http://host:port/v1/traces`."""
    if target.startswith("http"):
        return HttpSender(target, headers)
    return GrpcSender(target, headers)


class GrpcSender:
    """OTLP over gRPC; a channel of its own, as each exporting process has one."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        self._channel = grpc.insecure_channel(
            address,
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)],
        )
        self._call = self._channel.unary_unary(_EXPORT)
        self._headers = tuple(headers.items())

    def send(self, payload: bytes) -> bool:
        """Send it and wait for the answer."""
        try:
            self._call(payload, timeout=_PATIENCE_SECONDS, metadata=self._headers)
        except grpc.RpcError as error:
            if error.code() in _LATER_GRPC:
                return False
            raise SendError(f"{error.code().name}: {error.details()}") from error
        return True

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class HttpSender:
    """OTLP over HTTP, protobuf, on one connection that is kept."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urllib.parse.urlsplit(url)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)
        self._headers = {"content-type": "application/x-protobuf", **headers}

    def send(self, payload: bytes) -> bool:
        """Send it and wait for the answer."""
        try:
            self._connection.request("POST", self._path, payload, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # it is opened anew by the next request
            return False
        if answer.status in _LATER_HTTP:
            return False
        if answer.status != 200:
            raise SendError(f"HTTP {answer.status}: {said[:200].decode(errors='replace')}")
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
