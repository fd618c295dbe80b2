"""Bedrock's converse: `POST /model/MODEL/converse` and `/converse-stream`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, Tool, pieces
from manager_agent.app.demo.event_frames import FRAMES, Frame
from manager_agent.app.demo.prompt_cache import PromptCache, Segment
from manager_agent.app.demo.wire import BadRequest, Json, Wire

_ERRORS = {
    400: "ValidationException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
}


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`. The model's name comes from the path."""
    if not body.get("messages"):
        raise BadRequest("The value at 'messages' failed to satisfy constraint: must not be null")
    model, config = str(body["model"]), body.get("toolConfig") or {}
    tools = [tool["toolSpec"] for tool in config.get("tools") or [] if "toolSpec" in tool]
    return Ask(
        model=model,
        prompt=cache.marked(model, _segments(body, tools)),
        limit=(body.get("inferenceConfig") or {}).get("maxTokens"),
        tools=[Tool(t["name"], t["inputSchema"]["json"].get("required", [])) for t in tools],
        must_use_tool=bool(set(config.get("toolChoice") or {}) & {"any", "tool"}),
    )


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    block: Json = {"text": answer.text}
    if answer.tool:
        block = {"toolUse": {**_use(answer), "input": answer.tool.arguments}}
    message = {"role": "assistant", "content": [block]}
    told = {"stopReason": _stop(answer), "usage": usage(answer), "metrics": {"latencyMs": 150}}
    return {"output": {"message": message}, **told}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[Frame]:
    """Yield the answer as frames; usage is in the last one."""
    place = {"contentBlockIndex": 0}
    yield Frame("messageStart", {"role": "assistant"})
    if answer.tool:
        yield Frame("contentBlockStart", {**place, "start": {"toolUse": _use(answer)}})
        arguments = {"toolUse": {"input": json.dumps(answer.tool.arguments)}}
        yield Frame("contentBlockDelta", {**place, "delta": arguments})
    for piece in pieces(answer.text):
        yield Frame("contentBlockDelta", {**place, "delta": {"text": piece}})
    yield Frame("contentBlockStop", place)
    yield Frame("messageStop", {"stopReason": _stop(answer)})
    yield Frame("metadata", {"usage": usage(answer), "metrics": {"latencyMs": 150}})


def usage(answer: Answer) -> Json:
    """Return the `usage` object: `inputTokens` EXCLUDES what the cache read and wrote."""
    prompt = answer.usage.prompt
    return {
        "inputTokens": prompt.total - prompt.cache_read - prompt.cache_write,
        "outputTokens": answer.usage.output,
        "totalTokens": prompt.total + answer.usage.output,
        "cacheReadInputTokens": prompt.cache_read,
        "cacheWriteInputTokens": prompt.cache_write,
    }


def error(status: int, message: str) -> Json:
    """Return an error as Bedrock words it; its name is in a header."""
    return {"message": message}


def error_headers(status: int) -> Mapping[str, str]:
    """Return the header that names an error."""
    return {"x-amzn-errortype": _ERRORS.get(status, "ServiceUnavailableException")}


def _segments(body: Json, tools: list[Any]) -> list[Segment]:
    blocks = [*tools, *(body.get("system") or [])]
    for message in body["messages"]:
        blocks += [message["role"], *message["content"]]
    segments: list[Segment] = []
    for block in blocks:
        if isinstance(block, dict) and "cachePoint" in block:
            if segments:
                segments[-1] = Segment(segments[-1].text, marked=True)
        else:
            segments.append(Segment(_text(block)))
    return segments


def _text(block: Any) -> str:
    if isinstance(block, str):
        return block
    return str(block["text"]) if set(block) == {"text"} else json.dumps(block)


def _use(answer: Answer) -> dict[str, Any]:
    assert answer.tool is not None
    return {"toolUseId": f"tooluse_{answer.tool.name}", "name": answer.tool.name}


def _stop(answer: Answer) -> str:
    if answer.tool:
        return "tool_use"
    return "max_tokens" if answer.cut else "end_turn"


CONVERSE = Wire(
    read,
    whole,
    events,
    error,
    "",
    "x-amzn-requestid",
    "aws.bedrock",
    stream_type=FRAMES,
    error_headers=error_headers,
)
