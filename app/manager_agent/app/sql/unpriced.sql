-- name: unpriced
-- grain: one model called in the last 30 days without a price
-- columns: provider; model; calls; input_tokens, output_tokens as far as known
SELECT
    provider, coalesce(response_model, request_model) AS model, count(*) AS calls,
    coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens
FROM llm_calls
WHERE cost_source = 'unpriced' AND ts >= CAST(now() AS TIMESTAMP) - INTERVAL 30 DAY
GROUP BY ALL
