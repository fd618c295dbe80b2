"""A provider's protocol as functions: a request's JSON in, an answer's JSON or event stream out."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from manager_agent.app.demo.answers import Answer, Ask
from manager_agent.app.demo.event_frames import FRAMES, Frame
from manager_agent.app.demo.prompt_cache import PromptCache

Json = Mapping[str, Any]


class BadRequest(ValueError):
    """A request that the real provider would refuse with HTTP 400; the message says why."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One endpoint.

    `read`: body -> what is asked; raises `BadRequest`. `whole`: (body, answer, response id) ->
    the JSON answer. `events`: the same -> the pieces of a stream: server-sent events, ready to
    send, or frames. `error`: (status, message) -> the JSON of an error. `id_prefix` starts every
    response id, empty: answers have none. `request_id_header` names the header with the id of the
    request. `provider`: canonical name of who speaks so. `stream_type`: content type of a stream.
    `answer_headers`, `error_headers`: further headers, of the answer, of the status of an error.
    """

    read: Callable[[Json, PromptCache], Ask]
    whole: Callable[[Json, Answer, str], Json]
    events: Callable[[Json, Answer, str], Iterator[str | Frame]]
    error: Callable[[int, str], Json]
    id_prefix: str
    request_id_header: str
    provider: str = "openai"
    stream_type: str = "text/event-stream"
    answer_headers: Callable[[Answer], Mapping[str, str]] = field(default=lambda _: {})
    error_headers: Callable[[int], Mapping[str, str]] = field(default=lambda _: {})

    @property
    def framed(self) -> bool:
        """Whether a stream consists of binary frames."""
        return self.stream_type == FRAMES


def required(body: Json, key: str) -> Any:
    """Return `body[key]`; raises `BadRequest` in OpenAI's words where it is missing."""
    if body.get(key) is None:
        raise BadRequest(f"Missing required parameter: '{key}'.")
    return body[key]


def event(data: Json, name: str | None = None) -> str:
    """Return one server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n"


def texts(items: Sequence[Any]) -> list[str]:
    """Return each item of a prompt as the text that is counted."""
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def openai_error(status: int, message: str) -> Json:
    """Return an error as OpenAI words it."""
    code = {429: "rate_limit_exceeded"}.get(status)
    kind = {400: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
    error = {"message": message, "type": kind.get(status, "server_error"), "param": None}
    return {"error": {**error, "code": code}}
