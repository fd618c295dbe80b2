"""Request bodies and query parameters, checked: every mistake is named with what is allowed."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from starlette.requests import Request

from manager_agent.api.problem import Problem

MAX_BYTES = 1 << 20


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body, a JSON object of at most 1 MiB sent as `application/json`.

    Another content type is refused because a browser sends only that one across sites without
    asking first. Raises `Problem`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        detail = f"content-type is {kind or 'missing'}; send application/json"
        raise Problem(415, "unsupported-media-type", detail)
    try:
        found = json.loads(await _limited(request))
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad-json", f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Problem(400, "bad-json", "the body is no JSON object")
    return found


async def _limited(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Problem(413, "too-large", f"the body is larger than {MAX_BYTES:,} bytes")
    return bytes(body)


def refuse_unknown(found: Collection[str], known: Collection[str], what: str) -> None:
    """Raise `Problem` where `found` has a name that is not among `known`."""
    for name in found:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise Problem(400, "bad-request", f"unknown {what} {name!r}; {hint}")


def moment(request: Request, name: str, default: datetime) -> datetime:
    """Return the ISO 8601 time under query parameter `name`, UTC where it names no zone."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        # A + in a URL that nobody escaped arrives as a space.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        detail = f"{name} = {text!r} is no ISO 8601 time, e.g. 2026-01-31T12:00:00Z"
        raise Problem(400, "bad-request", detail) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """Return the integer from 1 to `most` under query parameter `name`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise Problem(400, "bad-request", f"{name} = {text!r} must be a number from 1 to {most}")
    return int(text)


def choice(request: Request, name: str, allowed: Collection[str]) -> str | None:
    """Return one of `allowed` under query parameter `name`, None where it is not given."""
    text = request.query_params.get(name)
    if text is not None and text not in allowed:
        detail = f"{name} = {text!r} must be one of {', '.join(sorted(allowed))}"
        raise Problem(400, "bad-request", detail)
    return text
