"""What Gemini's answers tell: `usageMetadata`, model, end; whole and in pieces."""

from dataclasses import replace
from typing import Any

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.endpoint import Kind
from manager_agent.instrumentation.failure import error_in, named
from manager_agent.instrumentation.lenient import (
    Json,
    count,
    first_text,
    last_object,
    mapping,
    objects,
    parsed,
    text,
)
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import weigh

_EMBEDDINGS = frozenset({"embed_content", "batch_embed_contents"})


def usage_of(raw: Json, kind: Kind) -> Usage | None:
    """Return the usage in `usageMetadata`.

    The prompt includes what a cache gave, and does not include what tools added to it; the
    candidates do not include thoughts. A part of no tokens is left out by the provider.
    """
    prompt, tools = count(raw.get("promptTokenCount")), count(raw.get("toolUsePromptTokenCount"))
    said, thought = count(raw.get("candidatesTokenCount")), count(raw.get("thoughtsTokenCount"))
    if not (prompt or said or thought):
        return None
    read = None if prompt is None else prompt + (tools or 0)
    written = None if said is None and thought is None else (said or 0) + (thought or 0)
    if kind in _EMBEDDINGS or (written is None and raw.get("totalTokenCount") == read):
        written = 0  # a blocked prompt: counts of 0 are left out
    into, cached = raw.get("promptTokensDetails"), raw.get("cacheTokensDetails")
    out, used = raw.get("candidatesTokensDetails"), raw.get("toolUsePromptTokensDetails")
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=count(raw.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
        input_audio_tokens=_of("AUDIO", into, used),
        output_audio_tokens=_of("AUDIO", out),
        cache_audio_read_tokens=_of("AUDIO", cached),
        input_image_tokens=_of("IMAGE", into, used),
        output_image_tokens=_of("IMAGE", out),
        cache_image_read_tokens=_of("IMAGE", cached),
    )


def _of(modality: str, *details: Any) -> int | None:
    """Return the tokens of a modality in lists of details; None where none names it."""
    found = [
        number
        for listed in details
        for item in objects(listed)
        if item.get("modality") == modality
        and (number := count(item.get("tokenCount"))) is not None
    ]
    return sum(found) if found else None


def predicted(body: Json, kind: Kind) -> Usage | None:
    """Return the usage of Vertex's `:predict` for embeddings, which counts for each text."""
    counts = [
        count(mapping(mapping(item.get("embeddings")).get("statistics")).get("token_count"))
        for item in objects(body.get("predictions"))
    ]
    known = [number for number in counts if number is not None]
    if kind not in _EMBEDDINGS or not known or len(known) != len(counts):
        return None
    return Usage(input_tokens=sum(known), output_tokens=0)


def heard(told: Told, body: Json, kind: Kind) -> Told:
    """Return `told` with what one more answer, or piece of it, adds; counts are of the whole."""
    if error := error_in(body):
        name, message = named(error)
        return replace(told, error_type=name or "error", error_message=message, complete=True)
    raw = mapping(body.get("usageMetadata"))
    candidates = list(objects(body.get("candidates")))
    blocked = mapping(body.get("promptFeedback")).get("blockReason")
    finish = first_text((*(one.get("finishReason") for one in candidates), blocked))
    return replace(
        told,
        response_model=text(body.get("modelVersion")) or told.response_model,
        response_id=text(body.get("responseId")) or told.response_id,
        finish_reason=finish or told.finish_reason,
        tier=text(raw.get("serviceTier")) or told.tier,
        usage=usage_of(raw, kind) or predicted(body, kind) or told.usage,
        delivered_bytes=told.delivered_bytes
        + weigh([one.get("content") for one in candidates]).text_bytes,
        complete=told.complete or finish is not None,
    )


class GeminiEvents:
    """What the pieces of one stream have told; each holds the counts up to it."""

    def __init__(self, kind: Kind, told: Told | None = None) -> None:
        self._kind = kind
        self._told = told or Told()

    def copy(self) -> "GeminiEvents":
        """Return one that goes on from here and leaves this one as it is."""
        return GeminiEvents(self._kind, self._told)

    def told(self) -> Told:
        """Return what was told up to here."""
        return self._told

    def event(self, data: bytes) -> None:
        """Take note of one piece; of one that was too long to be kept, of its usage."""
        body = parsed(data)
        if not isinstance(body, dict):
            body = {"usageMetadata": last_object(data, b"usageMetadata")}
        self._told = heard(self._told, body, self._kind)
