"""A call as users see it: the columns of `llm_calls`, for the terminal and for JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

from manager_agent.receiver.call import Call

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(call: Call) -> dict[str, Any]:
    """Return `call` by the names of `llm_calls`' columns; costs are USD, `ts` ISO 8601 in UTC."""
    ts = _EPOCH + timedelta(microseconds=call.start_ns // 1000)
    return {
        "call_id": call.call_id,
        "ts": ts.isoformat().replace("+00:00", "Z"),
        "duration_ms": call.duration_ms,
        "agent": call.agent,
        "service": call.service,
        "environment": call.environment,
        "provider": call.provider,
        "operation": call.operation,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cache_read_tokens": call.cache_read_tokens,
        "cache_write_tokens": call.cache_write_tokens,
        "reasoning_tokens": call.reasoning_tokens,
        "total_tokens": call.total_tokens,
        "cost_usd": _usd(call.cost_nano),
        "cost_source": call.cost_source,
        "status": "error" if call.error else "ok",
        "error_type": call.error_type,
        "error_message": call.error_message,
        "http_status": call.http_status,
        "streaming": call.streaming,
        "finish_reason": call.finish_reason,
        "conversation_id": call.conversation_id,
        "user_id": call.user_id,
        "trace_id": call.trace_id,
        "span_id": call.span_id,
        "response_id": call.response_id,
        "emitters": call.emitters,
        "prompt_digest": call.prompt_digest,
        "guarded": call.guarded,
        "usage_estimated": call.usage_estimated,
        "reported_cost_usd": _usd(call.reported_cost_nano),
        "service_tier": call.service_tier,
        "holder": call.holder,
        "usd_lease": call.usd_lease,
        "token_lease": call.token_lease,
        "settled_usd": _usd(call.settled_nano),
        "turn_digest": call.turn_digest,
    }


def _usd(nano: int | None) -> float | None:
    """Return USD as a double: nine decimals of any sum under a million dollars survive it."""
    return None if nano is None else nano / 1e9
