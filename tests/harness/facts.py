"""Calls, tool calls and steps of the merge window, in a line; and a fact store to put them in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manager_agent.analytics.install import install
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion, Changes, ToolVersion
from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import ToolFact
from manager_agent.receiver.testing import NOW_NS
from manager_agent.receiver.tool import ToolCall
from manager_agent.store.duck import FactStore

KEY = b"k" * 32


def opened(folder: Path) -> FactStore:
    """Open the fact store of `folder`, made if missing."""
    return FactStore(folder / "manager.duckdb", Door(KEY), install)


def call(call_id: str = "c1", **given: Any) -> Call:
    """Return a call of which little is known, but for what is given."""
    unknown: dict[str, Any] = dict.fromkeys(Call._fields)
    known = {
        "call_id": call_id,
        "start_ns": NOW_NS,
        "duration_ms": 1500.0,
        "agent": "writer",
        "service": "desk",
        "operation": "chat",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "emitters": "test.scope",
        "error": False,
        "guarded": False,
        "usage_estimated": False,
        "cost_by_provider": False,
    }
    return Call(**{**unknown, **known, **given})


def tool_call(span_id: str = "d" * 16, **given: Any) -> ToolCall:
    """Return a call of the tool `search` that went well, but for what is given."""
    known = ToolCall(
        key=f"{'a' * 32}:{span_id}",
        start_ns=NOW_NS,
        duration_ms=20.0,
        agent="writer",
        service="desk",
        environment=None,
        conversation_id=None,
        trace_id="a" * 32,
        span_id=span_id,
        fact=ToolFact("search"),
    )
    return known._replace(**given)


def added(
    calls: Sequence[Call] = (), tools: Sequence[ToolCall] = (), *, revision: int = 1
) -> Changes:
    """Return a step that publishes calls and tool calls for the first time."""
    changes = Changes(NOW_NS)
    for each in calls:
        changes.calls.append(CallVersion(each, revision, False))
        changes.count(each, +1)
    changes.tools.extend(ToolVersion(each, revision) for each in tools)
    return changes


def replaced(old: Call, new: Call | None, *, revision: int) -> Changes:
    """Return a step that puts `new` in the place of `old`, or takes the open `old` away."""
    changes = Changes(NOW_NS)
    changes.count(old, -1)
    changes.calls.append(CallVersion(new or old, revision, new is None))
    if new is not None:
        changes.count(new, +1)
    return changes


def rows(store: FactStore, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    cursor = store.cursor()
    try:
        return cursor.execute(query).fetchall()
    finally:
        cursor.close()


def records(store: FactStore, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query, each by the names of its columns."""
    cursor = store.cursor()
    try:
        found = cursor.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    finally:
        cursor.close()
