"""Named questions about the stored calls, for the dashboard and the API: `sql/questions/*.sql`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from manager_agent.contract.window import Window

_SQL = files("manager_agent.analytics") / "sql" / "questions"

Row = dict[str, Any]


def ask(con: duckdb.DuckDBPyConnection, question: str, **params: object) -> list[Row]:
    """Return the answer to `question`, a file of `sql/questions`, as rows by column name.

    Times are aware and UTC on the way in and out; DECIMAL comes out as `Decimal`.
    """
    values = {name: _stored(value) for name, value in params.items()}
    con.execute(_text(question), values)
    names = [column[0] for column in con.description or ()]
    return [dict(zip(names, map(_aware, row), strict=True)) for row in con.fetchall()]


def usage_by_agent(con: duckdb.DuckDBPyConnection, window: Window) -> list[Row]:
    """Return what each agent used in `window`: calls, errors, tokens, cost_usd, unpriced_calls.

    Reads the coarsest rollup whose buckets the window cuts nowhere.
    """
    grain = _grain([window.start, window.end])
    return ask(con, f"agents_by_{grain}", start=window.start, end=window.end)


def _grain(bounds: Iterable[datetime]) -> str:
    if all((b.hour, b.minute, b.second) == (0, 0, 0) for b in bounds):
        return "day"
    return "hour" if all((b.minute, b.second) == (0, 0) for b in bounds) else "minute"


@cache
def _text(question: str) -> str:
    return (_SQL / f"{question}.sql").read_text("utf-8")


def _stored(value: object) -> object:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _aware(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
