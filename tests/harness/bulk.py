"""Calls by the thousand, written with SQL as the receiver would have: settled rows and rollups."""

from datetime import datetime

import duckdb

_SPANS = """
    INSERT INTO spans BY NAME
    SELECT
        md5(i || '{low}') AS trace_id, substr(md5('s' || i || '{low}'), 1, 16) AS span_id,
        {ts} AS ts, {ts} + INTERVAL 1 SECOND AS end_ts, 1000.0 AS duration_ms,
        'chat gpt-4o' AS span_name, 'client' AS kind, 'ok' AS status, 'service' AS service,
        'scope' AS scope, 'call' AS role, 'agent-' || (i % 20) AS agent, 'p1' AS process,
        '{{"gen_ai.request.model": "gpt-4o", "number": ' || i || '}}' AS attributes,
        '{{"role": "call"}}' AS fact, {ts} + INTERVAL 2 SECOND AS received_ts
    FROM range({calls}) AS t(i)
"""
_CALLS = """
    INSERT INTO calls_sealed BY NAME
    SELECT
        md5(i || '{low}') AS call_id, epoch_us({ts}) + i AS revision, {ts} AS ts,
        1000.0 AS duration_ms, 'agent-' || (i % 20) AS agent, 'service' AS service,
        'openai' AS provider, 'chat' AS operation, 'gpt-4o' AS request_model,
        'gpt-4o' AS response_model, i % 5000 AS input_tokens, i % 700 AS output_tokens,
        i % 5000 + i % 700 AS total_tokens, {cost} AS cost_usd,
        'local' AS cost_source, 'ok' AS status, md5(i || '{low}') AS trace_id,
        substr(md5('s' || i || '{low}'), 1, 16) AS span_id, 'resp_' || i AS response_id,
        'scope' AS emitters, false AS guarded, false AS usage_estimated, false AS cost_by_provider
    FROM range({calls}) AS t(i)
"""
_USAGE = """
    INSERT INTO usage_{grain}_deltas BY NAME
    SELECT
        date_trunc('{grain}', {ts}) AS ts, 'agent-' || (i % 20) AS agent, 'openai' AS provider,
        'gpt-4o' AS response_model, count(*) AS calls, 0 AS errors,
        CAST(sum(i % 5000) AS BIGINT) AS input_tokens,
        CAST(sum(i % 700) AS BIGINT) AS output_tokens,
        sum({cost}) AS cost_usd, 0 AS unpriced_calls,
        sum(1000.0) AS duration_ms_sum
    FROM range({calls}) AS t(i)
    GROUP BY ALL
"""

MATCH = """
    WITH called AS (SELECT (count(*), sum(total_tokens), sum(cost_usd)) AS sums FROM llm_calls),
    minutes AS (
        SELECT (coalesce(sum(calls), 0), sum(input_tokens + output_tokens), sum(cost_usd)) AS sums
        FROM usage_minute
    ),
    days AS (
        SELECT (coalesce(sum(calls), 0), sum(input_tokens + output_tokens), sum(cost_usd)) AS sums
        FROM usage_day
    ),
    arrived AS (SELECT (count(*), count(DISTINCT (trace_id, span_id))) AS sums FROM {spans})
    SELECT called.sums, minutes.sums, days.sums, arrived.sums FROM called, minutes, days, arrived
"""


def fill(con: duckdb.DuckDBPyConnection, calls: int, low: datetime, high: datetime) -> None:
    """Store calls, each of one span, evenly from `low` to before `high` (UTC, naive), at once.

    Two fills with the same `low` would make the same calls.
    """
    step = int((high - low).total_seconds() * 1e6) // calls
    values = {
        "low": low,
        "calls": calls,
        "cost": "CAST((i % 5000) * 0.0000025 AS DECIMAL(18, 9))",
        "ts": f"(TIMESTAMP '{low}' + to_microseconds(CAST(i * {step} AS BIGINT)))",
    }
    con.begin()
    for statement in (_SPANS, _CALLS):
        con.execute(statement.format(**values))
    for grain in ("minute", "hour", "day"):
        con.execute(_USAGE.format(grain=grain, **values))
    con.commit()


def assert_exact(con: duckdb.DuckDBPyConnection, spans: str = "spans") -> int:
    """Fail unless calls, rollups and spans say the same; return the number of calls."""
    ((calls, minutes, days, found),) = con.execute(MATCH.format(spans=spans)).fetchall()
    assert calls == minutes == days
    assert found == (calls[0], calls[0])
    return int(calls[0])
