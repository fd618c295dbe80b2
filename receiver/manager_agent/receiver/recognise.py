"""Pure: one span -> what it says of calls, agents and tools, in canonical terms."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd
from manager_agent.receiver.claims import Verdict, verdict
from manager_agent.receiver.content import Door, harmless_message
from manager_agent.receiver.fact import CallFact, Fact, ToolFact
from manager_agent.receiver.provider import canonical_provider
from manager_agent.receiver.span import ERROR, Attributes, Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.usage import NOTHING_USED, Habits, Usage, canonical_usage, habits
from manager_agent.receiver.values import (
    amount,
    count,
    flag,
    nested,
    response_id,
    text,
    unwrapped_id,
)

_STREAM_EVENTS = ("First Token Stream Event", "gen_ai.content.completion.chunk")
_STATUS = re.compile(r"(?:[Ee]rror code|[Ss]tatus(?:[ _]?code)?)\W{1,3}(\d{3})\b")
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


def recognise(span: Span, door: Door) -> Fact | None:
    """Return what `span` says, None where it has nothing to do with GenAI."""
    said = verdict(span.name, span.scope, span.attributes)
    if said is None:
        return None
    attributes = span.attributes
    stamp = text(attributes.get(names.AGENT)) or text(span.resource.attributes.get(names.AGENT))
    return Fact(
        role=said.role,
        agent=stamp or _first("identity", "agent", attributes, text),
        stamped=stamp is not None,
        workflow=_first("identity", "workflow", attributes, text),
        conversation_id=_first("text", "conversation_id", attributes, text),
        user_id=_first("text", "user_id", attributes, text),
        model=text(attributes.get("model")),
        call=_call(span, said, door) if said.role == "call" else None,
        tool=_tool(span, door) if said.role == "tool" else None,
    )


def _call(span: Span, said: Verdict, door: Door) -> CallFact:
    attributes = span.attributes
    error_type = _error_type(span)
    status = _http_status(span, error_type)
    request_model = _first("text", "request_model", attributes, text) or said.model
    answer_model = _first("text", "response_model", attributes, text)
    provider = _provider(span, request_model or answer_model)
    habit = habits(span.scope, provider)
    answer_id = _response_id(attributes)
    finish = _first("text", "finish_reason", attributes, text)
    began = _began(span, answer_id, status)
    streaming = _streaming(span, began and error_type is not None)
    raw = _raw_usage(span)
    interrupted = raw.known and _cut_short(error_type, streaming, finish, habit)
    usage = _usage(raw, habit, said.operation, error_type is not None and not began, interrupted)
    cost = _reported_cost(attributes, usage)
    return CallFact(
        operation=said.operation,
        provider=provider,
        request_model=request_model,
        response_model=answer_model if error_type is None or began else None,
        response_id=answer_id,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        interrupted=interrupted,
        error=error_type is not None,
        error_type=error_type,
        error_message=_error_message(span) if error_type else None,
        http_status=status,
        streaming=streaming,
        finish_reason=finish,
        service_tier=_first("text", "service_tier", attributes, text),
        prompt_digest=text(attributes.get(names.PROMPT_DIGEST)) or door.prompt_digest(attributes),
        reported_cost_nano=cost,
        cost_by_provider=cost is not None and attributes.get(names.COST_SOURCE) == "provider",
        call_id=text(attributes.get(names.CALL_ID)),
        guarded=flag(attributes.get(names.GUARDED)) or False,
    )


def _tool(span: Span, door: Door) -> ToolFact:
    attributes = span.attributes
    error_type = _error_type(span)
    return ToolFact(
        tool=_first("tool", "name", attributes, text) or span.name[:200],
        tool_call_id=_first("tool", "call_id", attributes, text),
        error=error_type is not None,
        error_type=error_type,
        error_message=_error_message(span) if error_type else None,
        arguments_digest=door.arguments_digest(attributes),
        result_digest=door.result_digest(attributes),
    )


def _provider(span: Span, model: str | None) -> str | None:
    attributes = span.attributes
    return canonical_provider(
        _first("text", "provider", attributes, text),
        span.scope,
        model,
        _first("text", "server_address", attributes, text),
        _has("text", "azure_hint", attributes),
    )


def _raw_usage(span: Span) -> Usage:
    fields = table("fields")["tokens"]
    return Usage(
        **{field: _first("tokens", field, span.attributes, count, span.scope) for field in fields}
    )


def _usage(raw: Usage, habit: Habits, operation: str, refused: bool, interrupted: bool) -> Usage:
    """Return canonical counts; an interrupted answer's output count is only a first guess."""
    if refused and not raw.known:
        return NOTHING_USED
    usage = canonical_usage(raw, habit, operation)
    if not interrupted:
        return usage
    return Usage(
        usage.input_tokens,
        None,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
    )


