"""What answers of Amazon Bedrock tell, by the shape of their bodies.

Which model answers is often not to be seen (a profile, an ARN), so the body says who wrote it.
"""

from dataclasses import replace

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.anthropic_wire import told_of
from manager_agent.instrumentation.lenient import (
    Json,
    count,
    first_count,
    first_text,
    mapping,
    objects,
    text,
)
from manager_agent.instrumentation.openai_told import answer_of, finish_of
from manager_agent.instrumentation.openai_usage import usage_of as openai_usage_of
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import weigh
from manager_agent.instrumentation.wire import Headers

_HEADER = "x-amzn-bedrock-{}-token-count"
_ERROR = "x-amzn-errortype"
_TIER = "x-amzn-bedrock-service-tier"
METRICS = "amazon-bedrock-invocationMetrics"
"""Where the last piece of a streamed `invoke_model` has counts, whatever the model."""


def canonical(
    read: int | None, written: int | None, cached: int | None, stored: int | None, hour: int = 0
) -> Usage | None:
    """Return canonical usage: Bedrock's input leaves out what caches read and wrote."""
    if not (read or written or cached or stored):
        return None
    everything = None if read is None else read + (cached or 0) + (stored or 0)
    return Usage(everything, written, cached, stored, hour)


def converse_usage(raw: Json) -> Usage | None:
    """Return the usage that `converse` has, and Nova's bodies."""
    hour = sum(
        count(item.get("inputTokens")) or 0
        for item in objects(raw.get("cacheDetails"))
        if item.get("ttl") == "1h"
    )
    return canonical(
        count(raw.get("inputTokens")),
        count(raw.get("outputTokens")),
        first_count(map(raw.get, ("cacheReadInputTokens", "cacheReadInputTokenCount"))),
        first_count(map(raw.get, ("cacheWriteInputTokens", "cacheWriteInputTokenCount"))),
        hour,
    )


def metrics_usage(raw: Json) -> Usage | None:
    """Return the usage in `METRICS`."""
    return canonical(
        count(raw.get("inputTokenCount")),
        count(raw.get("outputTokenCount")),
        count(raw.get("cacheReadInputTokenCount")),
        count(raw.get("cacheWriteInputTokenCount")),
    )


def with_headers(told: Told, headers: Headers) -> Told:
    """Return `told` with what only the headers of an answer say: counts of an `invoke_model` whose
    body has none, its tier, the name of an error.
    """
    if told.error_type is not None:
        name = (headers.get(_ERROR, "") or "").partition(":")[0].rpartition("#")[2]
        return replace(told, error_type=name or told.error_type)
    told = replace(told, tier=told.tier or text(headers.get(_TIER, "")))
    if told.usage is not None and told.usage.output_tokens is not None:
        return told
    numbers = [
        int(value) if (value := headers.get(_HEADER.format(name), "") or "").isdecimal() else None
        for name in ("input", "output", "cache-read-input", "cache-write-input")
    ]
    read, written, cached, stored = map(count, numbers)
    if read is not None and written is None and not headers.get(_HEADER.format("output"), ""):
        written = 0 if told.delivered_bytes == 0 else None  # embeddings
    return replace(told, usage=canonical(read, written, cached, stored) or told.usage)


def converse_told(body: Json) -> Told:
    """Return what an answer of `converse` tells."""
    return Told(
        finish_reason=text(body.get("stopReason")),
        tier=text(mapping(body.get("serviceTier")).get("type")),
        usage=converse_usage(mapping(body.get("usage"))),
        delivered_bytes=weigh(body.get("output")).text_bytes,
        complete=True,
    )


def invoke_told(body: Json) -> Told:
    """Return what an answer of `invoke_model` tells, by the shape of the model's maker."""
    if body.get("type") in ("message", "error"):  # Anthropic
        return told_of(body)
    if "stopReason" in body or isinstance(body.get("output"), dict):  # Nova
        return converse_told(body)
    return replace(piece_told(Told(), body), complete=True)


def piece_told(told: Told, body: Json) -> Told:
    """Return `told` with what one body, or piece of one, adds: Titan, Llama, Mistral, OpenAI."""
    results = list(objects(body.get("results")))
    outputs = [*results, *objects(body.get("outputs")), *objects(body.get("generations"))]
    reasons = ("stop_reason", "completionReason", "finish_reason")
    finish = finish_of(body) or first_text(
        one.get(key) for one in (body, *outputs) for key in reasons
    )
    metrics = mapping(body.get(METRICS))
    shown = [
        one.get(key) for one in (body, *outputs) for key in ("outputText", "generation", "text")
    ]
    deltas = [mapping(one.get("delta")).get("content") for one in objects(body.get("choices"))]
    return replace(
        told,
        response_model=told.response_model or text(body.get("model")),
        response_id=told.response_id or text(body.get("id")),
        finish_reason=finish or told.finish_reason,
        usage=metrics_usage(metrics) or _counted(body, results) or told.usage,
        delivered_bytes=told.delivered_bytes + weigh([shown, deltas, answer_of(body)]).text_bytes,
        complete=told.complete or bool(metrics),
    )


def _counted(body: Json, results: list[Json]) -> Usage | None:
    usage = mapping(body.get("usage"))
    if usage:  # models that speak OpenAI's or Cohere's way
        return openai_usage_of(mapping(usage.get("tokens")) or usage, "invoke_model")
    if "inputTextTokenCount" in body:  # Titan; its embeddings generate nothing
        made = [count(one.get("tokenCount")) for one in results]
        known = [number for number in made if number is not None]
        total = sum(known) if known else count(body.get("totalOutputTextTokenCount"))
        if total is None and "outputText" not in body and not results:
            total = 0
        return canonical(count(body.get("inputTextTokenCount")), total, None, None)
    made_by = (body.get("prompt_token_count"), body.get("generation_token_count"))  # Llama
    return canonical(count(made_by[0]), count(made_by[1]), None, None)
