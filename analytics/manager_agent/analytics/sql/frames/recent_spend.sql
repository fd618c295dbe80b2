-- name: recent_spend
-- grain: one agent with calls since the minute of $recent
-- columns: agent; nano, what its calls cost, nano-USD; tokens
SELECT
    agent,
    CAST(sum(CAST(cost_usd AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0))) AS BIGINT) AS nano,
    CAST(sum(input_tokens + output_tokens) AS BIGINT) AS tokens
FROM usage_minute
WHERE ts >= date_trunc('minute', CAST($recent AS TIMESTAMP))
GROUP BY agent;
