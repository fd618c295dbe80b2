"""What the merge window forgot, read back from the fact store."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from manager_agent.contract.money import nano_usd
from manager_agent.receiver.call import Call
from manager_agent.receiver.claim import SAME_ID_NS
from manager_agent.receiver.fact import ToolFact, from_json
from manager_agent.receiver.remembered import Late, Published, Remembered
from manager_agent.receiver.tool import ToolCall
from manager_agent.store.columns import times
from manager_agent.store.sql_files import statements

_MOST_ROUNDS = 3
_AROUND = timedelta(days=1)
_LONGEST_CALL = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1)

Recalled = tuple[list[Remembered], list[Published]]
Recent = tuple[list[Remembered], list[Published], bool]
"""The third: whether nothing was left out."""


def relatives(con: duckdb.DuckDBPyConnection, late: Sequence[Late]) -> Recalled:
    """Return all that is stored of the traces of late spans, and of claims that resemble them.

    Looks a day around the spans' own times.
    """
    low, high = reach(late)
    traces = {each.trace_id for each in late}
    asked: Sequence[Late] = late
    found: list[Remembered] = []
    fresh = set(traces)
    for _ in range(_MOST_ROUNDS):
        fresh |= _kin(con, asked, low, high) - traces
        if not fresh:
            break
        traces |= fresh
        spans = _spans(con, fresh, low, high)
        found.extend(spans)
        asked = [span.late for span in spans if span.fact and span.fact.told]
        fresh = set()
    return found, _published(con, traces, low, high)


def reach(late: Sequence[Late]) -> tuple[datetime, datetime]:
    """Return the range of time in which relatives of late spans are looked for."""
    low = _moment(min(each.start_ns for each in late)) - _AROUND
    high = _moment(max(each.end_ns for each in late)) + _AROUND
    return low, high


def reach_of_recent(con: duckdb.DuckDBPyConnection, since_ns: int) -> datetime:
    """Return the earliest time at which relatives lie of what `recent` returns."""
    query = statements("restored_from")[0]
    ((earliest,),) = con.execute(query, {"since": _moment(since_ns)}).fetchall()
    return datetime.max if earliest is None else earliest - _AROUND


def recent(con: duckdb.DuckDBPyConnection, since_ns: int, most_spans: int) -> Recent:
    """Return what the merge window must know at start: all that is open or arrived since then.

    Traces as a whole, the freshest first, with `most_spans` together.
    """
    query = statements("recent_traces")[0]
    ((traces, of, began),) = con.execute(
        query, {"since": _moment(since_ns), "most": most_spans}
    ).fetchall()
    if not traces:
        return [], [], of == 0
    high = datetime(9999, 1, 1)
    spans = _spans(con, traces, began, high)
    return spans, _published(con, traces, began - _AROUND, high), len(traces) == of


def _kin(
    con: duckdb.DuckDBPyConnection, late: Sequence[Late], low: datetime, high: datetime
) -> set[str]:
    claims = [each for each in late if each.scope]
    if not claims:
        return set()
    first_ns, last_ns = min(e.start_ns for e in claims), max(e.end_ns for e in claims)
    near_start = [each.start_ns - each.slack_ns for each in claims]
    near_end = [each.end_ns + each.slack_ns for each in claims]
    table = pa.table(
        {
            "scope": [each.scope for each in claims],
            "process": [each.process for each in claims],
            "response_id": pa.array([each.response_id for each in claims], pa.string()),
            "call_id": pa.array([each.call_id for each in claims], pa.string()),
            "parted": [each.parted for each in claims],
            "near_start": times(near_start),
            "near_end": times(near_end),
            "far_start": times([each.start_ns - SAME_ID_NS for each in claims]),
            "far_end": times([each.end_ns + SAME_ID_NS for each in claims]),
        }
    )
    rows = _query(
        con,
        "kin_of",
        {"late": table},
        low=max(low, _moment(first_ns) - _LONGEST_CALL),
        high=min(high, _moment(last_ns) + _LONGEST_CALL),
        near_from=_moment(min(near_start)),
        near_until=_moment(max(near_end)),
        far_from=_moment(first_ns - SAME_ID_NS),
        far_until=_moment(last_ns + SAME_ID_NS),
    )
    return {str(row["trace_id"]) for row in rows}


def _spans(
    con: duckdb.DuckDBPyConnection, traces: Iterable[str], low: datetime, high: datetime
) -> list[Remembered]:
    rows = _query(con, "spans_of", {"traces": _traces(traces)}, low=low, high=high)
    return [
        Remembered(
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            parent_id=row["parent_span_id"],
            start_ns=_nanos(row["ts"]),
            end_ns=_nanos(row["end_ts"]),
            scope=row["scope"],
            process=row["process"],
            service=row["service"],
            environment=row["environment"],
            fact=from_json(row["fact"]) if row["fact"] else None,
        )
        for row in rows
    ]


def _published(
    con: duckdb.DuckDBPyConnection, traces: Iterable[str], low: datetime, high: datetime
) -> list[Published]:
    table, around = {"traces": _traces(traces)}, {"low": low, "high": high}
    calls = [_version(_call(row), row) for row in _query(con, "published_calls", table, **around)]
    tools = [_version(_tool(row), row) for row in _query(con, "published_tools", table, **around)]
    return sorted([*calls, *tools], key=lambda version: version.revision)


def _version(row: Call | ToolCall, values: dict[str, Any]) -> Published:
    revision = int(values["revision"])
    return Published(row, revision, bool(values["sealed"]), (), revision * 1000)


def _call(row: dict[str, Any]) -> Call:
    values = {name: row.get(name) for name in Call._fields}
    values["start_ns"] = _nanos(row["ts"])
    values["error"] = row["status"] == "error"
    values["cost_nano"] = _nano(row["cost_usd"])
    values["reported_cost_nano"] = _nano(row["reported_cost_usd"])
    values["settled_nano"] = _nano(row["settled_usd"])
    return Call(**values)  # type: ignore[arg-type]


def _tool(row: dict[str, Any]) -> ToolCall:
    return ToolCall(
        key=row["tool_call_key"],
        start_ns=_nanos(row["ts"]),
        duration_ms=row["duration_ms"],
        agent=row["agent"],
        service=row["service"],
        environment=row["environment"],
        conversation_id=row["conversation_id"],
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        fact=ToolFact(
            tool=row["tool"],
            tool_call_id=row["tool_call_id"],
            error=row["status"] == "error",
            error_type=row["error_type"],
            error_message=row["error_message"],
            arguments_digest=row["arguments_digest"],
            result_digest=row["result_digest"],
        ),
    )


def _query(
    con: duckdb.DuckDBPyConnection,
    name: str,
    tables: dict[str, pa.Table],
    **times: datetime,
) -> list[dict[str, Any]]:
    for alias, table in tables.items():
        con.register(alias, table)
    result = con.sql(statements(name)[0], params=times).to_arrow_table().to_pylist()
    for alias in tables:
        con.unregister(alias)
    return list(result)


def _traces(traces: Iterable[str]) -> pa.Table:
    return pa.table({"trace_id": pa.array(list(traces), pa.string())})


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).replace(tzinfo=None)


def _nanos(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _nano(usd: Any) -> int | None:
    return None if usd is None else nano_usd(usd)
