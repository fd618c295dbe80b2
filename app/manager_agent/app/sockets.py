"""Ports: bound before anything starts, so that a taken one is a clear error; 0 is any."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from manager_agent.app.exposure import joined
from manager_agent.app.http_protocol import PatientOnlySoLong

_DRAIN_SECONDS = 4


class PortError(Exception):
    """A port cannot be bound; the message names it and the option that changes it."""


def bound(address: str, port: int, option: str, key: str) -> socket.socket:
    """Return a listening socket on `address:port`. Raises `PortError`.

    `option` changes the port, `key` is where the address was configured.
    """
    both = address == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server(
            (address, port), family=family, backlog=256, dualstack_ipv6=both
        )
    except OSError as error:
        raise cannot_bind(address, port, option, key, error) from error


def cannot_bind(
    address: str, port: int, option: str, key: str, error: OSError | None = None
) -> PortError:
    """Return the error that says why a port cannot be bound and what to do."""
    why = f" ({error.strerror})" if error else ""
    if error and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return PortError(
            f"{joined(address, port)} cannot be bound{why}: it is no address of this machine;"
            f" change {key}, or --host"
        )
    return PortError(
        f"{joined(address, port)} cannot be bound{why}; another manager or collector may"
        f" be listening there: stop it, or choose another port with {option}"
    )


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the process has one way to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@dataclass(slots=True)
class HttpServer:
    """One ASGI application on one socket."""

    server: _Server
    task: "asyncio.Task[None]"
    address: str

    async def stop(self) -> None:
        """Take no more connections, let requests under way finish, for a few seconds."""
        self.server.should_exit = True
        await self.task


async def serve_http(
    app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None
) -> HttpServer:
    """Serve `app` on `listener`, encrypted where `tls` is given; return when it answers."""
    config = uvicorn.Config(
        app,
        http=PatientOnlySoLong,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    config.load()
    config.ssl = tls
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        await task
    scheme = "https" if tls else "http"
    return HttpServer(server, task, f"{scheme}://{joined(*listener.getsockname()[:2])}")
