"""Pure: what the merge window changed -> Arrow tables, one a statement."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from manager_agent.receiver.call import DAY_NS, Call
from manager_agent.receiver.changes import (
    HOUR_NS,
    Arrived,
    Changes,
    Retraction,
    Usage,
    coarser,
    spend_of,
)
from manager_agent.receiver.content import Door, harmless_message
from manager_agent.receiver.fact import ToolFact, to_json
from manager_agent.receiver.span import Resource, Span
from manager_agent.receiver.tool import ToolCall

A = TypeVar("A")
B = TypeVar("B")

_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATUS = {0: "unset", 1: "ok", 2: "error"}
_TIME = pa.timestamp("us")
_NUMBER = pa.float64()
_LONGEST_NAME = 200
_MOST_NANO = 10**18 - 1
_MOST_SUM = 9 * 10**18


def spans_table(changes: Changes, door: Door) -> pa.Table:
    """Return the new spans, their attributes freed of content by `door`; columns of `spans`."""
    spans, facts = zip(*changes.spans, strict=True)
    own = dict(zip(Span._fields, zip(*spans, strict=True), strict=True))
    of = dict(zip(Resource._fields, zip(*own["resource"], strict=True), strict=True))
    calls = [fact.call if fact else None for fact in facts]
    micros, end_micros = _span_micros(own["start_ns"]), _span_micros(own["end_ns"])
    return _table(
        _SPANS,
        {
            "trace_id": own["trace_id"],
            "span_id": own["span_id"],
            "parent_span_id": [parent or None for parent in own["parent_id"]],
            "ts": micros,
            "end_ts": end_micros,
            "duration_ms": pc.divide(
                pc.cast(pc.subtract(end_micros, micros), pa.float64()), 1000.0
            ),
            "span_name": [name[:_LONGEST_NAME] for name in own["name"]],
            "kind": _each(own["kind"], lambda kind: _KINDS.get(kind, "unspecified")),
            "status": _each(own["status"], lambda status: _STATUS.get(status, "unset")),
            "status_message": _each(own["status_message"], harmless_message),
            "service": of["service"],
            "environment": of["environment"],
            "scope": own["scope"],
            "role": [fact.role if fact else None for fact in facts],
            "agent": [fact.agent if fact else None for fact in facts],
            "response_id": [call.response_id if call else None for call in calls],
            "call_id": [call.call_id if call else None for call in calls],
            "process": of["process"],
            "attributes": [door.kept(span.own, span.shape) for span in spans],
            "fact": [to_json(fact) if fact else None for fact in facts],
            "received_ts": pa.repeat(changes.now_ns // 1000, len(spans)),
        },
    )


def calls_table(changes: Changes) -> pa.Table:
    """Return the new versions of calls; columns of `calls_open`, money in nano-USD."""
    calls, revisions, retracted = zip(*changes.calls, strict=True)
    columns: dict[str, Any] = dict(zip(Call._fields, zip(*calls, strict=True), strict=True))
    tokens = zip(columns["input_tokens"], columns["output_tokens"], strict=True)
    columns |= {
        "revision": revisions,
        "retracted": retracted,
        "ts": _micros(columns["start_ns"]),
        "status": _each(columns["error"], _status),
        "total_tokens": [
            None if sent is None or answered is None else sent + answered
            for sent, answered in tokens
        ],
        "cost_nano": _each(columns["cost_nano"], _clamped),
        "reported_cost_nano": _each(columns["reported_cost_nano"], _clamped),
    }
    return _table(_CALLS, columns)


def tools_table(changes: Changes) -> pa.Table:
    """Return the new versions of tool calls; columns of `tools_open`."""
    tools, revisions = zip(*changes.tools, strict=True)
    columns: dict[str, Any] = dict(zip(ToolCall._fields, zip(*tools, strict=True), strict=True))
    facts = zip(*columns["fact"], strict=True)
    columns |= dict(zip(ToolFact._fields, facts, strict=True))
    columns |= {
        "tool_call_key": columns["key"],
        "revision": revisions,
        "retracted": [False] * len(tools),
        "ts": _micros(columns["start_ns"]),
        "status": _each(columns["error"], _status),
    }
    return _table(_TOOLS, columns)


def usage_tables(changes: Changes) -> dict[str, pa.Table]:
    """Return the signed changes of the rollups: `minutes`, `hours`, `days` and `spends`."""
    return {
        "minutes": _usage_table(changes.minutes),
        "hours": _usage_table(coarser(changes.minutes, HOUR_NS)),
        "days": _usage_table(coarser(changes.minutes, DAY_NS)),
        "spends": _spend_table(changes.minutes),
    }


def _usage_table(usage: Usage) -> pa.Table:
    rows = [
        {
            "ts": key.bucket_ns // 1000,
            "agent": key.agent,
            "provider": key.provider,
            "response_model": key.model,
            "calls": delta.calls,
            "errors": delta.errors,
            "input_tokens": delta.input_tokens,
            "output_tokens": delta.output_tokens,
            "cache_read_tokens": delta.cache_read_tokens,
            "cache_write_tokens": delta.cache_write_tokens,
            "cost_nano": _bounded(delta.cost_nano),
            "unpriced_calls": delta.unpriced_calls,
            "duration_ms_sum": delta.duration_ms,
        }
        for key, delta in usage.items()
        if not delta.nothing
    ]
    return pa.Table.from_pylist(rows, _USAGE)


def _spend_table(usage: Usage) -> pa.Table:
    rows = [
        {
            "ts": key.quarter_ns // 1000,
            "agent": key.agent,
            "free_nano": _bounded(delta.cost_nano - delta.leased_nano),
            "ceiling_tokens": delta.ceiling_tokens,
            "free_tokens": delta.input_tokens + delta.output_tokens - delta.leased_tokens,
            "leased_calls": delta.leased_calls,
            "leased_nano": _bounded(delta.leased_nano),
            "stood_in_nano": _bounded(delta.stood_in_nano),
            "settled_nano": _bounded(delta.settled_nano),
            "leased_tokens": delta.leased_tokens,
        }
        for key, delta in spend_of(usage).items()
    ]
    return pa.Table.from_pylist([row for row in rows if any(list(row.values())[2:])], _SPENDS)


def decisions_table(decided: Sequence[Arrived]) -> pa.Table:
    """Return what gates decided, as new spans told; columns of `decisions`, sums in nano-USD."""
    rows = [
        {
            **fact.decision._asdict(),
            "ts": span.end_ns // 1000,
            "agent": fact.agent or span.resource.service,
        }
        for span, fact in decided
        if fact and fact.decision
    ]
    return pa.Table.from_pylist(rows, _DECISIONS)


def retractions_table(retractions: list[Retraction]) -> pa.Table:
    """Return minus rows: key, revision, ts."""
    return pa.table(
        {
            "key": pa.array([each.key for each in retractions], pa.string()),
            "revision": pa.array([each.revision for each in retractions], pa.int64()),
            "ts": times([each.start_ns for each in retractions]),
        }
    )


def imported_table(calls: Sequence[Call]) -> pa.Table:
    """Return calls that are imported; columns of `imported_calls`."""
    return pa.table(
        {
            "call_id": pa.array([call.call_id for call in calls], pa.string()),
            "ts": times([call.start_ns for call in calls]),
        }
    )


def keys_table(keys: list[str]) -> pa.Table:
    """Return one column, `key`."""
    return pa.table({"key": pa.array(keys, pa.string())})


def times(values_ns: Sequence[int]) -> pa.Array:
    """Return nanoseconds since 1970 as UTC timestamps of whole microseconds."""
    return _micros(values_ns).cast(_TIME)


def _micros(values_ns: Sequence[int]) -> pa.Array:
    return pa.array([value // 1000 for value in values_ns], pa.int64())


def _span_micros(whole_micros_ns: Sequence[int]) -> pa.Array:
    """Return times of spans, which the decoder cuts to whole microseconds."""
    return pc.divide(pa.array(whole_micros_ns, pa.int64()), 1000)


def _each(values: Sequence[A], of: Callable[[A], B]) -> Sequence[B]:
    """Return what `of` says of each value; it is asked once where all of them are the same."""
    return [of(values[0])] * len(values) if _all_same(values) else list(map(of, values))


def _all_same(values: Sequence[object]) -> bool:
    first = values[0]
    return values[-1] is first and values.count(first) == len(values)


def _table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """Return the columns that the schema names."""
    return pa.Table.from_arrays(
        [_array(columns[field.name], field.type) for field in schema], schema=schema
    )


def _array(column: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(column, pa.Array):
        return column.cast(kind)
    if kind != _NUMBER and _all_same(column):
        return pa.repeat(pa.scalar(column[0], kind), len(column))
    return pa.array(column, kind)


def _status(failed: bool) -> str:
    return "error" if failed else "ok"


def _clamped(nano: int | None) -> int | None:
    """Keep absurd reported sums inside DECIMAL(18, 9)."""
    return nano if nano is None or nano < _MOST_NANO else _MOST_NANO


def _bounded(nano: int) -> int:
    """Keep a sum of absurd costs inside 64 bits."""
    return max(-_MOST_SUM, min(nano, _MOST_SUM))


def _schema(text: str) -> pa.Schema:
    kinds = {
        "s": pa.string(),
        "i": pa.int64(),
        "f": pa.float64(),
        "b": pa.bool_(),
        "t": _TIME,
    }
    return pa.schema([(name, kinds[kind]) for name, kind in (p.split(":") for p in text.split())])


_SPANS = _schema(
    "trace_id:s span_id:s parent_span_id:s ts:t end_ts:t duration_ms:f span_name:s kind:s status:s"
    " status_message:s service:s environment:s scope:s role:s agent:s response_id:s call_id:s"
    " process:s attributes:s fact:s received_ts:t"
)
_CALLS = _schema(
    "call_id:s revision:i retracted:b ts:t duration_ms:f agent:s service:s environment:s"
    " provider:s operation:s request_model:s response_model:s input_tokens:i output_tokens:i"
    " cache_read_tokens:i cache_write_tokens:i cache_write_1h_tokens:i reasoning_tokens:i"
    " total_tokens:i cost_nano:i cost_source:s status:s error_type:s error_message:s"
    " http_status:i streaming:b finish_reason:s conversation_id:s user_id:s trace_id:s span_id:s"
    " response_id:s emitters:s prompt_digest:s guarded:b usage_estimated:b reported_cost_nano:i"
    " cost_by_provider:b service_tier:s holder:s usd_lease:i token_lease:i settled_nano:i"
    " turn_digest:s"
)
_DECISIONS = _schema(
    "ts:t agent:s decision:s reason:s limit_name:s limit_nano:i spent_nano:i reserved_nano:i"
    " call_id:s"
)
_TOOLS = _schema(
    "tool_call_key:s revision:i retracted:b ts:t duration_ms:f agent:s service:s environment:s"
    " tool:s tool_call_id:s status:s error_type:s error_message:s arguments_digest:s"
    " result_digest:s conversation_id:s trace_id:s span_id:s"
)
_USAGE = _schema(
    "ts:t agent:s provider:s response_model:s calls:i errors:i input_tokens:i output_tokens:i"
    " cache_read_tokens:i cache_write_tokens:i cost_nano:i unpriced_calls:i duration_ms_sum:f"
)
_SPENDS = _schema(
    "ts:t agent:s free_nano:i ceiling_tokens:i free_tokens:i leased_calls:i leased_nano:i"
    " stood_in_nano:i settled_nano:i leased_tokens:i"
)
