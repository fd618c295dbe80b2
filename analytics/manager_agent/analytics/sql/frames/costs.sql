-- name: costs
-- grain: one agent, provider and model, in the hours from $low to before $high
-- columns: hour since 1970 and cost in USD, lists of the same length: names are told once, not each hour
SELECT
    agent, provider, response_model AS model,
    list(CAST(epoch_ms(ts) // 3600000 AS INTEGER)) AS hour,
    list(CAST(coalesce(cost_usd, 0) AS DECIMAL(38, 9))) AS cost
FROM usage_hour
WHERE ts >= $low AND ts < $high
GROUP BY agent, provider, response_model;
