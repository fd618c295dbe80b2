-- name: spent
-- grain: one agent, provider and model that was called from {since} to before {until}, whole hours
-- columns: cost nano-USD of the calls whose cost is known
SELECT
    agent, provider, response_model AS model,
    CAST(CAST(coalesce(sum(cost_usd), 0) AS DECIMAL(38, 9)) * 1000000000 AS BIGINT) AS cost
FROM usage_hour
WHERE ts >= {since} AND ts < {until}
GROUP BY agent, provider, response_model
ORDER BY agent, provider, response_model
