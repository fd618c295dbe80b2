"""HTTP/1.1 with an end to patience: nobody holds a connection open by sending next to nothing."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_SECONDS = 20.0
"""Longest time until the head of a request is there, from when it may begin."""

_REST_SECONDS = 5.0
"""How long the rest of a body is taken in once its answer is sent. To close at once would cost
many clients the answer, and to wait for the end could be for ever."""


class PatientOnlySoLong(H11Protocol):
    """Uvicorn's protocol with deadlines for heads, and for bodies that were answered already."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._within(_HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the wait is over when the head of a request is whole."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._answered:
            self._in_time()

    def on_response_complete(self) -> None:
        """Wait for the rest of the body, or for the next request."""
        super().on_response_complete()
        if self._answered:
            self._within(_REST_SECONDS)
        elif self.conn.their_state is h11.IDLE:
            self._within(_HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._in_time()
        super().connection_lost(exc)

    @property
    def _answered(self) -> bool:
        """Whether a body still comes in whose answer is out."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _within(self, seconds: float) -> None:
        self._in_time()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
