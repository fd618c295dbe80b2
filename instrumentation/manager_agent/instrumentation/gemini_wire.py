"""Google's protocol: Gemini and Vertex AI. The model is in the path."""

from dataclasses import replace
from functools import partial
from typing import Any

from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.failure import failed
from manager_agent.instrumentation.gemini_told import GeminiEvents, heard
from manager_agent.instrumentation.json_array import JsonArray
from manager_agent.instrumentation.lenient import Json, count, mapping, objects, parsed, text
from manager_agent.instrumentation.refusals import gemini_refusal
from manager_agent.instrumentation.sse import Sse
from manager_agent.instrumentation.stream import BodyReader, EventReader, reader
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import TEXT_ALONE, Weighed, text_alone, weigh
from manager_agent.instrumentation.wire import StreamReader, Wire

_CALLED_BACK = frozenset({"functionDeclarations", "function_declarations"})
_PROMPT = ("systemInstruction", "system_instruction", "contents", "content", "tools", "instances")


def asked(endpoint: Endpoint, body: bytes | None) -> Asked:
    """Return what a request asks for; both spellings of names are Google's."""
    if body is None:
        return Asked(model=endpoint.model, streaming=endpoint.streaming)
    fields = mapping(parsed(body))
    return _asked(endpoint, fields, len(body), weigh(_prompt(fields)))


def glance(endpoint: Endpoint, body: bytes) -> Asked | None:
    """Return what `body` asks for where all of its prompt is text; None: see `asked`."""
    fields = parsed(body)
    if type(fields) is not dict or not text_alone(_prompt(fields)):
        return None
    return _asked(endpoint, fields, len(body), TEXT_ALONE)


def _prompt(fields: Json) -> list[Any]:
    inner = [fields, *objects(fields.get("requests"))]
    return [each[key] for each in inner for key in _PROMPT if key in each]


def _asked(endpoint: Endpoint, fields: Json, size: int, weight: Weighed) -> Asked:
    config = mapping(_either(fields, "generationConfig", "generation_config"))
    return Asked(
        model=endpoint.model or text(fields.get("model")),
        streaming=endpoint.streaming,
        max_output_tokens=count(_either(config, "maxOutputTokens", "max_output_tokens")),
        choices=max(1, count(_either(config, "candidateCount", "candidate_count")) or 1),
        tier=text(_either(fields, "serviceTier", "service_tier")),
        body_bytes=size,
        text_bytes=weight[0],
        media=weight[1],
        held_context=_held(fields),
    )


def _held(fields: Json) -> bool:
    """Whether the prompt is not all here: kept in a cache, or searched for by the provider."""
    if _either(fields, "cachedContent", "cached_content"):
        return True
    return any(not _CALLED_BACK.issuperset(tool) for tool in objects(fields.get("tools")))


def _either(fields: Json, camel: str, snake: str) -> Any:
    return fields.get(camel, fields.get(snake))


def whole(endpoint: Endpoint, status: int, body: bytes) -> Told:
    """Return what a whole answer tells; a stream that is an array is read as one too."""
    if status >= 400:
        return failed(status, body)
    answer = parsed(body)
    told = Told()
    for piece in objects(answer if isinstance(answer, list) else [answer]):
        told = heard(told, piece, endpoint.kind)
    return _complete(told)


def _complete(told: Told) -> Told:
    return replace(told, complete=True)


def stream(endpoint: Endpoint, content_type: str) -> StreamReader:
    """Return a reader for an answer in pieces: events, or an array that grows."""
    body: StreamReader = BodyReader(partial(whole, endpoint, 200))
    if endpoint.streaming:
        body = EventReader(JsonArray(), GeminiEvents(endpoint.kind))
    return reader(content_type, body, EventReader(Sse(), GeminiEvents(endpoint.kind)))


GEMINI = Wire(asked, whole, stream, gemini_refusal, glance=glance)
