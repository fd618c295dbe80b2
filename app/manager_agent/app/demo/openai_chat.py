"""OpenAI's chat completions: `POST /v1/chat/completions`."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, Tool, pieces
from manager_agent.app.demo.prompt_cache import PromptCache, Segment
from manager_agent.app.demo.wire import Json, Wire, event, openai_error, required, texts


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`."""
    model, messages = str(required(body, "model")), required(body, "messages")
    tools = body.get("tools") or []
    segments = [Segment(text) for text in texts([*tools, *messages])]
    return Ask(
        model=model,
        prompt=cache.automatic(model, segments),
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        tools=[_tool(tool["function"]) for tool in tools],
        must_use_tool=body.get("tool_choice", "auto") not in ("auto", "none"),
    )


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.tool:
        message["tool_calls"] = _tool_calls(answer, response_id)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    head = _head(answer, response_id, "chat.completion")
    return {**head, "choices": [choice], "usage": usage(answer), "service_tier": "default"}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the answer as a stream; usage comes last, and only if the client asked for it."""
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    head = _head(answer, response_id, "chat.completion.chunk")
    unknown = {"usage": None} if asked else {}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**head, "choices": [choice], **unknown})

    yield chunk({"role": "assistant", "content": None if answer.tool else ""})
    if answer.tool:
        yield chunk({"tool_calls": [{"index": 0, **_tool_calls(answer, response_id)[0]}]})
    for piece in pieces(answer.text):
        yield chunk({"content": piece})
    yield chunk({}, _finish(answer))
    if asked:
        yield event({**head, "choices": [], "usage": usage(answer)})
    yield "data: [DONE]\n\n"


def usage(answer: Answer) -> Json:
    """Return the `usage` object: the prompt's total contains its cached part."""
    used = answer.usage
    return {
        "prompt_tokens": used.prompt.total,
        "completion_tokens": used.output,
        "total_tokens": used.prompt.total + used.output,
        "prompt_tokens_details": {"cached_tokens": used.prompt.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning, "audio_tokens": 0},
    }


def _head(answer: Answer, response_id: str, kind: str) -> dict[str, Any]:
    created = int(time.time())
    return {"id": response_id, "object": kind, "created": created, "model": answer.model}


def _tool(function: Json) -> Tool:
    return Tool(function["name"], (function.get("parameters") or {}).get("required", []))


def _tool_calls(answer: Answer, response_id: str) -> list[dict[str, Any]]:
    assert answer.tool is not None
    function = {"name": answer.tool.name, "arguments": json.dumps(answer.tool.arguments)}
    return [{"id": f"call_{response_id[-24:]}", "type": "function", "function": function}]


def _finish(answer: Answer) -> str:
    if answer.tool:
        return "tool_calls"
    return "length" if answer.cut else "stop"


CHAT = Wire(read, whole, events, openai_error, "chatcmpl-", "x-request-id")
