"""Bedrock's invoke with Anthropic's bodies: `POST /model/MODEL/invoke`, and with a stream."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from manager_agent.app.demo import anthropic_messages as messages
from manager_agent.app.demo.answers import Answer, Ask
from manager_agent.app.demo.bedrock_converse import error, error_headers
from manager_agent.app.demo.event_frames import FRAMES, Frame
from manager_agent.app.demo.prompt_cache import PromptCache
from manager_agent.app.demo.wire import BadRequest, Json, Wire


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`. The model's name comes from the path."""
    if not body.get("anthropic_version"):
        raise BadRequest("anthropic_version: Field required")
    return messages.read(body, cache)


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    return messages.whole(body, _named(answer), response_id)


def events(body: Json, answer: Answer, response_id: str) -> Iterator[Frame]:
    """Yield Anthropic's events as frames; the last holds Bedrock's own count beside them."""
    for text in messages.events(body, _named(answer), response_id):
        data = json.loads(text.partition("data: ")[2])
        if data["type"] == "message_stop":
            data["amazon-bedrock-invocationMetrics"] = _metrics(answer)
        yield Frame("chunk", data, packed=True)


def answer_headers(answer: Answer) -> Mapping[str, str]:
    """Return the headers in which Bedrock counts, whatever the body is."""
    counts = _metrics(answer)
    return {
        "x-amzn-bedrock-input-token-count": str(counts["inputTokenCount"]),
        "x-amzn-bedrock-output-token-count": str(counts["outputTokenCount"]),
        "x-amzn-bedrock-invocation-latency": str(counts["invocationLatency"]),
    }


def _metrics(answer: Answer) -> dict[str, int]:
    prompt = answer.usage.prompt
    return {
        "inputTokenCount": prompt.total - prompt.cache_read - prompt.cache_write,
        "outputTokenCount": answer.usage.output,
        "invocationLatency": 150,
        "firstByteLatency": 50,
        "cacheReadInputTokenCount": prompt.cache_read,
        "cacheWriteInputTokenCount": prompt.cache_write,
    }


def _named(answer: Answer) -> Answer:
    """Return the answer under Anthropic's name of the model: no region, vendor and version."""
    name = answer.model.rpartition("anthropic.")[2]
    return replace(answer, model=name.rpartition("-v")[0] or name)


INVOKE = Wire(
    read,
    whole,
    events,
    error,
    "msg_bdrk_01",
    "x-amzn-requestid",
    "aws.bedrock",
    stream_type=FRAMES,
    answer_headers=answer_headers,
    error_headers=error_headers,
)
