"""Pure: the record of an ended or refused call -> a GenAI span by the semantic conventions."""

import os
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, get_current_span
from opentelemetry.trace.status import Status, StatusCode

from manager_agent.contract import attributes as names
from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.told import Told

SCOPE = InstrumentationScope("manager_agent")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_TIER_OF = {"openai": names.OPENAI_TIER, "anthropic": names.ANTHROPIC_TIER}

Attributes = dict[str, Any]


def span_of(ended: Ended, resource: Resource, cost: Mapping[str, Any]) -> ReadableSpan:
    """Return the span of an ended call, a child of what was active where it was made.

    `cost`: attributes that say what it cost, none where that is not known.
    """
    ask = ended.ask
    attributes = _asked(ask) | _told(ended) | _charged(ended) | dict(cost)
    failure = _failure(ended)
    status = Status(StatusCode.UNSET)
    if failure is not None:
        attributes["error.type"] = failure
        status = Status(StatusCode.ERROR, ended.told.error_message)
    return _span(
        ask,
        f"{ask.endpoint.operation} {_model(ask) or ''}".strip(),
        attributes,
        SpanKind.CLIENT,
        status,
        ended.ended_ns,
        resource,
    )


def refusal_of(ask: Ask, refuse: Refuse, at_ns: int, resource: Resource) -> ReadableSpan:
    """Return the span that tells of a call which never left. It claims no call."""
    said = {
        names.DECISION: "refuse",
        names.DECISION_REASON: refuse.reason,
        names.LIMIT_NAME: refuse.limit_name,
        names.LIMIT_USD: _text(refuse.limit_usd),
        names.SPENT_USD: _text(refuse.spent_usd),
        names.RESERVED_USD: _text(refuse.reserved_usd),
    }
    attributes = _identified(ask) | {key: each for key, each in said.items() if each is not None}
    status = Status(StatusCode.ERROR, refuse.message)
    return _span(ask, names.REFUSED_SPAN, attributes, SpanKind.INTERNAL, status, at_ns, resource)


def _span(
    ask: Ask,
    name: str,
    attributes: Attributes,
    kind: SpanKind,
    status: Status,
    ended_ns: int,
    resource: Resource,
) -> ReadableSpan:
    above = get_current_span(ask.context).get_span_context()
    parent = above if above.is_valid else None
    # Random by the system: a program that seeds `random` would repeat the ids of its last run.
    span_id = int.from_bytes(os.urandom(8)) or 1
    trace_id = parent.trace_id if parent else int(ask.call_id, 16)
    return ReadableSpan(
        name=name,
        context=SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED),
        parent=parent,
        resource=resource,
        attributes=attributes,
        kind=kind,
        instrumentation_scope=SCOPE,
        status=status,
        start_time=ask.started_ns,
        end_time=max(ended_ns, ask.started_ns),
    )


def _model(ask: Ask) -> str | None:
    return ask.asked.model or ask.endpoint.model


def _identified(ask: Ask) -> Attributes:
    """Return who calls whom."""
    who, where = ask.identity, ask.endpoint
    found = {
        names.CALL_ID: ask.call_id,
        names.AGENT: who.agent,
        "gen_ai.agent.name": who.agent,
        "gen_ai.conversation.id": who.conversation_id or ask.asked.conversation_id,
        "user.id": who.user_id or ask.asked.user_id,
        "gen_ai.provider.name": where.provider,
        "gen_ai.request.model": _model(ask),
        names.MODEL_ASKED: ask.model_asked,
        "server.address": where.host,
        "server.port": where.port,
    }
    return {key: value for key, value in found.items() if value is not None}


def _asked(ask: Ask) -> Attributes:
    found = _identified(ask)
    found["gen_ai.operation.name"] = ask.endpoint.operation
    asked = ask.asked
    if asked.streaming or ask.endpoint.streaming:
        found["gen_ai.request.stream"] = True
    if asked.max_output_tokens is not None:
        found["gen_ai.request.max_tokens"] = asked.max_output_tokens
    if asked.choices != 1:
        found["gen_ai.request.choice.count"] = asked.choices
    if asked.tier is not None and ask.endpoint.api == "openai":
        found["openai.request.service_tier"] = asked.tier
    return found


def _told(ended: Ended) -> Attributes:
    told = ended.told
    found: Attributes = {
        "gen_ai.response.model": told.response_model,
        "gen_ai.response.id": told.response_id,
        "gen_ai.response.finish_reasons": (told.finish_reason,) if told.finish_reason else None,
        _TIER_OF.get(ended.ask.endpoint.api, names.TIER): told.tier,
        "http.response.status_code": ended.status,
    }
    if ended.first_chunk_ns is not None:
        waited_ns = max(0, ended.first_chunk_ns - ended.ask.started_ns)
        found["gen_ai.response.time_to_first_chunk"] = waited_ns / 1e9
    found |= _usage(told)
    return {key: value for key, value in found.items() if value is not None}


def _usage(told: Told) -> Attributes:
    usage = told.usage
    if usage is None:
        return {}
    found: Attributes = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "gen_ai.usage.audio.input_tokens": usage.input_audio_tokens,
        "gen_ai.usage.audio.output_tokens": usage.output_audio_tokens,
        "gen_ai.usage.image.input_tokens": usage.input_image_tokens,
        "gen_ai.usage.image.output_tokens": usage.output_image_tokens,
    }
    if usage.cache_write_1h_tokens:
        found[names.WRITES_1H] = usage.cache_write_1h_tokens
    if told.estimated:
        found[names.USAGE_ESTIMATED] = True
    return found


def _charged(ended: Ended) -> Attributes:
    """Return to which leases a guard charged a call; none where nothing was charged."""
    receipt = ended.receipt
    if receipt is None:
        return {}
    found: Attributes = {names.GUARDED: True, names.HOLDER: receipt.holder}
    if receipt.usd_lease:
        found[names.USD_LEASE] = receipt.usd_lease
        found[names.RESERVED_NANO] = receipt.reserved_nano
        found[names.SETTLED_NANO] = receipt.settled_nano
    if receipt.token_lease:
        found[names.TOKEN_LEASE] = receipt.token_lease
    return found


def _failure(ended: Ended) -> str | None:
    """Return what kind of failure it was; None where it went well or the caller had enough."""
    told = ended.told
    if told.error_type is not None:
        return told.error_type
    if ended.status is not None and ended.status >= 400:
        return str(ended.status)
    return None if ended.ending == "abandoned" else ended.failure


def _text(usd: Any) -> str | None:
    return None if usd is None else f"{usd:f}"
