"""OTLP over HTTP: `POST /v1/traces|logs|metrics`, protobuf or JSON, plain or compressed."""

import zlib
from asyncio import wrap_future
from collections.abc import AsyncIterator

from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manager_agent.receiver.answer import RETRY_SECONDS, Accepted, Answer
from manager_agent.receiver.grpc_server import too_large
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.signals import SIGNALS, Signal
from manager_agent.receiver.unpack import CODINGS, TooLargeError, Unpacker
from manager_agent.receiver.wire import MalformedRequestError

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"


def otlp_app(intake: Intake, *, most_bytes: int) -> Starlette:
    """Return the application that serves all signals."""
    return Starlette(routes=[_route(signal, intake, most_bytes) for signal in SIGNALS])


def _route(signal: Signal, intake: Intake, most_bytes: int) -> Route:
    async def export(request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in (_PROTOBUF, _JSON):
            return _failure(415, f"content-type {kind!r}: send {_PROTOBUF} or {_JSON}", _JSON)
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in CODINGS:
            return _failure(415, f"content-encoding {coding!r}: send gzip, deflate or none", kind)
        try:
            body = await _body(request.stream(), coding, most_bytes)
            payload = protobuf_of(body, signal) if kind == _JSON else body
        except TooLargeError:
            intake.counts.add("requests", "too_large")
            return _failure(413, too_large(most_bytes + 1, most_bytes), kind)
        except (MalformedRequestError, zlib.error) as error:
            intake.counts.add("requests", "malformed")
            return _failure(400, str(error), kind)
        answer = await wrap_future(intake.offer(payload, signal.name))
        return _response(answer, kind, signal)

    return Route(signal.http_path, export, methods=["POST"])


async def _body(chunks: AsyncIterator[bytes], coding: str, most_bytes: int) -> bytes:
    """Return the unpacked body; stops at the limit, however small the packed one was."""
    unpacker = Unpacker(coding, most_bytes)
    async for chunk in chunks:
        unpacker.feed(chunk)
    return unpacker.whole()


def _response(answer: Answer, kind: str, signal: Signal) -> Response:
    if isinstance(answer, Accepted):
        body = signal.answer(answer)
        if kind == _JSON:
            message = signal.response.FromString(body)
            return Response(MessageToJson(message, indent=None), media_type=_JSON)
        return Response(body, media_type=_PROTOBUF)
    if answer.retryable:
        return _failure(503, answer.message, kind, {"retry-after": str(int(RETRY_SECONDS))})
    return _failure(400, answer.message, kind)


def _failure(
    status: int, message: str, kind: str, headers: dict[str, str] | None = None
) -> Response:
    body = Status(message=message)
    content: bytes | str = body.SerializeToString()
    if kind == _JSON:
        content = MessageToJson(body, indent=None)
    return Response(content, status, headers, media_type=kind)
