-- name: alike
-- grain: one hour (UTC) of one agent, provider and model; those from $low to before $high that are the
-- same of the day as $low, and all from $recent on; in no order
-- columns: those of PAST in hourly.py; cost in USD, for a product of decimals costs more than all else
SELECT
    ts, agent, provider, response_model AS model, calls, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, CAST(coalesce(cost_usd, 0) AS DECIMAL(38, 9)) AS cost
FROM usage_hour
WHERE ts >= $low AND ts < $high AND (ts >= $recent OR hour(ts) = hour($low));
