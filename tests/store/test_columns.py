"""What is stored of a record is what it says, however its column is put together.

Columns of one value and of many are made in different ways, so each record is held against a plain
reading of it alone: once among all others, and once with few.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes
from manager_agent.receiver.content import harmless_message
from manager_agent.receiver.fact import from_json, to_json
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.testing import NOW_NS
from manager_agent.receiver.window import MergeWindow
from manager_agent.store.columns import calls_table, spans_table
from tests.harness.captures import LAB, captures
from tests.harness.stories import DOOR

_MOST_NANO = 10**18 - 1


@cache
def arrived() -> tuple[Arrived, ...]:
    """Return all that real emitters sent."""
    reader = Reader(lambda span: recognise(span, DOOR))
    cases = [*captures(), *captures(LAB)]
    return tuple(each for case in cases for each in reader.read(case.payload, "traces").arrived)


@cache
def steps(size: int) -> list[Changes]:
    """Return what the window makes of them, so many spans at a time; costs are of all kinds."""
    costs = 5, None, 10**19
    window = MergeWindow(
        lambda call: call.costing(costs[(call.input_tokens or 0) % 3], "local"), window_ns=2**60
    )
    every = arrived()
    return [window.add(every[at : at + size], NOW_NS) for at in range(0, len(every), size)]


def rows(table: pa.Table) -> list[dict[str, Any]]:
    table.validate(full=True)
    return list(table.to_pylist())


def moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).replace(
        tzinfo=None, microsecond=time_ns // 1000 % 10**6
    )


@pytest.mark.parametrize("size", [50, 100_000])
def test_spans_are_stored_as_they_came(size: int) -> None:
    for changes in steps(size):
        stored = rows(spans_table(changes, DOOR)) if changes.spans else []
        for row, (span, fact) in zip(stored, changes.spans, strict=True):
            call = fact.call if fact else None
            assert row.pop("kind") in ("unspecified", "internal", "server", "client", "producer")
            assert row.pop("duration_ms") == (span.end_ns - span.start_ns) // 1000 / 1000
            assert row == {
                "trace_id": span.trace_id,
                "span_id": span.span_id,
                "parent_span_id": span.parent_id or None,
                "ts": moment(span.start_ns),
                "end_ts": moment(span.end_ns),
                "span_name": span.name[:200],
                "status": ("unset", "ok", "error")[span.status],
                "status_message": harmless_message(span.status_message),
                "service": span.resource.service,
                "environment": span.resource.environment,
                "scope": span.scope,
                "role": fact and fact.role,
                "agent": fact and fact.agent,
                "response_id": call and call.response_id,
                "call_id": call and call.call_id,
                "process": span.resource.process,
                "attributes": DOOR.kept(span.own, span.shape),
                "fact": fact and to_json(fact),
                "received_ts": moment(NOW_NS),
            }
            assert fact is None or from_json(row["fact"]) == fact


@pytest.mark.parametrize("size", [50, 100_000])
def test_versions_of_calls_are_stored_as_they_are(size: int) -> None:
    for changes in steps(size):
        stored = rows(calls_table(changes)) if changes.calls else []
        for row, (call, revision, retracted) in zip(stored, changes.calls, strict=True):
            assert (row.pop("revision"), row.pop("retracted")) == (revision, retracted)
            assert row.pop("ts") == moment(call.start_ns)
            assert row.pop("status") == ("error" if call.error else "ok")
            assert row.pop("total_tokens") == call.total_tokens
            for name in ("cost_nano", "reported_cost_nano"):
                nano = getattr(call, name)
                assert row.pop(name) == (nano and min(nano, _MOST_NANO))
            assert row == {name: getattr(call, name) for name in row}
            assert row.keys() | {"start_ns", "error", *_SEPARATE} == set(Call._fields)


_SEPARATE = "cost_nano", "reported_cost_nano"
