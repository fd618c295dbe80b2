-- name: hours
-- grain: one hour (UTC) of one agent, provider and model, from $low to before $high
-- columns: those of HOURS in frames.py; cost in nano-USD
SELECT
    ts, agent, provider, response_model AS model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens,
    CAST(CAST(coalesce(cost_usd, 0) AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT) AS cost,
    unpriced_calls, duration_ms_sum AS duration_ms
FROM usage_hour
WHERE ts >= $low AND ts < $high
ORDER BY ts, agent, provider, model;
