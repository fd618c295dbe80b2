-- name: prompts
-- grain: one agent, provider and model, of its calls within {stretches}
-- columns: usual median of the prompts, shortest their tenth percentile, tokens; reported whether
--   any call told what it read from the provider's cache
SELECT
    agent, provider, coalesce(response_model, request_model) AS model,
    median(CAST(nullif(input_tokens, 0) AS DOUBLE)) AS usual,
    quantile_cont(CAST(nullif(input_tokens, 0) AS DOUBLE), 0.1) AS shortest,
    count(cache_read_tokens) > 0 AS reported
FROM llm_calls
WHERE ts >= {since} AND ts < {until} AND ({stretches})
    AND cost_usd > 0 AND status = 'ok' AND NOT coalesce(usage_estimated, false)
GROUP BY ALL
