"""Amazon Bedrock's protocol: converse and invoke_model. The model is in the path."""

from functools import partial

from manager_agent.instrumentation.anthropic_wire import asked_of
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bedrock_stream import BedrockReader
from manager_agent.instrumentation.bedrock_told import converse_told, invoke_told, with_headers
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.failure import failed
from manager_agent.instrumentation.lenient import (
    Json,
    first_count,
    first_text,
    mapping,
    objects,
    parsed,
    text,
)
from manager_agent.instrumentation.refusals import bedrock_refusal
from manager_agent.instrumentation.stream import BodyReader, is_json
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import weigh
from manager_agent.instrumentation.wire import StreamReader, Wire

_PROMPT = (
    "system",
    "messages",
    "toolConfig",
    "tools",
    "inputText",
    "inputImage",
    "prompt",
    "message",
    "chat_history",
    "documents",
    "texts",
)
_CONVERSATION = ("session_id", "conversation_id", "thread_id")
_LIMITS = ("maxTokens", "max_new_tokens", "maxTokenCount", "max_gen_len", "max_tokens")
_CONFIGS = ("inferenceConfig", "textGenerationConfig")


def asked(endpoint: Endpoint, body: bytes | None) -> Asked:
    """Return what a request asks for."""
    if body is None:
        return Asked(model=endpoint.model, streaming=endpoint.streaming)
    fields = mapping(parsed(body))
    if "anthropic_version" in fields:
        return asked_of(endpoint, fields, len(body))
    weight = weigh([fields[key] for key in _PROMPT if key in fields])
    metadata = mapping(fields.get("requestMetadata"))
    return Asked(
        model=endpoint.model,
        streaming=endpoint.streaming,
        max_output_tokens=_limit(fields),
        tier=text(mapping(fields.get("serviceTier")).get("type")),
        body_bytes=len(body),
        text_bytes=weight.text_bytes,
        media=weight.media,
        held_context=_held(fields),
        conversation_id=first_text(map(metadata.get, _CONVERSATION)),
        user_id=text(metadata.get("user_id")),
    )


def _held(fields: Json) -> bool:
    """Whether the prompt is not all here: stored at the provider, or searched for by it."""
    tools = objects(mapping(fields.get("toolConfig")).get("tools"))
    return "promptVariables" in fields or any("systemTool" in tool for tool in tools)


def _limit(fields: Json) -> int | None:
    """Return the most that may be generated, which each model's maker names its own way."""
    places = [*(mapping(fields.get(name)) for name in _CONFIGS), fields]
    return first_count(place.get(name) for place in places for name in _LIMITS)


def whole(endpoint: Endpoint, status: int, body: bytes) -> Told:
    """Return what a whole answer tells; its headers may say more."""
    if status >= 400:
        return failed(status, body)
    answer = mapping(parsed(body))
    return converse_told(answer) if endpoint.kind == "converse" else invoke_told(answer)


def stream(endpoint: Endpoint, content_type: str) -> StreamReader:
    """Return a reader for an answer in pieces."""
    if is_json(content_type):
        return BodyReader(partial(whole, endpoint, 200))
    return BedrockReader()


BEDROCK = Wire(asked, whole, stream, bedrock_refusal, with_headers)
