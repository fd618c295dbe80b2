-- name: spent_minutes
-- grain: one agent in one stretch of $grain minutes, from $low to before $high
-- columns: ts start of the stretch; cost_usd, sum of the known costs; tokens, input and output
SELECT
    time_bucket(to_minutes($grain), ts) AS ts, agent,
    CAST(coalesce(sum(cost_usd), 0) AS DECIMAL(38, 9)) AS cost_usd,
    CAST(coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0) AS BIGINT) AS tokens,
    CAST(coalesce(sum(unpriced_calls), 0) AS BIGINT) AS unpriced_calls
FROM usage_minute
WHERE ts >= $low AND ts < $high AND agent IS NOT NULL
GROUP BY 1, 2
ORDER BY 1;
