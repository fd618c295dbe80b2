"""The promise of the rollups: at any time they are the sums of `llm_calls`."""

from tests.harness.manager import Manager

_SUMS = """
    SELECT {bucket} AS ts, agent, provider, {model} AS response_model,
        {calls} AS calls,
        {errors} AS errors,
        sum(coalesce(input_tokens, 0)) AS input_tokens,
        sum(coalesce(output_tokens, 0)) AS output_tokens,
        sum(coalesce(cache_read_tokens, 0)) AS cache_read_tokens,
        sum(coalesce(cache_write_tokens, 0)) AS cache_write_tokens,
        sum(coalesce(cost_usd, 0)) AS cost_usd,
        {unpriced} AS unpriced_calls,
        {duration} AS duration
    FROM {source} WHERE {agents} GROUP BY ALL
"""


def _rollup(grain: str, agents: str) -> str:
    return _SUMS.format(
        bucket="ts",
        model="response_model",
        calls="sum(calls)",
        errors="sum(errors)",
        unpriced="sum(unpriced_calls)",
        duration="round(sum(duration_ms_sum))",
        source=f"usage_{grain}",
        agents=agents,
    )


def _from_calls(grain: str, agents: str) -> str:
    return _SUMS.format(
        bucket=f"date_trunc('{grain}', ts)",
        model="coalesce(response_model, request_model)",
        calls="count(*)",
        errors="count(*) FILTER (WHERE status = 'error')",
        unpriced="count(*) FILTER (WHERE cost_source = 'unpriced')",
        duration="round(sum(coalesce(duration_ms, 0)))",
        source="llm_calls",
        agents=agents,
    )


def assert_rollups_are_sums(running: Manager, *agents: str) -> None:
    """Fail with the rows that are in one but not in the other; `agents`: of these alone."""
    only = f"agent IN {agents + agents[:1]}" if agents else "true"
    for grain in ("minute", "hour", "day"):
        kept, true = _rollup(grain, only), _from_calls(grain, only)
        differences = running.sql(
            f"(SELECT 'kept' AS side, * FROM ({kept} EXCEPT ALL {true}))"
            f" UNION ALL (SELECT 'true', * FROM ({true} EXCEPT ALL {kept})) ORDER BY 2, 3, 4, 5, 1"
        )
        assert not differences, "\n".join(map(str, differences[:20]))
