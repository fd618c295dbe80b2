"""What one object of OpenAI's protocol tells: a whole answer, or one event of a stream."""

from typing import Any

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.endpoint import Kind
from manager_agent.instrumentation.lenient import Json, mapping, objects, text
from manager_agent.instrumentation.openai_usage import usage_of

_SAID = ("content", "reasoning_content", "reasoning", "refusal")
BATCH_DONE = frozenset({"completed", "cancelled", "expired"})


def usage_in(body: Json) -> Json:
    """Return the raw usage object of an answer; Groq's streams have it under `x_groq`."""
    usage = body.get("usage")
    return mapping(usage if isinstance(usage, dict) else mapping(body.get("x_groq")).get("usage"))


def read_usage(body: Json, raw: Json, kind: Kind) -> Usage | None:
    """Return the usage of an answer; a batch has counted when it is done."""
    if kind == "batch" and text(body.get("status")) not in BATCH_DONE:
        return None
    return usage_of(raw, kind) if raw else None


def finish_of(body: Json) -> str | None:
    """Return why generating ended, in the provider's word; the first choice that says it."""
    for choice in objects(body.get("choices")):
        if word := text(choice.get("finish_reason")):
            return word
    reason = mapping(body.get("incomplete_details")).get("reason")
    if body.get("object") == "response" and body.get("status") not in ("in_progress", "queued"):
        return text(reason) or text(body.get("status"))
    return text(reason)


def answer_of(body: Json) -> Any:
    """Return what of a whole answer was generated."""
    said = body.get("text")  # a transcription; of a response it is a format
    parts: list[Any] = [body.get("output"), said if isinstance(said, str) else None]
    for choice in objects(body.get("choices")):
        message = mapping(choice.get("message"))
        parts.append(choice.get("text"))
        parts += [message.get(key) for key in _SAID]
        parts += [mapping(c.get("function")) for c in objects(message.get("tool_calls"))]
    return parts


def error_of(body: Json) -> Json:
    """Return the error inside an answer or event: its own, or that of a choice (OpenRouter)."""
    error = body.get("error")
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(error, dict) and error:
        return error
    choices = (mapping(choice.get("error")) for choice in objects(body.get("choices")))
    return next((found for found in choices if found), {})
