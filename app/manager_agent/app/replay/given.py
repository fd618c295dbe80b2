"""A past made of what a test says was used."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import duckdb
import polars as pl

from manager_agent.analytics.install import install
from manager_agent.app.replay.cases import Case, Tools, Usage
from manager_agent.app.replay.series import series
from manager_agent.store.sql_files import migrations

_AMOUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_ALIKE = (
    "agent",
    "duration_ms",
    "provider",
    "operation",
    "environment",
    "status",
    "error_type",
    "error_message",
    "http_status",
    "finish_reason",
    "conversation_id",
)
_KINDS: dict[str, pl.DataType] = {
    "cost_usd": pl.Decimal(18, 9),
    "http_status": pl.Int64(),
    **{name: pl.Int64() for name in _AMOUNTS},
}
_TOOLS_ALIKE = (
    "agent",
    "tool",
    "duration_ms",
    "status",
    "error_type",
    "error_message",
    "conversation_id",
)


def past(case: Case, start: datetime) -> duckdb.DuckDBPyConnection:
    """Return a database in memory whose attached `past` holds what `case` used from `start` on."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'").fetchall()
    con.execute(_text("given_past"))
    for _, _, text in migrations():
        con.execute(text)
    install(con)
    calls = [row for number, one in enumerate(case.usage) for row in _calls(one, number, start)]
    tools = [row for number, one in enumerate(case.tools) for row in _tools(one, number, start)]
    for name, rows in (("given_calls", calls), ("given_tools", tools)):
        if rows:
            kinds = {column: kind for column, kind in _KINDS.items() if column in rows[0]}
            given = pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)
            con.register("given", given.to_arrow())
            con.execute(_text(name))
            con.unregister("given")
    con.execute("USE memory")
    return con


def _text(name: str) -> str:
    return (files("manager_agent.app") / "sql" / f"{name}.sql").read_text("utf-8")


def length(case: Case) -> timedelta:
    """Return how long a case lasts: as it says, else to the end of its last step."""
    if case.until is not None:
        return case.until
    parts: Sequence[Usage | Tools] = (*case.usage, *case.tools)
    ends = (one.start + len(series(one.calls)) * one.step for one in parts)
    return max(ends, default=timedelta(0))


def _calls(usage: Usage, of: int, start: datetime) -> Iterator[dict[str, Any]]:
    steps = {name: _each(getattr(usage, name)) for name in (*_AMOUNTS, "cost_usd")}
    alike = {name: getattr(usage, name) for name in _ALIKE}
    for number, (step, ts) in enumerate(_times(usage, start)):
        amounts = {name: _at(values, step) for name, values in steps.items()}
        cost = amounts.pop("cost_usd")
        tokens = {name: None if value is None else int(value) for name, value in amounts.items()}
        yield {
            **alike,
            **tokens,
            "call_id": f"call-{of}-{number}",
            "revision": number + 1,
            "ts": ts,
            "request_model": usage.model,
            "response_model": usage.model,
            "cost_usd": cost,
            "cost_source": "unpriced" if cost is None else "local",
            "trace_id": usage.trace_id or f"trace-{of}-{number}",
            "span_id": f"span-{of}-{number}",
            "prompt_digest": usage.prompt_digest or f"prompt-{of}-{number}",
            "guarded": False,
        }


def _tools(tools: Tools, of: int, start: datetime) -> Iterator[dict[str, Any]]:
    alike = {name: getattr(tools, name) for name in _TOOLS_ALIKE}
    for number, (_, ts) in enumerate(_times(tools, start)):
        yield {
            **alike,
            "tool_call_key": f"tool-{of}-{number}",
            "revision": number + 1,
            "ts": ts,
            "arguments_digest": tools.arguments_digest or f"arguments-{of}-{number}",
            "result_digest": tools.result_digest or f"result-{of}-{number}",
            "trace_id": tools.trace_id or f"trace-{of}-{number}",
            "span_id": f"tool-span-{of}-{number}",
        }


def _times(one: Usage | Tools, start: datetime) -> Iterator[tuple[int, datetime]]:
    """Yield the step and the start of each call, as the database keeps it."""
    began = start.astimezone(UTC).replace(tzinfo=None) + one.start
    for step, count in enumerate(series(one.calls)):
        for number in range(int(count)):
            yield step, began + step * one.step + number * one.step / int(count)


def _each(text: str | None) -> list[Decimal] | None:
    return None if text is None else series(text)


def _at(values: list[Decimal] | None, step: int) -> Decimal | None:
    """Return the value of a step; the last one goes on."""
    return None if values is None else values[min(step, len(values) - 1)]
