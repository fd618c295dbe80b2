"""OpenAI's protocol, and the many that speak like it: chat completions, responses, completions,
embeddings, images, speech, transcription, batches.
"""

from dataclasses import replace
from functools import partial

from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.failure import failed, named
from manager_agent.instrumentation.lenient import Json, last_object, mapping, money, parsed, text
from manager_agent.instrumentation.openai_asked import asked, glance
from manager_agent.instrumentation.openai_stream import OpenAIEvents
from manager_agent.instrumentation.openai_told import (
    answer_of,
    error_of,
    finish_of,
    read_usage,
    usage_in,
)
from manager_agent.instrumentation.openai_usage import cost_of
from manager_agent.instrumentation.refusals import openai_refusal
from manager_agent.instrumentation.sse import Sse
from manager_agent.instrumentation.stream import BodyReader, EventReader, reader
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import weigh
from manager_agent.instrumentation.wire import Headers, StreamReader, Wire

_COST = "x-litellm-response-cost"
_DATA = frozenset({"embeddings", "images"})
_SMALL = 1 << 14
_SOUND = frozenset({"speech"})


def whole(endpoint: Endpoint, status: int, body: bytes) -> Told:
    """Return what a whole answer tells."""
    if status >= 400:
        return failed(status, body)
    if endpoint.kind in _SOUND:  # sound: there is nothing to read in it
        return Told(complete=True)
    if endpoint.kind in _DATA and len(body) > _SMALL:
        return _data(endpoint, body)
    answer = parsed(body)
    return _told(endpoint, mapping(answer)) if isinstance(answer, dict) else Told(complete=True)


def _told(endpoint: Endpoint, body: Json) -> Told:
    raw = usage_in(body)
    error = error_of(body)
    kind, message = named(error) if error else (None, None)
    return Told(
        response_model=text(body.get("model")),
        response_id=text(body.get("id")),
        finish_reason=finish_of(body),
        tier=text(body.get("service_tier")),
        usage=read_usage(body, raw, endpoint.kind),
        cost_usd=cost_of(raw),
        error_type=(kind or "error") if error else None,
        error_message=message,
        delivered_bytes=weigh(answer_of(body)).text_bytes,
        complete=True,
    )


def counted(endpoint: Endpoint, body: bytes) -> Told | None:
    """Return what settling needs of a whole answer; None: see `whole`."""
    if endpoint.kind in _SOUND or (endpoint.kind in _DATA and len(body) > _SMALL):
        return None
    answer = parsed(body)
    if type(answer) is not dict or error_of(answer):  # its own, or that of a choice
        return None
    raw = usage_in(answer)
    usage = read_usage(answer, raw, endpoint.kind)
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return Told(
        response_model=text(answer.get("model")),
        tier=text(answer.get("service_tier")),
        usage=usage,
        cost_usd=cost_of(raw),
        complete=True,
    )


def _data(endpoint: Endpoint, body: bytes) -> Told:
    """Read what stands around megabytes of vectors or pictures, which are not parsed."""
    raw = last_object(body, b"usage")
    edges = body[:_SMALL] + body[-_SMALL:]
    at = edges.find(b'"model"')
    model = edges[at + 7 : at + 512].lstrip(b": \t\r\n") if at >= 0 else b""
    name = parsed(model[: model.find(b'"', 1) + 1]) if model.startswith(b'"') else None
    return Told(
        response_model=text(name),
        usage=read_usage({}, raw, endpoint.kind),
        cost_usd=cost_of(raw),
        complete=True,
    )


def stream(endpoint: Endpoint, content_type: str) -> StreamReader:
    """Return a reader for an answer in pieces."""
    body = BodyReader(partial(whole, endpoint, 200))
    if endpoint.kind in _SOUND and "event-stream" not in content_type:
        return body
    return reader(content_type, body, EventReader(Sse(), OpenAIEvents(endpoint)))


def with_headers(told: Told, headers: Headers) -> Told:
    """Return `told` with the cost that LiteLLM's proxy says in a header."""
    cost = money(headers.get(_COST, "") or None)
    return replace(told, cost_usd=cost) if told.cost_usd is None and cost else told


OPENAI = Wire(asked, whole, stream, openai_refusal, with_headers, glance, counted)
