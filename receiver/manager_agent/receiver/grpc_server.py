"""OTLP over gRPC, all signals, on raw bytes, so that each request is parsed only once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from manager_agent.contract.token import Token, Tokens, authorization_of
from manager_agent.receiver.access import GrpcAccess
from manager_agent.receiver.answer import RETRY_SECONDS, Refused
from manager_agent.receiver.answers import Answers
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.health import HealthService
from manager_agent.receiver.signals import SIGNALS, Signal

_ROOM_TO_EXPLAIN = 8 * 1024 * 1024
"""Requests a little too large are read, so that they get our own words for it."""


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """A server with its health service, and the port it is bound to."""

    server: grpc.aio.Server
    health: HealthService
    port: int

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls, tell who watches, let calls under way finish."""
        self.health.stop()
        await self.server.stop(grace_seconds)


def otlp_server(
    intake: Entrance,
    address: str,
    *,
    most_bytes: int,
    tokens: Tokens,
    credentials: grpc.ServerCredentials | None = None,
    beside: Sequence[grpc.GenericRpcHandler] = (),
) -> GrpcServer:
    """Return a server, not yet started. Without `credentials` it does not encrypt.

    `beside`: further services on the port, for those who may send.

    Raises `RuntimeError` where the address is taken.
    """
    server = grpc.aio.server(
        interceptors=(GrpcAccess(tokens, intake.counts),) if tokens else (),
        options=[
            ("grpc.max_receive_message_length", most_bytes + _ROOM_TO_EXPLAIN),
            ("grpc.so_reuseport", 0),  # a second manager must fail, not share the port
            # Else each small request is followed by a ping that measures the line, and its answer:
            # an eighth of what a request of one span costs both sides. A mebibyte under way on a
            # stream is 10 MB/s on a line of 100 ms.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 1024 * 1024),
            # Guards' streams last for days: one whose host is gone must not stay for ever.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            # Agents ask every 3 s whether we are there; by default the third question ends it all.
            ("grpc.http2.min_ping_interval_without_data_ms", 1000),
        ],
    )
    health = HealthService(lambda: intake.well, [signal.service for signal in SIGNALS])
    answers = Answers()
    exports = [_ExportService(signal, intake, answers, most_bytes, tokens) for signal in SIGNALS]
    server.add_generic_rpc_handlers((*exports, health, *beside))
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    return GrpcServer(server, health, port)


class _ExportService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The one method of the service of one signal."""

    def __init__(
        self, signal: Signal, intake: Entrance, answers: Answers, most_bytes: int, tokens: Tokens
    ) -> None:
        self._signal = signal
        self._intake = intake
        self._answers = answers
        self._most_bytes = most_bytes
        self._tokens = tokens
        self._method = grpc.unary_unary_rpc_method_handler(self._export)

    def service(self, details: Any) -> Any:
        return self._method if details.method == self._signal.grpc_method else None

    def _agent(self, context: Any) -> str | None:
        """Return the agent whose token the call shows; `GrpcAccess` let it pass."""
        if not self._tokens:
            return None
        shown = self._tokens.check(authorization_of(context.invocation_metadata()))
        return shown.agent if isinstance(shown, Token) else None

    async def _export(self, payload: bytes, context: Any) -> bytes:
        if len(payload) > self._most_bytes:
            self._intake.counts.add("requests", "too_large")
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, too_large(len(payload), self._most_bytes)
            )
        offered = self._intake.offer(payload, self._signal.name, self._agent(context))
        answer = await self._answers.of(offered)
        if isinstance(answer, Refused):
            await _refuse(answer, context)
            raise AssertionError("abort returned")
        return self._signal.answer(answer)


async def _refuse(refused: Refused, context: Any) -> None:
    if not refused.retryable:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, refused.message)
    # RESOURCE_EXHAUSTED and UNAVAILABLE are retried by OTLP's rules; RetryInfo says when.
    code = grpc.StatusCode.UNAVAILABLE
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=int(RETRY_SECONDS))))
    status = Status(code=code.value[0], message=refused.message, details=[detail])
    await context.abort(
        code,
        refused.message,
        trailing_metadata=(("grpc-status-details-bin", status.SerializeToString()),),
    )


def too_large(size: int, most: int) -> str:
    """Return what a sender of too large a request is told."""
    return (
        f"request of {size / 2**20:.1f} MiB is over the limit of {most / 2**20:.0f} MiB;"
        " lower the exporter's batch size (OTEL_BSP_MAX_EXPORT_BATCH_SIZE, or the collector's"
        " batch processor), or raise receiver.max_request_mib"
    )
