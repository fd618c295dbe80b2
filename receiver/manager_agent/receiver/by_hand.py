"""Calls that were recorded by hand -> the OTLP request that tells of them, as an exporter would."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from manager_agent.contract import attributes as names
from manager_agent.contract.command import RecordCall

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def request_of(calls: Sequence[RecordCall]) -> bytes:
    """Return the request: spans whose ids follow from the calls' ids, so that they are known again.

    The id is in them, as the receiver makes one of a span's. It is no call id of a guard: who else
    tells of the same answer, by its response id, tells of the same call.
    """
    message = ExportTraceServiceRequest()
    for call in calls:
        sent = message.resource_spans.add()
        # Of a process of its own: what resembles it in time and usage is not taken for it.
        sent.resource.attributes.extend(
            _pairs({"service.name": call.agent, "service.instance.id": names.BY_HAND})
        )
        scoped = sent.scope_spans.add()
        scoped.scope.name = names.BY_HAND
        scoped.spans.append(_span(call))
    return message.SerializeToString()


def _span(call: RecordCall) -> Span:
    start_ns = (call.started - _EPOCH) // timedelta(microseconds=1) * 1000
    first, last = bytes.fromhex(call.call_id[:16]), bytes.fromhex(call.call_id[16:])
    return Span(
        trace_id=last + first,
        span_id=last,
        name=call.operation if call.model is None else f"{call.operation} {call.model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + round(call.duration_ms * 1e6),
        attributes=_pairs(_attributes(call)),
        status=None if call.success else Status(code=Status.STATUS_CODE_ERROR),
    )


def _attributes(call: RecordCall) -> dict[str, Any]:
    usage = call.usage
    said: dict[str, Any] = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": call.model,
        "gen_ai.response.id": call.response_id,
        "gen_ai.conversation.id": call.conversation_id,
        "user.id": call.user_id,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        names.AGENT: call.agent,
    }
    if not call.success:
        said |= {"error.type": call.error_type or "error", "error.message": call.error_message}
    if call.cost_usd is not None:
        said |= {
            names.COST_AMOUNT: float(call.cost_usd),
            names.COST_CURRENCY: "USD",
            names.COST_SOURCE: names.BY_HAND,
        }
    return {name: value for name, value in said.items() if value is not None}


def _pairs(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: str | int | float) -> AnyValue:
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)
