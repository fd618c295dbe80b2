"""Pure: how a call ended, as far as its span tells."""

import re
from dataclasses import dataclass
from functools import cache

from manager_agent.receiver.content import harmless_message
from manager_agent.receiver.fields import Entries, Fields
from manager_agent.receiver.span import ERROR, Attributes, Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.usage import Habits
from manager_agent.receiver.values import count, flag, response_id, text, unwrapped_id

STREAM_EVENTS = (
    "First Token Stream Event",
    "gen_ai.content.completion.chunk",
    "llm.content.completion.chunk",
)
"""Events of spans whose answer came as a stream; of any other only an exception says something."""
_STATUS = re.compile(r"(?:[Ee]rror code|[Ss]tatus(?:[ _]?code)?)\W{1,3}(\d{3})\b")
_RAISED = re.compile(r"([A-Za-z_]\w{0,79}(?:Error|Exception|Exit))\(")
_STATUS_OF_ERROR = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "RateLimitError": 429,
    "OverloadedError": 529,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    `error_type` is None where it did not fail. `began`: an answer began to arrive.
    `nothing_used`: it failed in a way that costs nothing for sure.
    """

    error_type: str | None
    error_message: str | None
    http_status: int | None
    response_id: str | None
    finish_reason: str | None
    streaming: bool | None
    began: bool
    nothing_used: bool


def outcome_of(span: Span, fields: Fields, habit: Habits) -> Outcome:
    """Return how the call behind `span` ended."""
    error_type = error_type_of(span, fields, habit)
    said_id = answer_id(span.attributes, fields.entries("response_id"))
    status = _http_status(span, fields, error_type)
    began = _began(span, fields, said_id)
    return Outcome(
        error_type=error_type,
        error_message=error_message_of(span, fields) if error_type else None,
        http_status=status,
        response_id=said_id,
        finish_reason=fields.first("finish_reason", text),
        streaming=_streaming(span, fields),
        began=began,
        nothing_used=error_type is not None
        and not began
        and not _broke_off(span, error_type)
        and not _unanswered(span, status, error_type),
    )


def error_type_of(span: Span, fields: Fields, habit: Habits | None = None) -> str | None:
    """Return the kind of error of a failed span, None where it did not fail.

    Someone who stops reading a stream does not make it fail.
    """
    raised = exception(span)
    said: str | None = fields.first("error_type", text)
    failed = span.status == ERROR or flag(span.attributes.get("success")) is False
    if habit is not None and habit.exception_is_error:
        failed = failed or bool(raised)
    if said is None and not failed:
        return None
    kind = said or _kind(raised) or "error"
    return None if kind.rsplit(".", 1)[-1] in table("usage")["abandoned"]["types"] else kind


def error_message_of(span: Span, fields: Fields) -> str | None:
    """Return the message of a failed span, shortened, secrets masked."""
    said = fields.first("error_message", text) or span.status_message
    return harmless_message(said or str(exception(span).get("exception.message", "")))


def exception(span: Span) -> Attributes:
    """Return what the first exception event of a span says."""
    return next((event.attributes for event in span.events if event.attributes), {})


def _kind(raised: Attributes) -> str | None:
    """Return an exception's type; LangSmith's is always `Exception`, the real one in its text."""
    kind = text(raised.get("exception.type"))
    if kind == "Exception":
        real = _RAISED.match(str(raised.get("exception.message", "")))
        return real[1] if real else kind
    return kind


def _began(span: Span, fields: Fields, said_id: str | None) -> bool:
    """Tell whether an answer began to arrive: a status of 400 and more came instead of one."""
    status = fields.first("http_status", count)
    if status is not None:
        return bool(status < 400)
    if span.scope == "litellm":  # it makes up an id for every call, failed ones too
        return span.status != ERROR
    return (
        bool(said_id)
        or fields.has("first_chunk")
        or any(event.name in STREAM_EVENTS for event in span.events)
    )


def _broke_off(span: Span, error_type: str) -> bool:
    said = f"{error_type} {exception(span).get('exception.message', '')}"
    return bool(_broken().search(said[:4000]))


def _unanswered(span: Span, status: int | None, error_type: str) -> bool:
    """Tell whether the gate followed an attempt that may have been asked, and got no answer."""
    known = table("usage")["never_sent"]
    ours = span.scope == known["scope"] and status is None
    return ours and error_type not in known["types"]


def _streaming(span: Span, fields: Fields) -> bool | None:
    attributes = span.attributes
    said = fields.first("streaming", flag)
    if isinstance(said, bool):
        return said
    if fields.has("first_chunk") or span.scope.startswith("codex"):
        return True
    operation = attributes.get("ai.operationId")
    if isinstance(operation, str):
        return operation.endswith("doStream")
    if attributes.get("logfire.span_type") == "log":
        return True
    return True if any(event.name in STREAM_EVENTS for event in span.events) else None


def answer_id(attributes: Attributes, entries: Entries) -> str | None:
    """Return the provider's response id, None without; `entries` may tell it."""
    for key, name in entries:
        value = attributes[key]
        found = text(value) if name is None else response_id(value)
        if found and not found.startswith("req_"):  # Claude Code puts a request's id here
            return unwrapped_id(found)
    return None


def _http_status(span: Span, fields: Fields, error_type: str | None) -> int | None:
    said = fields.first("http_status", count)
    if said is None and error_type is not None:
        said = _status_of_error(span, error_type)
    return said if said is not None and 100 <= said <= 599 else None


def _status_of_error(span: Span, error_type: str) -> int | None:
    """Return the HTTP status that an error's type or message tells."""
    if error_type.isdecimal():
        return int(error_type[:9])
    told = f"{span.status_message[:500]} {exception(span).get('exception.message', '')}"
    found = _STATUS.search(told[:1000])
    return int(found[1]) if found else _STATUS_OF_ERROR.get(error_type.rsplit(".", 1)[-1])


@cache
def _broken() -> re.Pattern[str]:
    types = "|".join(re.escape(name) for name in table("usage")["broke_off"]["types"])
    return re.compile(rf"\b(?:{types})\b")
