-- name: runs
-- grain: one conversation of an agent, or trace where it named none, of calls in [$start, $end): the
--   $going called last, and of each agent the $earlier before those
-- columns: nano USD of the calls whose cost is known; calls, these; since_us, last_us microseconds
--   since 1970 of the start of the first call and the end of the last
WITH runs AS (
    SELECT
        agent, conversation_id, CASE WHEN conversation_id IS NULL THEN trace_id END AS trace_id,
        CAST(CAST(sum(cost_usd) AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT)
            AS nano,
        count(*) AS calls,
        epoch_us(min(ts)) AS since_us,
        max(epoch_us(ts) + CAST(coalesce(duration_ms, 0) * 1000 AS BIGINT)) AS last_us
    FROM llm_calls
    WHERE ts >= $start AND ts < $end AND cost_usd > 0 AND agent IS NOT NULL
    GROUP BY 1, 2, 3
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            ORDER BY last_us DESC, agent DESC, conversation_id DESC, trace_id DESC
        ) <= $going AS going
    FROM runs
)
SELECT agent, conversation_id, trace_id, nano, calls, since_us, last_us
FROM ranked
QUALIFY going OR row_number() OVER (
    PARTITION BY agent, going ORDER BY last_us DESC, conversation_id DESC, trace_id DESC
) <= $earlier
ORDER BY last_us, agent, conversation_id, trace_id;
