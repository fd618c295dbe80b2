"""What a request to OpenAI, or to a server that speaks like it, asks for."""

import re
from collections.abc import Iterator
from typing import Any

from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.lenient import (
    LONGEST_NAME,
    Json,
    count,
    first_count,
    first_text,
    mapping,
    objects,
    parsed,
    text,
)
from manager_agent.instrumentation.weight import TEXT_ALONE, Weighed, text_alone, weigh

_ALWAYS_COUNT = frozenset({"mistral_ai", "groq", "perplexity", "x_ai", "openrouter", "deepseek"})
"""Providers whose streams end with usage whether or not it was asked for."""
_ON_REQUEST = frozenset({"chat_completions", "completions"})
_PROMPT = ("messages", "input", "prompt", "instructions", "tools", "functions", "response_format")
_ELSEWHERE = ("previous_response_id", "conversation", "web_search_options", "plugins")
_OWN_TOOLS = frozenset({None, "function", "custom", "local_shell", "apply_patch"})
"""Types of tools that the caller runs; what the others find is added to the prompt."""
_CONVERSATION = ("conversation_id", "session_id", "thread_id")
_FIELD = re.compile(rb'form-data; name="?(\w+)"?(; *filename)?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n')
_FIELDS = frozenset({"model", "stream", "n", "user", "prompt"})


def asked(endpoint: Endpoint, body: bytes | None) -> Asked:
    """Return what `body` asks for; a body of no JSON tells only its size."""
    if body is None:
        return Asked(
            model=endpoint.model, streaming=endpoint.streaming, wants_usage=_counted(endpoint, {})
        )
    fields = _form(body) if body.startswith(b"--") else mapping(parsed(body))
    weight = weigh([fields[key] for key in _PROMPT if key in fields])
    return _asked(endpoint, fields, len(body), weight)


def _asked(endpoint: Endpoint, fields: Json, size: int, weight: Weighed) -> Asked:
    streaming = endpoint.streaming or fields.get("stream") is True
    metadata = mapping(fields.get("metadata"))
    return Asked(
        model=text(fields.get("model")) or endpoint.model,
        streaming=streaming,
        wants_usage=not streaming or _counted(endpoint, fields),
        max_output_tokens=first_count(
            fields.get(key) for key in ("max_completion_tokens", "max_output_tokens", "max_tokens")
        ),
        choices=_choices(endpoint, fields),
        tier=text(fields.get("service_tier")),
        body_bytes=size,
        text_bytes=weight[0],
        media=weight[1] + (count(fields.get("files")) or 0),
        held_context=_held(fields),
        conversation_id=_conversation(fields, metadata),
        user_id=first_text(
            (fields.get("safety_identifier"), fields.get("user"), metadata.get("user_id"))
        ),
    )


_MANY = 2**53
_UNUSUAL = frozenset(
    {
        *_ELSEWHERE,
        *_CONVERSATION,
        "best_of",
        "conversation",
        "functions",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "n",
        "prompt",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stream_options",
        "tools",
        "user",
    }
)
"""Keys of a request that take a closer look; most have none of them."""


def glance(endpoint: Endpoint, body: bytes) -> Asked | None:
    """Return what `body` asks for where all of its prompt is text; None: see `asked`.

    Its text is not weighed: the size of the body bounds it.
    """
    fields = parsed(body)
    if type(fields) is not dict:
        return None
    if not _UNUSUAL.isdisjoint(fields):
        prompt = [fields[key] for key in _PROMPT if key in fields]
        return _asked(endpoint, fields, len(body), TEXT_ALONE) if text_alone(prompt) else None
    if not text_alone(fields.get("messages")):
        return None
    model, most = fields.get("model"), fields.get("max_completion_tokens")
    if most is None:
        most = fields.get("max_tokens")
    streaming = endpoint.streaming or fields.get("stream") is True
    if type(model) is not str or (most is not None and type(most) is not int):
        return None
    if not model.isascii() or not 0 < len(model) <= LONGEST_NAME or not 0 <= (most or 0) < _MANY:
        return None
    counts = not streaming or _counted(endpoint, fields)
    return Asked(model, streaming, counts, most, 1, None, len(body))


def _counted(endpoint: Endpoint, fields: Json) -> bool:
    """Whether a stream will end with usage."""
    if endpoint.kind not in _ON_REQUEST or endpoint.provider in _ALWAYS_COUNT:
        return True
    return mapping(fields.get("stream_options")).get("include_usage") is True


def _choices(endpoint: Endpoint, fields: Json) -> int:
    """Return how many answers are generated; completions make some for each of their prompts."""
    each = max(1, *(count(fields.get(key)) or 1 for key in ("n", "best_of")))
    prompt = fields.get("prompt")
    if endpoint.kind != "completions" or not isinstance(prompt, list) or not prompt:
        return each
    return each if isinstance(prompt[0], int) else each * len(prompt)


def _held(fields: Json) -> bool:
    """Whether the prompt is not all here: stored at the provider, or searched for by it."""
    if isinstance(fields.get("prompt"), dict):  # a prompt that was stored under an id
        return True
    if any(fields.get(key) not in (None, []) for key in _ELSEWHERE):
        return True
    return any(text(tool.get("type")) not in _OWN_TOOLS for tool in objects(fields.get("tools")))


def _conversation(fields: Json, metadata: Json) -> str | None:
    """Return the id of the conversation; `previous_response_id` is none, it changes each turn."""
    told = fields.get("conversation")
    inner: Any = told.get("id") if isinstance(told, dict) else told
    return first_text((inner, *map(metadata.get, _CONVERSATION), fields.get("session_id")))


def _form(body: bytes) -> Json:
    """Return the small fields of a form (images, transcriptions), and how many files it has."""
    fields: dict[str, Any] = dict(_parts(body))
    fields["stream"] = fields.get("stream") in ("true", "True", "1")
    number = fields.get("n")
    fields["n"] = (
        int(number) if isinstance(number, str) and re.fullmatch("[0-9]{1,6}", number) else 1
    )
    fields["files"] = len(re.findall(rb"form-data; [^\r\n]*filename", body))
    return fields


def _parts(body: bytes) -> Iterator[tuple[str, str]]:
    boundary = body[: body.find(b"\n")].rstrip(b"\r")
    for part in _FIELD.finditer(body):
        name = part[1].decode()
        if name in _FIELDS and part[2] is None:
            end = body.find(boundary, part.end())
            yield name, body[part.end() : end].strip(b"\r\n").decode("utf-8", "replace")
