"""OpenAI's legacy completions: `POST /v1/completions`."""

import time
from collections.abc import Iterator
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask, pieces
from manager_agent.app.demo.openai_chat import usage
from manager_agent.app.demo.prompt_cache import PromptCache, Segment
from manager_agent.app.demo.wire import Json, Wire, event, openai_error, required, texts


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`."""
    model, asked = str(required(body, "model")), required(body, "prompt")
    prompts = texts([asked] if isinstance(asked, str) else list(asked))
    prompt = cache.automatic(model, [Segment(text) for text in prompts])
    return Ask(model=model, prompt=prompt, limit=body.get("max_tokens"))


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return the answer as one JSON object."""
    finish = "length" if answer.cut else "stop"
    return {**_part(answer, response_id, answer.text, finish), "usage": usage(answer)}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the answer as a stream; usage comes last, and only if the client asked for it."""
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    unknown = {"usage": None} if asked else {}
    for piece in pieces(answer.text):
        yield event({**_part(answer, response_id, piece, None), **unknown})
    finish = "length" if answer.cut else "stop"
    yield event({**_part(answer, response_id, "", finish), **unknown})
    if asked:
        last = _part(answer, response_id, "", None)
        yield event({**last, "choices": [], "usage": usage(answer)})
    yield "data: [DONE]\n\n"


def _part(answer: Answer, response_id: str, text: str, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    head = {"id": response_id, "object": "text_completion", "created": int(time.time())}
    return {**head, "model": answer.model, "choices": [choice]}


COMPLETIONS = Wire(read, whole, events, openai_error, "cmpl-", "x-request-id")
