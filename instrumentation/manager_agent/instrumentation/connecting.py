"""Makes the connection to a receiver: its addresses, a proxy, TLS."""

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.proxy import Proxy, ProxyError, proxy, tunnel
from manager_agent.instrumentation.tls import NoConnectionError, tls_context, tls_trouble


def connect(to: Destination, seconds: float) -> socket.socket:
    """Return a connection ready for HTTP/2, made within so many seconds; it never blocks.

    Raises `NoConnectionError`.
    """
    until = monotonic() + seconds
    sock = reach(to, seconds)
    try:
        if to.secure:
            sock = _secured(sock, to, until)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def reach(to: Destination, seconds: float) -> socket.socket:
    """Return a connection to the port, before a word was said. Raises `NoConnectionError`."""
    try:
        return _tcp(to, monotonic() + seconds)
    except OSError as error:
        raise NoConnectionError(_said(error)) from error


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
    context = tls_context(to)
    context.set_alpn_protocols(["h2"])
    sock.settimeout(max(0.001, until - monotonic()))
    try:
        return context.wrap_socket(sock, server_hostname=to.host)
    except OSError as error:
        trouble = None if isinstance(error, TimeoutError) else tls_trouble(error)
        raise trouble or NoConnectionError(f"the TLS handshake failed: {_said(error)}") from error


def _said(error: OSError) -> str:
    if isinstance(error, ProxyError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
