-- name: redundant_calls
-- grain: one call whose agent asked the same of the same model in the ten minutes before
-- columns: low, high: shares of its cost that could be saved
SELECT call_id, agent, provider, model, cost_usd, 0.5 AS low, 1.0 AS high
FROM (
    SELECT
        call_id, agent, provider, coalesce(response_model, request_model) AS model, cost_usd, ts,
        lag(ts) OVER (
            PARTITION BY agent, provider, coalesce(response_model, request_model), prompt_digest
            ORDER BY ts, call_id
        ) AS before
    FROM llm_calls
    WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'ok'
        AND prompt_digest IS NOT NULL
) AS asked
WHERE ts - before <= INTERVAL 10 MINUTE
