"""OpenAI's embeddings: `POST /v1/embeddings`."""

import base64
import struct
from collections.abc import Iterator
from random import Random
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask
from manager_agent.app.demo.prompt_cache import Prompt, PromptCache, tokens
from manager_agent.app.demo.wire import (
    BadRequest,
    Json,
    Wire,
    event,
    openai_error,
    required,
    texts,
)

DIMENSIONS = 1536


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`. Embeddings are never cached."""
    model = str(required(body, "model"))
    total = sum(tokens(text) for text in texts(_inputs(body)))
    return Ask(model, Prompt(total), limit=None, speaks=False)


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return one vector per input, the same for the same text; base64 where asked for."""
    packed = body.get("encoding_format") == "base64"
    size = body.get("dimensions") or DIMENSIONS
    vectors = [_vector(text, size, packed) for text in texts(_inputs(body))]
    total = answer.usage.prompt.total
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": total, "total_tokens": total}
    return {"object": "list", "data": data, "model": answer.model, "usage": usage}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the refusal that a stream of embeddings meets; no client asks for one."""
    yield event(openai_error(400, "Embeddings are not streamed."))


def _inputs(body: Json) -> list[Any]:
    asked = required(body, "input")
    if not asked:
        raise BadRequest("'input' must not be empty.")
    return [asked] if isinstance(asked, str) else list(asked)


def _vector(text: str, size: int, packed: bool) -> str | list[float]:
    draw = Random(text)
    numbers = [draw.uniform(-1, 1) for _ in range(size)]
    return base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode() if packed else numbers


EMBEDDINGS = Wire(read, whole, events, openai_error, "", "x-request-id")
