"""The past as it was known at each moment of it, in a database in memory.

What is stored says when each call began and how long it took; it was told of when it was over. So
for any moment the views `llm_calls`, `tool_calls`, `usage_minute` and `usage_hour` can hold what
they held then, and `FrameSource` takes the same frames from them as it took from the store.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import duckdb

from manager_agent.analytics.answer import answer
from manager_agent.contract.stored_time import naive

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOGETHER = 10_000
_MICROSECOND = timedelta(microseconds=1)
_BEFORE = timedelta(hours=50)
"""Usage of so long before the first look is summed from calls: frames show single hours of it."""


class History:
    """What was known from `since` to `until`, on a connection with a database `past` attached."""

    def __init__(self, con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> None:
        """Read all that looks from `since` to `until` may ask for. Raises `duckdb.Error`."""
        self.con = con
        con.execute("SET TimeZone = 'UTC'").fetchall()
        cut = (since - _BEFORE).replace(minute=0, second=0, microsecond=0)
        params = {"cut": naive(cut), "until": naive(until)}
        for statement in _statements("tables"):
            wanted = {name: value for name, value in params.items() if f"${name}" in statement}
            con.execute(statement, wanted)
        for statement in _statements("views"):
            con.execute(statement)
        known = answer(con, _statements("known")[0])
        self._known, self._minutes = known["known"], known["minute"]
        self._passed = 0
        (self._at,) = _statements("at")

    def heard(self, low: datetime, until: datetime) -> Iterator[tuple[Any, ...]]:
        """Yield the calls that were over from `low` to `until`, in that order, as `heard.sql` says.

        On a cursor of its own: looks may go on between two calls.
        """
        (statement,) = _statements("heard")
        with self.con.cursor() as cursor:
            cursor.execute(statement, {"low": naive(low), "until": naive(until)})
            while rows := cursor.fetchmany(_TOGETHER):
                yield from rows

    @property
    def calls(self) -> int:
        """Calls and executions of tools that are known in the end."""
        return len(self._known)

    def at(self, now: datetime) -> frozenset[int]:
        """Go to a moment, forth or back; return the minutes (since 1970) that this changes."""
        self.con.execute(self._at.replace("$now", f"'{naive(now)}'"))
        passed = int(self._known.search_sorted((now - _EPOCH) // _MICROSECOND, side="right"))
        low, high = sorted((self._passed, passed))
        self._passed = passed
        return frozenset(self._minutes[low:high].unique().to_list())


def _statements(name: str) -> list[str]:
    text = (files("manager_agent.analytics") / "sql" / "history" / f"{name}.sql").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("--"))
    return [each.strip() for each in "\n".join(lines).split(";") if each.strip()]
