"""The four ports: what listens where, encrypted or not, and who must show a token."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import grpc

from manager_agent.api.app import build, metrics_app
from manager_agent.api.services import Services
from manager_agent.app.exposure import address_of, joined
from manager_agent.app.sections import Api, Receiver
from manager_agent.app.settings import Settings
from manager_agent.app.sockets import HttpServer, bound, cannot_bind, serve_http
from manager_agent.app.tls import Certificates
from manager_agent.app.tokens import tokens_from
from manager_agent.contract.token import Tokens
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.grpc_server import GrpcServer, otlp_server
from manager_agent.receiver.http_server import otlp_app

_MIB = 2**20
_GRPC_DRAIN_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 is any free port."""

    otlp_grpc: int = 4317
    otlp_http: int = 4318
    api: int = 5002
    metrics: int = 9090


@dataclass(frozen=True, slots=True)
class Doorway:
    """How one section's ports are opened: on which address, with what protection."""

    address: str
    key: str
    tokens: Tokens
    certificates: Certificates | None


@dataclass(frozen=True, slots=True)
class Doors:
    """Everything about the ports that can be wrong, found right; the HTTP ones are bound."""

    receiver: Doorway
    api: Doorway
    ports: Ports
    listeners: dict[str, socket.socket]


@contextmanager
def doors(settings: Settings, ports: Ports) -> Iterator[Doors]:
    """Bind the ports and read certificates and tokens.

    Raises `HostError`, `TlsError`, `TokenError` or `PortError`.
    """
    receiver, api = _doorway("receiver", settings.receiver), _doorway("api", settings.api)
    with ExitStack() as stack:
        listeners = {
            name: stack.enter_context(
                bound(way.address, port, f"--{name.replace('_', '-')}-port", way.key)
            )
            for name, way, port in (
                ("otlp_http", receiver, ports.otlp_http),
                ("api", api, ports.api),
                ("metrics", api, ports.metrics),
            )
        }
        yield Doors(receiver, api, ports, listeners)


def _doorway(section: str, door: Receiver | Api) -> Doorway:
    return Doorway(
        address=address_of(door.host, f"{section}.host"),
        key=f"{section}.host",
        tokens=tokens_from(f"{section}.tokens", door.tokens, os.environ),
        certificates=None if door.tls is None else Certificates(door.tls, f"{section}.tls"),
    )


@dataclass(frozen=True, slots=True)
class Front:
    """The servers at work."""

    grpc: GrpcServer
    grpc_address: str
    otlp: HttpServer
    api: HttpServer
    metrics: HttpServer

    @property
    def ready(self) -> str:
        """The line that says where they are."""
        addresses = {
            "otlp_grpc": self.grpc_address,
            "otlp_http": self.otlp.address,
            "api": self.api.address,
            "metrics": f"{self.metrics.address}/metrics",
        }
        return f"ready {json.dumps(addresses)}"

    async def stop(self) -> None:
        """Take nothing more in, let requests under way finish, for a few seconds."""
        await asyncio.gather(
            self.grpc.stop(_GRPC_DRAIN_SECONDS),
            self.otlp.stop(),
            self.api.stop(),
            self.metrics.stop(),
        )


async def opened(
    found: Doors,
    settings: Settings,
    intake: Entrance,
    services: Services,
    beside: Sequence[grpc.GenericRpcHandler],
) -> Front:
    """Serve on all ports. Raises `PortError`."""
    most_bytes = settings.receiver.max_request_mib * _MIB
    grpc_server = _grpc(found, intake, beside, most_bytes)
    await grpc_server.server.start()
    receiving, asking = (
        None if way.certificates is None else way.certificates.for_http()
        for way in (found.receiver, found.api)
    )
    otlp = otlp_app(
        intake,
        most_bytes=most_bytes,
        most_waiting=settings.receiver.max_pending_mib * _MIB,
        tokens=found.receiver.tokens,
    )
    return Front(
        grpc_server,
        _grpc_address(found, grpc_server.port),
        await serve_http(otlp, found.listeners["otlp_http"], receiving),
        await serve_http(build(services), found.listeners["api"], asking),
        await serve_http(metrics_app(services), found.listeners["metrics"], asking),
    )


def _grpc(
    found: Doors,
    intake: Entrance,
    beside: Sequence[grpc.GenericRpcHandler],
    most_bytes: int,
) -> GrpcServer:
    way = found.receiver
    try:
        return otlp_server(
            intake,
            joined(way.address, found.ports.otlp_grpc),
            most_bytes=most_bytes,
            tokens=way.tokens,
            credentials=None if way.certificates is None else way.certificates.for_grpc(),
            beside=beside,
        )
    except RuntimeError as error:
        raise cannot_bind(
            way.address, found.ports.otlp_grpc, "--otlp-grpc-port", way.key
        ) from error


def _grpc_address(found: Doors, port: int) -> str:
    """Return it as gRPC clients take it; with a scheme where they must be told to encrypt."""
    address = joined(found.receiver.address, port)
    return address if found.receiver.certificates is None else f"https://{address}"
