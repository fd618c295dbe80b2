"""`manager-agent serve`."""

import asyncio
import os
from typing import Annotated

import typer

from manager_agent.app import log
from manager_agent.app.configured import settings_from
from manager_agent.app.options import Config, DataDir, told


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def serve(
    config: Config = None,
    data_dir: DataDir = None,
    host: Annotated[
        str | None,
        typer.Option(help="Listen here; default receiver.host and api.host, which are loopback."),
    ] = None,
    otlp_grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 4317,
    otlp_http_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 4318,
    api_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 5002,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 9090,
) -> None:
    """Run the manager: receive OTLP, store, watch budgets, tell people, answer the API.

    Prints one line on stdout when all of it serves: `ready {"otlp_grpc": ..., "api": ...}`.
    Logs and alerts go to stderr. SIGTERM stops it within 10 seconds.
    """
    from manager_agent.app.exposure import ExposedError, HostError, refuse_exposed
    from manager_agent.app.front import Ports
    from manager_agent.app.serve import DataDirError, serve
    from manager_agent.app.sockets import PortError
    from manager_agent.app.tls import TlsError
    from manager_agent.app.tokens import TokenError
    from manager_agent.app.unsupported import warn_unused
    from manager_agent.store.control import ControlStoreError
    from manager_agent.store.digest_key import DigestKeyError
    from manager_agent.store.duck import StoreError

    expected = (
        DataDirError,
        PortError,
        StoreError,
        ControlStoreError,
        DigestKeyError,
        ExposedError,
        HostError,
        TlsError,
        TokenError,
        log.LogLevelError,
        OSError,
    )
    os.umask(0o077)  # spend is nobody else's business: every file is its owner's alone
    with told(*expected):
        log.configure(os.environ.get("LOG_LEVEL", "info"))
        settings = settings_from(config, data_dir, host)
        refuse_exposed(settings)
        warn_unused(settings)
        ports = Ports(otlp_grpc_port, otlp_http_port, api_port, metrics_port)
        asyncio.run(serve(settings, ports, lambda line: print(line, flush=True)))
