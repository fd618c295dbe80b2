"""OTLP over HTTP: `POST /v1/traces|logs|metrics`, protobuf or JSON, plain or compressed."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf.json_format import MessageToJson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from manager_agent.contract.token import Tokens
from manager_agent.receiver.access import HttpAccess
from manager_agent.receiver.answer import RETRY_SECONDS, Accepted, Answer
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.failure import JSON, PROTOBUF, failure
from manager_agent.receiver.grpc_server import too_large
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.signals import SIGNALS, Signal
from manager_agent.receiver.unpack import CODINGS, TooLargeError, Unpacker
from manager_agent.receiver.wire import MalformedRequestError

_PATIENCE_SECONDS = 30.0
"""Longest wait for the next piece of a body."""


class _FullError(Exception):
    """Too many bytes are on their way in at once."""


class _Room:
    """Bytes of all bodies that are on their way in; `most` of them, or one body alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def part(self) -> Iterator[Callable[[int], None]]:
        """Yield what tells the size so far of one body. It raises `_FullError`."""
        mine = 0

        def grown(size: int) -> None:
            nonlocal mine
            self._taken += size - mine
            mine = size
            if mine < self._taken > self._most:
                raise _FullError

        try:
            yield grown
        finally:
            self._taken -= mine


@dataclass(frozen=True, slots=True)
class _Door:
    """What all routes share: `turn` is taken to read JSON, which takes many times its size."""

    intake: Entrance
    most_bytes: int
    room: _Room
    turn: asyncio.Lock


def otlp_app(intake: Entrance, *, most_bytes: int, most_waiting: int, tokens: Tokens) -> Starlette:
    """Return the application that serves all signals.

    `most_bytes`: of one body, unpacked. `most_waiting`: of all bodies that are on their way in.
    """
    door = _Door(intake, most_bytes, _Room(most_waiting), asyncio.Lock())
    return Starlette(
        routes=[_route(signal, door) for signal in SIGNALS],
        middleware=[Middleware(HttpAccess, tokens=tokens, counts=intake.counts)],
        exception_handlers={HTTPException: _on_http_exception, Exception: _on_unforeseen},
    )


def _route(signal: Signal, door: _Door) -> Route:
    intake, most_bytes = door.intake, door.most_bytes

    async def export(request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in (PROTOBUF, JSON):
            return failure(415, f"content-type {kind!r}: send {PROTOBUF} or {JSON}", JSON)
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in CODINGS:
            return failure(415, f"content-encoding {coding!r}: send gzip, deflate or none", kind)
        try:
            with door.room.part() as grown:
                unpacker = Unpacker(coding, most_bytes)
                payload = await _body(request.stream(), unpacker, grown)
                if kind == JSON:
                    async with door.turn:
                        payload = await asyncio.to_thread(protobuf_of, payload, signal)
        except TooLargeError:
            intake.counts.add("requests", "too_large")
            return failure(413, too_large(most_bytes + 1, most_bytes), kind)
        except (MalformedRequestError, zlib.error) as error:
            intake.counts.add("requests", "malformed")
            return failure(400, str(error), kind)
        except _FullError:
            intake.counts.add("requests", "full")
            return _later("too many bytes are on their way in; try again later", kind)
        except TimeoutError:
            intake.counts.add("requests", "too_slow")
            seconds = round(_PATIENCE_SECONDS)
            return failure(408, f"nothing of the body came for {seconds} s; send it again", kind)
        except ClientDisconnect:
            intake.counts.add("requests", "broken_off")
            return failure(400, "the connection ended before the body did", kind)
        agent = getattr(request.state, "agent", None)
        answer = await asyncio.wrap_future(intake.offer(payload, signal.name, agent))
        return _response(answer, kind, signal)

    return Route(signal.http_path, export, methods=["POST"])


async def _body(
    chunks: AsyncIterator[bytes], unpacker: Unpacker, grown: Callable[[int], None]
) -> bytes:
    """Return the unpacked body; stops at the limit, however small the packed one was.

    Raises `TimeoutError` where it stops to come, `TooLargeError` and `zlib.error`, and what
    `grown` raises, which is told the size after each piece.
    """
    while True:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            chunk = await anext(chunks, None)
        if chunk is None:
            return unpacker.whole()
        unpacker.feed(chunk)
        grown(unpacker.size)


def _response(answer: Answer, kind: str, signal: Signal) -> Response:
    if isinstance(answer, Accepted):
        body = signal.answer(answer)
        if kind == JSON:
            message = signal.response.FromString(body)
            return Response(MessageToJson(message, indent=None), media_type=JSON)
        return Response(body, media_type=PROTOBUF)
    if answer.retryable:
        return _later(answer.message, kind)
    return failure(400, answer.message, kind)


def _later(message: str, kind: str) -> Response:
    return failure(503, message, kind, {"retry-after": str(int(RETRY_SECONDS))})


def _on_unforeseen(request: Request, error: Exception) -> Response:
    """Answer a mistake of ours, which is raised on and logged: the request may be good."""
    return _later("the manager failed; its log says why", request.headers.get("content-type", ""))


def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    said = {
        404: f"nothing is at {path}; OTLP/HTTP is sent to /v1/traces, /v1/logs and /v1/metrics",
        405: f"{request.method} is not possible on {path}; use POST",
    }.get(error.status_code, error.detail)
    kind = request.headers.get("content-type", "")
    return failure(error.status_code, said, kind, dict(error.headers or {}))
