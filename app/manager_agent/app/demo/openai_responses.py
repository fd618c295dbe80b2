"""OpenAI's Responses API: `POST /v1/responses`."""

import json
import time
from collections.abc import Iterator
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, Tool, pieces
from manager_agent.app.demo.prompt_cache import PromptCache, Segment
from manager_agent.app.demo.wire import Json, Wire, event, openai_error, required, texts


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`."""
    model, asked = str(required(body, "model")), required(body, "input")
    tools = [tool for tool in body.get("tools") or [] if tool.get("type") == "function"]
    items = [
        *tools,
        body.get("instructions") or "",
        *([asked] if isinstance(asked, str) else asked),
    ]
    return Ask(
        model=model,
        prompt=cache.automatic(model, [Segment(text) for text in texts(items)]),
        limit=body.get("max_output_tokens"),
        tools=[Tool(t["name"], (t.get("parameters") or {}).get("required", [])) for t in tools],
        must_use_tool=body.get("tool_choice", "auto") not in ("auto", "none"),
    )


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    done = _head(body, answer, response_id)
    status = "incomplete" if answer.cut else "completed"
    reason = {"reason": "max_output_tokens"} if answer.cut else None
    output = [_item(answer, response_id, answer.text, "completed")]
    final = {"status": status, "incomplete_details": reason, "usage": usage(answer)}
    return {**done, "output": output, **final}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the answer as a stream; the last event holds all of it, usage included."""
    number = -1

    def send(kind: str, data: Json) -> str:
        nonlocal number
        number += 1
        return event({"type": kind, "sequence_number": number, **data}, kind)

    begun = {**_head(body, answer, response_id), "status": "in_progress", "usage": None}
    yield send("response.created", {"response": begun})
    yield send("response.in_progress", {"response": begun})
    place = {"output_index": 0}
    empty = _item(answer, response_id, "", "in_progress")
    yield send("response.output_item.added", {**place, "item": empty})
    for kind, data in _tool_parts(answer, empty) if answer.tool else _text_parts(answer, empty):
        yield send(kind, {**place, "item_id": empty["id"], **data})
    done = whole(body, answer, response_id)
    yield send("response.output_item.done", {**place, "item": done["output"][0]})
    yield send(f"response.{done['status']}", {"response": done})


def usage(answer: Answer) -> Json:
    """Return the `usage` object: the input contains its cached part."""
    used = answer.usage
    return {
        "input_tokens": used.prompt.total,
        "input_tokens_details": {"cached_tokens": used.prompt.cache_read, "cache_write_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.prompt.total + used.output,
    }


def _head(body: Json, answer: Answer, response_id: str) -> dict[str, Any]:
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "service_tier": "default",
    }


def _item(answer: Answer, response_id: str, text: str, status: str) -> dict[str, Any]:
    if answer.tool:
        call = {"type": "function_call", "id": f"fc_{response_id[-24:]}", "status": status}
        arguments = json.dumps(answer.tool.arguments) if status == "completed" else ""
        name = {"call_id": f"call_{response_id[-24:]}", "name": answer.tool.name}
        return {**call, **name, "arguments": arguments}
    content = [_part(text)] if status == "completed" else []
    message = {"type": "message", "id": f"msg_{response_id[-24:]}", "status": status}
    return {**message, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _text_parts(answer: Answer, item: Json) -> Iterator[tuple[str, Json]]:
    place = {"content_index": 0}
    yield "response.content_part.added", {**place, "part": _part("")}
    for piece in pieces(answer.text):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": answer.text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": _part(answer.text)}


def _tool_parts(answer: Answer, item: Json) -> Iterator[tuple[str, Json]]:
    assert answer.tool is not None
    arguments = json.dumps(answer.tool.arguments)
    yield "response.function_call_arguments.delta", {"delta": arguments}
    yield "response.function_call_arguments.done", {"arguments": arguments, "name": item["name"]}


RESPONSES = Wire(read, whole, events, openai_error, "resp_", "x-request-id")
