"""Guards' streams: bytes in, commands to the clerk; what the clerk says, bytes out."""

import asyncio
from collections import Counter
from typing import Any

import grpc
import structlog

from manager_agent.contract.frame import frames, messages_of
from manager_agent.contract.guard import FromGuard, Hello
from manager_agent.contract.metric import Metric, Sample
from manager_agent.contract.token import Token, Tokens, authorization_of
from manager_agent.contract.wire_format import WireError
from manager_agent.control.clerk import Clerk
from manager_agent.control.line import Line
from manager_agent.control.spoken import RefusedError, Spoken, spoken

_log = structlog.get_logger()

SESSION_METHOD = "/manager_agent.control.v1.Guard/Session"
MOST_WAITING = 256
"""Messages of one holder that may wait for the clerk; until there are less, nothing is read."""

_MOST_HOLDERS = 64
"""Epochs of one process on one stream; the oldest has nothing left to tell by then."""

_LOOK_AGAIN_SECONDS = 0.01


class GuardService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The one method of the service `Guard`. Who may call it, the server's access rules say.

    `tokens`: one that belongs to an agent may speak for no other.
    """

    def __init__(self, clerk: Clerk, tokens: Tokens) -> None:
        self._clerk = clerk
        self._tokens = tokens
        self._lines: set[Line] = set()
        self._closing = False
        self._refused: Counter[str] = Counter()
        self._frames: Counter[str] = Counter()

    def service(self, details: Any) -> Any:
        """Return the method asked for, None where it is not here."""
        if details.method != SESSION_METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(self._session)

    def close(self) -> None:
        """End every stream; guards come back to the next manager. For the event loop's thread."""
        self._closing = True
        for line in self._lines:
            line.wake()

    def metrics(self) -> list[Metric]:
        """Return how many streams there are, and which were refused for what."""
        refused = [Sample(n, (("reason", word),)) for word, n in sorted(self._refused.items())]
        streamed = [Sample(n, (("direction", word),)) for word, n in sorted(self._frames.items())]
        return [
            Metric(
                "manager_guard_streams", "gauge", "Guards' streams.", [Sample(len(self._lines))]
            ),
            Metric("manager_guard_messages_total", "counter", "On guards' streams.", streamed),
            Metric("manager_guard_refused_total", "counter", "Ended for a message.", refused),
        ]

    async def _session(self, requests: Any, context: Any) -> None:
        stream = _Stream(self._clerk, self._agent(context), self._frames)
        self._lines.add(stream.line)
        reading = asyncio.create_task(stream.read(requests))
        reading.add_done_callback(lambda task: _ended_reading(task, stream.line))
        try:
            await self._write(stream.line, reading, context)
        finally:
            self._lines.discard(stream.line)
            reading.cancel()
            stream.leave()
        if reading.done() and not reading.cancelled():
            await self._ended(reading, context)

    async def _write(self, line: Line, reading: "asyncio.Task[None]", context: Any) -> None:
        while not reading.done() and not self._closing:
            for frame in frames(await line.next()):
                self._frames["out"] += 1
                await context.write(frame)
            if line.overrun:
                self._refused["too_slow"] += 1
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "what is sent is not read; come back"
                )

    async def _ended(self, reading: "asyncio.Task[None]", context: Any) -> None:
        error = reading.exception()
        if isinstance(error, WireError):
            self._refused["malformed"] += 1
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no message of a guard: {error}")
        if isinstance(error, RefusedError):
            self._refused[error.reason] += 1
            await context.abort(getattr(grpc.StatusCode, error.status), str(error))
        if error is not None and not isinstance(error, grpc.RpcError):
            self._refused["error"] += 1
            _log.error("a guard's stream broke", error=repr(error))
            await context.abort(grpc.StatusCode.INTERNAL, "the manager could not read this")

    def _agent(self, context: Any) -> str | None:
        """Return the agent that the call's token belongs to; the server let it pass."""
        if not self._tokens:
            return None
        shown = self._tokens.check(authorization_of(context.invocation_metadata()))
        return shown.agent if isinstance(shown, Token) else None


def _ended_reading(task: "asyncio.Task[None]", line: Line) -> None:
    """Let the writer see it; an error that comes when the guard is gone already is nobody's."""
    if not task.cancelled():
        task.exception()
    line.wake()


class _Stream:
    """One stream: whom it speaks for, and what waits to be written to it."""

    def __init__(self, clerk: Clerk, agent: str | None, frames: Counter[str]) -> None:
        self.line = Line()
        self._frames = frames
        self._clerk = clerk
        self._agent = agent
        self._deliver = self.line.put  # one object: the clerk compares it
        self._holders: dict[str, None] = {}

    async def read(self, requests: Any) -> None:
        """Hand what comes to the clerk, until the guard ends the stream.

        Raises `WireError` or `RefusedError` where it must not go on.
        """
        async for payload in requests:
            self._frames["in"] += 1
            for message in messages_of(FromGuard, payload):
                said = spoken(message, self._agent)
                if said is None:
                    continue  # of a newer guard
                while self._clerk.waiting(said.holder) >= MOST_WAITING:
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                self._listen(said)
                self._clerk.tell(said)

    def leave(self) -> None:
        """Have nothing delivered here any more."""
        for holder in self._holders:
            self._clerk.disconnect(holder, self._deliver)

    def _listen(self, said: Spoken) -> None:
        """Take answers for whoever speaks here: after a fence a process speaks for two epochs."""
        if said.holder in self._holders and not isinstance(said, Hello):
            return
        self._holders[said.holder] = None
        self._clerk.connect(said.holder, self._deliver)
        if len(self._holders) > _MOST_HOLDERS:
            oldest = next(iter(self._holders))
            del self._holders[oldest]
            self._clerk.disconnect(oldest, self._deliver)
