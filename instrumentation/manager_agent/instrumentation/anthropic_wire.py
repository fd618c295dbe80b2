"""Anthropic's protocol: messages and batches of them, at home, on Vertex AI and on gateways."""

from functools import partial

from manager_agent.instrumentation.anthropic_told import AnthropicEvents, usage_of
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.failure import failed, named
from manager_agent.instrumentation.lenient import (
    Json,
    count,
    first_text,
    mapping,
    objects,
    parsed,
    text,
)
from manager_agent.instrumentation.refusals import anthropic_refusal
from manager_agent.instrumentation.sse import Sse
from manager_agent.instrumentation.stream import BodyReader, EventReader, reader
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import TEXT_ALONE, Weighed, text_alone, weigh
from manager_agent.instrumentation.wire import StreamReader, Wire

_PROMPT = ("system", "messages", "tools", "mcp_servers")
_SERVERS_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_", "mcp_toolset")
_CONVERSATION = ("session_id", "conversation_id", "thread_id")


def asked(endpoint: Endpoint, body: bytes | None) -> Asked:
    """Return what a request asks for."""
    if body is None:
        return Asked(model=endpoint.model, streaming=endpoint.streaming)
    fields = mapping(parsed(body))
    if endpoint.kind == "message_batch":
        return _batch(endpoint, fields, len(body))
    return asked_of(endpoint, fields, len(body))


def glance(endpoint: Endpoint, body: bytes) -> Asked | None:
    """Return what `body` asks for where all of its prompt is text; None: see `asked`."""
    fields = parsed(body)
    if type(fields) is not dict or endpoint.kind == "message_batch":
        return None
    if not text_alone([fields[key] for key in _PROMPT if key in fields]):
        return None
    return asked_of(endpoint, fields, len(body), TEXT_ALONE)


def asked_of(endpoint: Endpoint, fields: Json, size: int, weight: Weighed | None = None) -> Asked:
    """Return what the fields of a request for one message ask for; streams end with usage."""
    if weight is None:
        weight = weigh([fields[key] for key in _PROMPT if key in fields])
    metadata = mapping(fields.get("metadata"))
    return Asked(
        model=text(fields.get("model")) or endpoint.model,
        streaming=endpoint.streaming or fields.get("stream") is True,
        max_output_tokens=count(fields.get("max_tokens")),
        tier=text(fields.get("service_tier")),
        body_bytes=size,
        text_bytes=weight[0],
        media=weight[1],
        held_context=_held(fields),
        conversation_id=first_text(map(metadata.get, _CONVERSATION)),
        user_id=text(metadata.get("user_id")),
    )


def _held(fields: Json) -> bool:
    """Whether the prompt is not all here: servers run tools, and what they find is added."""
    if fields.get("mcp_servers") or isinstance(fields.get("container"), str):
        return True
    kinds = (tool.get("type") for tool in objects(fields.get("tools")))
    return any(isinstance(kind, str) and kind.startswith(_SERVERS_TOOLS) for kind in kinds)


def _batch(endpoint: Endpoint, fields: Json, size: int) -> Asked:
    """Return the sum of a batch's requests: the largest `max_tokens` for each."""
    each = [
        asked_of(endpoint, mapping(item.get("params")), 0)
        for item in objects(fields.get("requests"))
    ]
    models = {one.model for one in each}
    limits = [one.max_output_tokens for one in each]
    known = [limit for limit in limits if limit is not None]
    return Asked(
        model=models.pop() if len(models) == 1 else None,
        max_output_tokens=max(known) if known and len(known) == len(limits) else None,
        choices=max(1, len(each)),
        tier="batch",
        body_bytes=size,
        text_bytes=sum(one.text_bytes or 0 for one in each),
        media=sum(one.media for one in each),
    )


def whole(endpoint: Endpoint, status: int, body: bytes) -> Told:
    """Return what a whole answer tells."""
    if status >= 400:
        return failed(status, body)
    return told_of(mapping(parsed(body)))


def told_of(answer: Json) -> Told:
    """Return what a message, a batch or an error tells."""
    if error := mapping(answer.get("error")):
        kind, message = named(error)
        return Told(error_type=kind or "error", error_message=message, complete=True)
    raw = mapping(answer.get("usage"))
    return Told(
        response_model=text(answer.get("model")),
        response_id=text(answer.get("id")),
        finish_reason=text(answer.get("stop_reason")),
        tier=text(raw.get("service_tier")),
        usage=usage_of(raw),
        delivered_bytes=weigh(answer.get("content")).text_bytes,
        complete=True,
    )


def counted(endpoint: Endpoint, body: bytes) -> Told | None:
    """Return what settling needs of a whole answer; None: see `whole`."""
    answer = parsed(body)
    if type(answer) is not dict or answer.get("error"):
        return None
    raw = mapping(answer.get("usage"))
    usage = usage_of(raw)
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return Told(
        response_model=text(answer.get("model")),
        tier=text(raw.get("service_tier")),
        usage=usage,
        complete=True,
    )


def stream(endpoint: Endpoint, content_type: str) -> StreamReader:
    """Return a reader for an answer in pieces."""
    body = BodyReader(partial(whole, endpoint, 200))
    return reader(content_type, body, EventReader(Sse(), AnthropicEvents()))


ANTHROPIC = Wire(asked, whole, stream, anthropic_refusal, glance=glance, counted=counted)
