-- name: days
-- grain: one day (UTC) of one agent, provider and model, from $low to before $high
-- columns: those of DAYS in hourly.py; cost in USD, for a product of decimals costs more than all else
SELECT
    date_trunc('day', ts) AS ts, agent, provider, response_model AS model,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(coalesce(cost_usd, 0)) AS DECIMAL(38, 9)) AS cost
FROM usage_hour
WHERE ts >= $low AND ts < $high
GROUP BY date_trunc('day', ts), agent, provider, response_model
ORDER BY 1;
