"""A database with a history that is known to the last row, for questions about it."""

from datetime import datetime
from typing import Any

import duckdb

from manager_agent.analytics.install import install
from manager_agent.store.sql_files import migrations

_ROLLUP = """
    INSERT INTO usage_{grain}_deltas (ts, agent, provider, response_model, calls, errors,
        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd,
        unpriced_calls, duration_ms_sum)
    SELECT date_trunc('{grain}', ts), agent, provider, coalesce(response_model, request_model),
        1, CAST(status = 'error' AS BIGINT), coalesce(input_tokens, 0), coalesce(output_tokens, 0),
        coalesce(cache_read_tokens, 0), coalesce(cache_write_tokens, 0), coalesce(cost_usd, 0),
        CAST(cost_source IS NOT DISTINCT FROM 'unpriced' AS BIGINT), coalesce(duration_ms, 0)
    FROM calls_sealed
"""


class History:
    """Calls, tools and alerts in the newest schema, with the views users query; in memory."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'")
        for _, _, text in migrations():
            self.con.execute(text)
        install(self.con)
        self._made = 0

    def call(self, agent: str, ts: datetime, **columns: Any) -> None:
        """Add a call; `columns` as in `llm_calls`, what is left out is NULL."""
        self._insert("calls_sealed", "call_id", {"agent": agent, "ts": ts, **columns})

    def tool(self, agent: str, ts: datetime, **columns: Any) -> None:
        """Add a tool call; `columns` as in `tool_calls`."""
        self._insert("tools_sealed", "tool_call_key", {"agent": agent, "ts": ts, **columns})

    def alert(self, agent: str, ts: datetime, **columns: Any) -> None:
        """Add an alert; `columns` as in `alerts`."""
        self._insert("alert_events", "alert_id", {"agent": agent, "ts": ts, **columns})

    def roll_up(self) -> None:
        """Fill the rollups with what the calls add up to; once, when all are there."""
        for grain in ("minute", "hour", "day"):
            self.con.execute(_ROLLUP.format(grain=grain))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the answer to a query."""
        return self.con.execute(query).fetchall()

    def _insert(self, table: str, key: str, columns: dict[str, Any]) -> None:
        self._made += 1
        row = {key: f"{table}-{self._made}", "revision": 1, **columns}
        marks = ", ".join("?" for _ in row)
        self.con.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()]
        )
