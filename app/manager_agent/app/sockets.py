"""Ports: bound before anything starts, so that a taken one is a clear error; 0 is any."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

_DRAIN_SECONDS = 4


class PortError(Exception):
    """A port cannot be bound; the message names it and the option that changes it."""


def bound(host: str, port: int, option: str) -> socket.socket:
    """Return a listening socket on `host:port`. Raises `PortError`."""
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        raise PortError(
            f"{host}:{port} cannot be bound ({error.strerror}); another manager or collector may"
            f" be listening there: stop it, or choose another port with {option}"
        ) from error


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


async def serve_http(app: ASGIApp, listener: socket.socket) -> HttpServer:
    """Serve `app` on `listener`; return when it answers."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        await task
    host, port = listener.getsockname()[:2]
    return HttpServer(server, task, f"http://{host}:{port}")
