"""Gemini's embeddings: `POST .../models/MODEL:embedContent` and `:batchEmbedContents`."""

from collections.abc import Iterator, Sequence
from random import Random

from manager_agent.app.demo.answers import Answer, Ask
from manager_agent.app.demo.gemini_content import error
from manager_agent.app.demo.prompt_cache import Prompt, PromptCache, tokens
from manager_agent.app.demo.wire import BadRequest, Json, Wire, event

DIMENSIONS = 768


def read(body: Json, cache: PromptCache) -> Ask:
    """Return what a request asks; raises `BadRequest`. The model's name comes from the path."""
    total = sum(tokens(text) for text in _inputs(body))
    return Ask(str(body["model"]), Prompt(total), limit=None, speaks=False)


def whole(body: Json, answer: Answer, response_id: str) -> Json:
    """Return one vector per input; a single one, where `requests` was not asked."""
    vectors = [{"values": _vector(text)} for text in _inputs(body)]
    told = {"usageMetadata": {"promptTokenCount": answer.usage.prompt.total}}
    if "requests" in body:
        return {"embeddings": vectors, **told}
    return {"embedding": vectors[0], **told}


def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
    """Yield the refusal that a stream of embeddings meets; no client asks for one."""
    yield event(error(400, "Embeddings are not streamed."))


def _inputs(body: Json) -> Sequence[str]:
    contents = [each.get("content") or {} for each in body.get("requests") or [body]]
    said = ["".join(part.get("text", "") for part in each.get("parts") or []) for each in contents]
    if not any(said):
        raise BadRequest("* EmbedContentRequest.content: contents is not specified")
    return said


def _vector(text: str) -> list[float]:
    draw = Random(text)
    return [draw.uniform(-1, 1) for _ in range(DIMENSIONS)]


EMBED = Wire(read, whole, events, error, "", "x-request-id", "gcp.gemini")
