"""What the fake Slack gets and gives over HTTP, and how it misbehaves when told to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one request.

    `reset`: break the connection instead. `hold`: keep the client waiting till the server closes,
    with `drip` by a blank now and then, which is an answer that never ends. `after`: do what was
    asked first, and only then break or fail, so that the client cannot know.
    """

    status: int = 200
    body: str = "ok"
    headers: tuple[tuple[str, str], ...] = ()
    reset: bool = False
    hold: bool = False
    drip: bool = False
    after: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in: the path with its query, headers with small letters, the body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Route = Callable[[Request], Answer | None]
"""Answers a request, or None where it is not for this route."""


def rate_limited(seconds: int) -> Answer:
    """Return a webhook's answer to too many messages."""
    return Answer(429, "rate_limited", (("Retry-After", str(seconds)),))


def api_rate_limited(seconds: int) -> Answer:
    """Return the Web API's answer to too many calls."""
    limited = json_answer({"ok": False, "error": "ratelimited"}, 429)
    return Answer(429, limited.body, (*limited.headers, ("Retry-After", str(seconds))))


def json_answer(document: Mapping[str, Any], status: int = 200) -> Answer:
    """Return `document` as JSON."""
    headers = (("Content-Type", "application/json; charset=utf-8"),)
    return Answer(status, json.dumps(document), headers)


def refusal(error: str, **more: Any) -> Answer:
    """Return the Web API's way to say no: status 200 and `ok` false."""
    return json_answer({"ok": False, "error": error, **more})
