-- name: retry_waste
-- grain: one call that failed and was paid for
-- columns: low, high: shares of its cost that could be saved
SELECT
    call_id, agent, provider, coalesce(response_model, request_model) AS model, cost_usd,
    0.5 AS low, 1.0 AS high
FROM llm_calls
WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'error'
