"""Google's Gemini: `POST .../models/MODEL:generateContent` and `:streamGenerateContent`."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, Tool, pieces
from manager_agent.app.demo.prompt_cache import PromptCache, Segment, tokens
from manager_agent.app.demo.wire import BadRequest, Json, Wire, event

_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`. The model's name comes from the path."""
    if not body.get("contents"):
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified")
    model, tools = str(body["model"]), _tools(body)
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    said = [*tools, body.get("systemInstruction") or {}, *body["contents"]]
    return Ask(
        model=model,
        prompt=cache.automatic(model, [Segment(text) for text in map(_text, said)]),
        limit=(body.get("generationConfig") or {}).get("maxOutputTokens"),
        tools=[Tool(tool["name"], _required(tool)) for tool in tools],
        must_use_tool=config.get("mode") == "ANY",
    )


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    use = answer.tool
    part = (
        {"functionCall": {"name": use.name, "args": use.arguments}} if use else _words(answer.text)
    )
    return _piece(answer, response_id, part, usage(answer), _finish(answer))


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the answer as a stream: each piece says how much was used up to it."""
    if answer.tool:
        yield event(whole(body, answer, response_id))
        return
    parts, done = pieces(answer.text), 0
    for part in parts[:-1]:
        done += tokens(part)
        yield event(_piece(answer, response_id, _words(part), usage(answer, done), None))
    last = _words(parts[-1] if parts else "")
    yield event(_piece(answer, response_id, last, usage(answer), _finish(answer)))


def usage(answer: Answer, said: int | None = None) -> Json:
    """Return `usageMetadata`; thoughts are beside the candidates' tokens, not among them.

    `said`: tokens generated so far, None: all.
    """
    used = answer.usage
    generated = used.output - used.reasoning if said is None else said
    total = used.prompt.total
    cached = {"cachedContentTokenCount": used.prompt.cache_read} if used.prompt.cache_read else {}
    thought = {"thoughtsTokenCount": used.reasoning} if used.reasoning else {}
    return {
        "promptTokenCount": total,
        "candidatesTokenCount": generated,
        "totalTokenCount": total + generated + used.reasoning,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}],
        **cached,
        **thought,
    }


def error(status: int, message: str) -> Json:
    """Return an error as Google words it."""
    word = _STATUS.get(status, "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "status": word}}


def _piece(answer: Answer, response_id: str, part: Json, used: Json, finish: str | None) -> Json:
    candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    head = {"candidates": [candidate], "usageMetadata": used}
    return {**head, "modelVersion": answer.model, "responseId": response_id}


def _words(text: str) -> Json:
    return {"text": text}


def _text(item: Any) -> str:
    parts = item.get("parts") or []
    if parts and all(set(part) == {"text"} for part in parts):
        return "".join(part["text"] for part in parts)
    return json.dumps(item)


def _tools(body: Json) -> Sequence[Json]:
    offered = body.get("tools") or []
    return [function for each in offered for function in each.get("functionDeclarations") or []]


def _required(tool: Json) -> Sequence[str]:
    schema = tool.get("parameters") or tool.get("parametersJsonSchema") or {}
    return list(schema.get("required") or [])


def _finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.cut else "STOP"


GENERATE = Wire(read, whole, events, error, "gem", "x-request-id", "gcp.gemini")
