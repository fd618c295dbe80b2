"""The standard health service of gRPC (`grpc.health.v1.Health`), for probes and load balancers.

Its two messages have the shape of two well-known ones, by which they are read and written:
a request is a text in field 1 (`StringValue`), an answer a number in field 1 (`Int32Value`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = 1, 2, 3
_LOOK_SECONDS = 0.5
"""How often a watched status is looked at."""


class HealthService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Says whether what is sent can be stored; the same for every service, and for "" as a whole.

    `well`: asked whether it can be at present; must not block.
    """

    def __init__(self, well: Callable[[], bool], services: Collection[str]) -> None:
        self._well = well
        self._services = frozenset(("", *services))
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tell all who watch that service ends, and let them go."""
        self._stopping.set()

    def service(self, details: Any) -> Any:
        """Return the method asked for, None where it is not of this service."""
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(self._check)
        if details.method == "/grpc.health.v1.Health/Watch":
            return grpc.unary_stream_rpc_method_handler(self._watch)
        return None

    async def _check(self, payload: bytes, context: Any) -> bytes:
        name = await _asked(payload, context)
        if name not in self._services:
            known = ", ".join(sorted(self._services - {""}))
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"no service {name[:100]!r} is here; known are: {known}"
            )
        return _message(self._status())

    async def _watch(self, payload: bytes, context: Any) -> AsyncIterator[bytes]:
        name = await _asked(payload, context)
        if name not in self._services:
            yield _message(_SERVICE_UNKNOWN)
            await self._stopping.wait()
            return
        told = None
        while told is None or not self._stopping.is_set():
            if self._status() != told:
                told = self._status()
                yield _message(told)
            await self._pause()
        if told != _NOT_SERVING:
            yield _message(_NOT_SERVING)

    def _status(self) -> int:
        return _SERVING if self._well() and not self._stopping.is_set() else _NOT_SERVING

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return


async def _asked(payload: bytes, context: Any) -> str:
    try:
        return StringValue.FromString(payload).value
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this is no HealthCheckRequest")
        raise


def _message(status: int) -> bytes:
    return Int32Value(value=status).SerializeToString()
