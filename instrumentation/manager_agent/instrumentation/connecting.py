"""Makes the connection to a receiver: its addresses, a proxy, TLS."""

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.proxy import Proxy, ProxyError, proxy, tunnel

if TYPE_CHECKING:
    import ssl

_WRONG_SCHEME = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_CLIENT = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"


class NoConnectionError(Exception):
    """There is no connection: why, and what to do ("" where nothing special is known)."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


def connect(to: Destination, seconds: float) -> socket.socket:
    """Return a connection ready for HTTP/2, made within so many seconds; it never blocks.

    Raises `NoConnectionError`.
    """
    until = monotonic() + seconds
    try:
        sock = _tcp(to, until)
    except OSError as error:
        raise NoConnectionError(_said(error)) from error
    try:
        if to.secure:
            sock = _secured(sock, to, until)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _tcp(to: Destination, until: float) -> socket.socket:
    through = proxy(to.host, os.environ)
    host, port = (through.host, through.port) if through else (to.host, to.port)
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed: OSError = OSError(f"{host} has no address")
    for at, (*kind, _, address) in enumerate(addresses):
        # Each gets its share: the first may be of a network that swallows everything.
        share = (until - monotonic()) / (len(addresses) - at)
        try:
            return _one(kind, address, share, partial(_through, through, to))
        except OSError as error:
            failed = error
    raise failed


def _one(
    kind: Sequence[int], address: Any, seconds: float, then: Callable[[socket.socket], None]
) -> socket.socket:
    sock = socket.socket(*kind)
    try:
        sock.settimeout(max(0.001, seconds))
        sock.connect(address)
        # A report is small, and waits for nothing that could go with it.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        then(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _through(found: Proxy | None, to: Destination, sock: socket.socket) -> None:
    if found is not None:
        tunnel(sock, found, to.host, to.port)


def _secured(sock: socket.socket, to: Destination, until: float) -> socket.socket:
    import ssl

    context = tls_context(to)
    context.set_alpn_protocols(["h2"])
    sock.settimeout(max(0.001, until - monotonic()))
    try:
        return context.wrap_socket(sock, server_hostname=to.host)
    except OSError as error:
        remedy = tls_remedy(error) if isinstance(error, ssl.SSLError) else ""
        raise NoConnectionError(f"the TLS handshake failed: {_said(error)}", remedy) from error


def tls_context(to: Destination) -> "ssl.SSLContext":
    """Return how to encrypt, by the files of a destination; without, as the system does.

    Raises `NoConnectionError` where a file cannot be read.
    """
    import ssl

    try:
        context = ssl.create_default_context(cafile=to.certificate)
        if to.client_certificate:
            context.load_cert_chain(to.client_certificate, to.client_key)
    except OSError as error:
        files = ", ".join(filter(None, (to.certificate, to.client_certificate, to.client_key)))
        raise NoConnectionError(
            f"a certificate cannot be read ({files}: {_said(error)})",
            f"correct OTEL_EXPORTER_OTLP_CERTIFICATE, {_CLIENT}",
        ) from error
    return context


def tls_remedy(error: "ssl.SSLError") -> str:
    """Return what to do about an error of TLS, "" where that is not known."""
    reason = error.reason or ""
    if reason in _WRONG_SCHEME:
        return "it does not encrypt: write http:// in place of https://"
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of who signed its certificate"
    if "CERTIFICATE_REQUIRED" in reason or "ALERT" in reason:
        return f"if the manager has receiver.tls.client_ca_file, set {_CLIENT}"
    return ""


def _said(error: OSError) -> str:
    if isinstance(error, ProxyError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