def _began(span: Span, answer_id: str | None, status: int | None) -> bool:
    """Tell whether an answer began to arrive: a status of 400 and more came instead of one."""
    said = _first("text", "http_status", span.attributes, count)
    if said is not None:
        return bool(said < 400)
    if span.scope == "litellm":  # it makes up an id for every call, failed ones too
        return status is None and span.status != ERROR
    return bool(answer_id) or _has("text", "first_chunk", span.attributes)


def _cut_short(
    error_type: str | None, streaming: bool | None, finish: str | None, habit: Habits
) -> bool:
    if error_type is not None:
        return True
    return bool(streaming) and finish is None and habit.finish_reason_on_every_stream


def _reported_cost(attributes: Attributes, usage: Usage) -> int | None:
    """Return the cost the emitter reports, in nano-USD; 0 is "no price found" and thus unknown."""
    currency = text(attributes.get(names.COST_CURRENCY))
    if currency not in (None, "USD"):
        return None
    reported = _first("cost", "amount", attributes, amount)
    return nano_usd(reported) if reported else None


def _streaming(span: Span, broke: bool) -> bool | None:
    attributes = span.attributes
    said = _first("text", "streaming", attributes, flag)
    if isinstance(said, bool):
        return said
    if _has("text", "first_chunk", attributes) or span.scope.startswith("codex"):
        return True
    operation = attributes.get("ai.operationId")
    if isinstance(operation, str):
        return operation.endswith("doStream")
    if any(event.name in _STREAM_EVENTS for event in span.events):
        return True
    return None


def _response_id(attributes: Attributes) -> str | None:
    for key, name, _ in _keys("text", "response_id"):
        value = attributes.get(key)
        found = text(value) if name is None else response_id(value)
        if found and not found.startswith("req_"):  # Claude Code puts a request's id here
            return unwrapped_id(found)
    return None


def _error_type(span: Span) -> str | None:
    """Return the kind of error of a failed span, None where it did not fail."""
    said: str | None = _first("text", "error_type", span.attributes, text)
    if said is None and span.status != ERROR and flag(span.attributes.get("success")) is not False:
        return None
    return said or text(_exception(span).get("exception.type")) or "error"


def _error_message(span: Span) -> str | None:
    said = _first("text", "error_message", span.attributes, text) or span.status_message
    return harmless_message(said or str(_exception(span).get("exception.message", "")))


def _exception(span: Span) -> Attributes:
    """Return what the first exception event of a span says."""
    return next((event.attributes for event in span.events if event.attributes), {})


def _http_status(span: Span, error_type: str | None) -> int | None:
    said = _first("text", "http_status", span.attributes, count)
    if said is None and error_type is not None:
        said = _status_of_error(span, error_type)
    return said if said is not None and 100 <= said <= 599 else None


def _status_of_error(span: Span, error_type: str) -> int | None:
    """Return the HTTP status that an error's type or message tells."""
    if error_type.isdigit():
        return int(error_type[:9])
    told = f"{span.status_message[:500]} {_exception(span).get('exception.message', '')}"
    found = _STATUS.search(told[:1000])
    return int(found[1]) if found else _STATUS_OF_ERROR.get(error_type.rsplit(".", 1)[-1])


def _first(
    section: str, field: str, attributes: Attributes, read: Callable[[Any], Any], scope: str = ""
) -> Any:
    """Return the first present value of `field`, by the rows of `tables/fields.toml`."""
    for key, name, only in _keys(section, field):
        value = attributes.get(key)
        if value is None or not scope.startswith(only):
            continue
        found = read(value if name is None else nested(value, name))
        if found is not None:
            return found
    return None


def _has(section: str, field: str, attributes: Attributes) -> bool:
    return any(attributes.get(key) is not None for key, _, _ in _keys(section, field))


@cache
def _keys(section: str, field: str) -> tuple[tuple[str, str | None, str], ...]:
    """Return (attribute, name inside its text, prefix of the scope) for each row of `field`."""
    rows = []
    for key, _seen, *scope in table("fields")[section][field]:
        head, _, name = key.partition("#")
        rows.append((head, name or None, scope[0] if scope else ""))
    return tuple(rows)
