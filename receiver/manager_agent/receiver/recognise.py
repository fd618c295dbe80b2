"""Pure: one span -> what it says of calls, agents and tools, in canonical terms."""

from dataclasses import replace
from functools import cache

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd
from manager_agent.receiver.claims import Verdict, part_of, verdict
from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import CallFact, Fact, ToolFact
from manager_agent.receiver.fields import Fields
from manager_agent.receiver.outcome import Outcome, error_message_of, error_type_of, outcome_of
from manager_agent.receiver.provider import canonical_provider, provider_of_error
from manager_agent.receiver.span import Attributes, Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.usage import NOTHING_USED, Habits, Usage, canonical_usage, habits
from manager_agent.receiver.values import amount, count, flag, text


def recognise(span: Span, door: Door) -> Fact | None:
    """Return what `span` says, None where it has nothing to do with GenAI."""
    said = verdict(span.name, span.scope, span.attributes)
    if said is None:
        return None
    attributes = span.attributes
    fields = Fields(attributes, span.scope)
    stamp = text(attributes.get(names.AGENT)) or text(span.resource.attributes.get(names.AGENT))
    return Fact(
        role=said.role,
        agent=stamp or fields.first("agent", text),
        stamped=stamp is not None,
        workflow=fields.first("workflow", text),
        conversation_id=fields.first("conversation_id", text),
        user_id=fields.first("user_id", text),
        model=text(attributes.get("model")),
        call=_call(span, fields, said, door) if said.role == "call" else None,
        tool=_tool(span, fields, door) if said.role == "tool" else None,
    )


def _call(span: Span, fields: Fields, said: Verdict, door: Door) -> CallFact:
    attributes = span.attributes
    request_model = fields.first("request_model", text) or said.model
    answer_model = fields.first("response_model", text)
    provider = _provider(span, fields, request_model or answer_model)
    habit = habits(span.scope, provider)
    ended = outcome_of(span, fields, habit)
    provider = provider or provider_of_error(ended.error_type)
    operation = _operation(said.operation, request_model or answer_model)
    raw = _raw_usage(fields)
    interrupted = raw.known and _cut_short(ended, raw, provider, attributes, habit)
    usage = _usage(raw, habit, (operation, provider), ended, interrupted)
    cost = _reported_cost(attributes, fields)
    part = part_of(span.scope, attributes)
    return CallFact(
        operation=operation,
        provider=provider,
        request_model=request_model,
        response_model=answer_model if ended.error_type is None or ended.began else None,
        response_id=ended.response_id,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=raw.known and bool(ended.streaming) and _guessed(attributes, habit),
        interrupted=interrupted,
        error=ended.error_type is not None,
        error_type=ended.error_type,
        error_message=ended.error_message,
        http_status=ended.http_status,
        streaming=ended.streaming,
        finish_reason=ended.finish_reason,
        service_tier=fields.first("service_tier", text),
        prompt_digest=text(attributes.get(names.PROMPT_DIGEST)) or door.prompt_digest(attributes),
        reported_cost_nano=cost,
        cost_by_provider=cost is not None and attributes.get(names.COST_SOURCE) == "provider",
        call_id=text(attributes.get(names.CALL_ID)),
        guarded=flag(attributes.get(names.GUARDED)) or False,
        part=part.name if part else None,
        continues_seconds=part.seconds if part else None,
    )


def _tool(span: Span, fields: Fields, door: Door) -> ToolFact:
    attributes = span.attributes
    error_type = error_type_of(span, fields)
    return ToolFact(
        tool=fields.first("tool_name", text) or span.name[:200],
        tool_call_id=fields.first("tool_call_id", text),
        error=error_type is not None,
        error_type=error_type,
        error_message=error_message_of(span, fields) if error_type else None,
        arguments_digest=door.arguments_digest(attributes),
        result_digest=door.result_digest(attributes),
    )


def _provider(span: Span, fields: Fields, model: str | None) -> str | None:
    return canonical_provider(
        fields.first("provider", text),
        span.scope,
        model,
        fields.first("server_address", text),
        fields.has("azure_hint"),
    )


def _operation(said: str, model: str | None) -> str:
    """Return the operation; OpenInference calls Bedrock's embedding models LLMs."""
    return "embeddings" if said == "chat" and model and "embed" in model.lower() else said


def _raw_usage(fields: Fields) -> Usage:
    raw = Usage(**{field: fields.first(field, count) for field in _counts()})
    if raw.cache_write_tokens is None:
        short = fields.first("cache_write_5m_tokens", count)
        if short is not None or raw.cache_write_1h_tokens is not None:
            written = (short or 0) + (raw.cache_write_1h_tokens or 0)
            return replace(raw, cache_write_tokens=written)
    return raw


def _usage(
    raw: Usage, habit: Habits, said: tuple[str, str | None], ended: Outcome, interrupted: bool
) -> Usage:
    """Return canonical counts; an interrupted answer's output count is only a first guess."""
    if ended.nothing_used and not raw.known:
        return NOTHING_USED
    operation, provider = said
    usage = canonical_usage(raw, habit, operation)
    if not interrupted:
        return usage
    if provider == "anthropic":  # its streams begin with all of the input's counts
        return replace(usage, output_tokens=None, reasoning_tokens=None)
    return Usage(usage.input_tokens, None, raw.cache_read_tokens, raw.cache_write_tokens)


def _cut_short(
    ended: Outcome, raw: Usage, provider: str | None, attributes: Attributes, habit: Habits
) -> bool:
    """Tell whether an answer stopped before its end, so that its output was never counted."""
    if ended.error_type is not None:
        return True
    if not ended.streaming:
        return False
    wanting = ended.finish_reason is None
    if provider == "anthropic" and wanting and raw.output_tokens == 1:
        return True  # what its streams say before the first word
    wanted = habit.complete_streams_have
    return wanting if wanted == "finish_reason" else bool(wanted) and wanted not in attributes


def _guessed(attributes: Attributes, habit: Habits) -> bool:
    """Tell whether the emitter counted a stream's tokens by itself."""
    if habit.estimates_streams is None:
        return False
    present, positive = habit.estimates_streams
    if present:
        return attributes.get(present) is None
    return not count(attributes.get(positive))


def _reported_cost(attributes: Attributes, fields: Fields) -> int | None:
    """Return the cost the emitter reports, in nano-USD; 0 is "no price found" and thus unknown."""
    if text(attributes.get(names.COST_CURRENCY)) not in (None, "USD"):
        return None
    reported = fields.first("cost", amount)
    return nano_usd(reported) if reported else None


@cache
def _counts() -> tuple[str, ...]:
    return tuple(name for name in table("fields")["tokens"] if name != "cache_write_5m_tokens")
