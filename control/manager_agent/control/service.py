"""The control service over gRPC, on the port that takes spans."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc

from manager_agent.contract.control import RATES_METHOD
from manager_agent.control.rates import BadRequestError, agents_key, rates_answer
from manager_agent.prices.book import PriceBook


class ControlService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers agents; who may ask is decided by the server's own access rules.

    `book`: the prices that calls are charged by. `clock`: the time, aware. `secret`: the key of the
    manager's own digests.
    """

    def __init__(self, book: PriceBook, clock: Callable[[], datetime], secret: bytes) -> None:
        self._book = book
        self._clock = clock
        self._digest_key = agents_key(secret)

    def service(self, details: Any) -> Any:
        """Return the method asked for, None where it is not here."""
        if details.method != RATES_METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self._rates)

    async def _rates(self, request: bytes, context: Any) -> bytes:
        try:
            # In a thread: a look-up of many new models would hold up the spans of others.
            return await asyncio.to_thread(
                rates_answer, request, self._book, self._clock(), self._digest_key
            )
        except BadRequestError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"rates cannot be told: {error}")
            raise AssertionError("abort returned") from error
