"""Anthropic's messages: `POST /v1/messages`."""

import json
from collections.abc import Iterator
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, Tool, pieces
from manager_agent.app.demo.prompt_cache import PromptCache, Segment
from manager_agent.app.demo.wire import BadRequest, Json, Wire, event

_ERRORS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`."""
    for key in ("model", "max_tokens", "messages"):
        if body.get(key) is None:
            raise BadRequest(f"{key}: Field required")
    model, tools = str(body["model"]), body.get("tools") or []
    return Ask(
        model=model,
        prompt=cache.marked(model, _segments(body)),
        limit=body["max_tokens"],
        tools=[Tool(t["name"], t.get("input_schema", {}).get("required", [])) for t in tools],
        must_use_tool=(body.get("tool_choice") or {}).get("type") in ("any", "tool"),
    )


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    block = _block(answer, response_id)
    if answer.tool:
        block["input"] = answer.tool.arguments
    else:
        block["text"] = answer.text
    head = _head(answer, response_id, usage(answer))
    return {**head, "content": [block], "stop_reason": _stop(answer)}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the answer as a stream: input at its start, the final output count at its end."""

    def send(kind: str, **data: Any) -> str:
        return event({"type": kind, **data}, kind)

    used = usage(answer)
    yield send("message_start", message=_head(answer, response_id, {**used, "output_tokens": 1}))
    yield send("content_block_start", index=0, content_block=_block(answer, response_id))
    yield send("ping")
    for delta in _deltas(answer):
        yield send("content_block_delta", index=0, delta=delta)
    yield send("content_block_stop", index=0)
    told = {key: used[key] for key in used if key.endswith("_tokens")}
    stop = {"stop_reason": _stop(answer), "stop_sequence": None}
    yield send("message_delta", delta=stop, usage=told)
    yield send("message_stop")


def usage(answer: Answer) -> dict[str, Any]:
    """Return the `usage` object: `input_tokens` EXCLUDES what the cache read and wrote."""
    prompt = answer.usage.prompt
    return {
        "input_tokens": prompt.total - prompt.cache_read - prompt.cache_write,
        "cache_creation_input_tokens": prompt.cache_write,
        "cache_read_input_tokens": prompt.cache_read,
        "output_tokens": answer.usage.output,
        "cache_creation": {
            "ephemeral_5m_input_tokens": prompt.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "service_tier": "standard",
    }


def error(status: int, message: str) -> Json:
    """Return an error as Anthropic words it."""
    return {
        "type": "error",
        "error": {"type": _ERRORS.get(status, "api_error"), "message": message},
    }


def _segments(body: Json) -> list[Segment]:
    """Return the prompt in the order it is cached in: tools, system, messages."""
    system = body.get("system") or []
    segments = [_segment(tool) for tool in body.get("tools") or []]
    segments += [_segment(block) for block in ([system] if isinstance(system, str) else system)]
    for message in body["messages"]:
        content = message["content"]
        blocks = [content] if isinstance(content, str) else content
        segments += [Segment(message["role"]), *(_segment(block) for block in blocks)]
    return segments


def _segment(block: Any) -> Segment:
    if isinstance(block, str):
        return Segment(block)
    marked = block.get("cache_control") is not None
    said = {key: value for key, value in block.items() if key != "cache_control"}
    return Segment(said["text"] if said.get("type") == "text" else json.dumps(said), marked)


def _head(answer: Answer, response_id: str, used: Json) -> dict[str, Any]:
    kind = {"id": response_id, "type": "message", "role": "assistant", "model": answer.model}
    return {**kind, "content": [], "stop_reason": None, "stop_sequence": None, "usage": used}


def _block(answer: Answer, response_id: str) -> dict[str, Any]:
    """Return the answer's content block, still empty."""
    if answer.tool is None:
        return {"type": "text", "text": ""}
    use = {"type": "tool_use", "id": f"toolu_{response_id[-24:]}", "name": answer.tool.name}
    return {**use, "input": {}}


def _deltas(answer: Answer) -> Iterator[Json]:
    if answer.tool:
        yield {"type": "input_json_delta", "partial_json": json.dumps(answer.tool.arguments)}
    for piece in pieces(answer.text):
        yield {"type": "text_delta", "text": piece}


def _stop(answer: Answer) -> str:
    if answer.tool:
        return "tool_use"
    return "max_tokens" if answer.cut else "end_turn"


MESSAGES = Wire(read, whole, events, error, "msg_01", "request-id", "anthropic")
