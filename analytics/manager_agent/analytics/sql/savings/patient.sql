-- name: patient
-- grain: one agent that nobody waits for, of its calls within {stretches}: no streams, no
--   conversations, at least 50 calls on three days, nine in ten in the same six hours of the day
-- columns: agent
WITH hours AS (
    SELECT
        agent, CAST(ts AS DATE) AS day, hour(ts) AS hour, count(*) AS calls,
        count(*) FILTER (coalesce(streaming, false) OR conversation_id IS NOT NULL) AS awaited
    FROM llm_calls
    WHERE ts >= {since} AND ts < {until} AND ({stretches})
        AND cost_usd > 0 AND status = 'ok' AND NOT coalesce(usage_estimated, false)
    GROUP BY ALL
),
agents AS (
    SELECT agent, sum(calls) AS calls
    FROM hours
    GROUP BY agent
    HAVING sum(awaited) = 0 AND sum(calls) >= 50 AND count(DISTINCT day) >= 3
),
by_start AS (
    SELECT
        hours.agent, starts.hour AS start,
        sum(hours.calls) FILTER ((hours.hour - starts.hour + 24) % 24 < 6) AS within
    FROM hours CROSS JOIN range(24) AS starts(hour)
    GROUP BY ALL
)
SELECT agents.agent
FROM agents JOIN by_start ON by_start.agent IS NOT DISTINCT FROM agents.agent
GROUP BY agents.agent, agents.calls
HAVING max(by_start.within) >= 0.9 * agents.calls
