-- name: batch_pricing
-- grain: one call of an agent that nobody waits for: no streams, no conversations, at least 50
--   calls, nine in ten of them in the same six hours of the day, on three days at least
-- columns: low, high: shares of its cost that could be saved; batches cost half
WITH asked AS (
    SELECT
        call_id, agent, provider, coalesce(response_model, request_model) AS model, cost_usd, ts,
        CAST(coalesce(streaming, false) OR conversation_id IS NOT NULL AS BIGINT) AS awaited
    FROM llm_calls
    WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'ok'
        AND provider IN ('openai', 'azure.ai.openai', 'anthropic', 'gcp.gemini', 'gcp.vertex_ai', 'aws.bedrock')
),
by_start AS (
    SELECT
        agent, starts.hour AS start,
        count(*) FILTER (WHERE (hour(ts) - starts.hour + 24) % 24 < 6) AS within
    FROM asked CROSS JOIN range(24) AS starts(hour)
    GROUP BY 1, 2
),
patient AS (
    SELECT asked.agent
    FROM asked JOIN (SELECT agent, max(within) AS within FROM by_start GROUP BY agent) AS best
        ON best.agent = asked.agent
    GROUP BY asked.agent
    HAVING sum(awaited) = 0 AND count(*) >= 50 AND count(DISTINCT CAST(ts AS DATE)) >= 3
        AND max(best.within) >= 0.9 * count(*)
)
SELECT call_id, agent, provider, model, cost_usd, 0.4 AS low, 0.5 AS high
FROM asked
WHERE agent IN (SELECT agent FROM patient)
