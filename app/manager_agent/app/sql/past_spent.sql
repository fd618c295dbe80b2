-- name: past_spent
-- grain: one call that began from $low to $until, in order of time
-- columns: ts start; agent; cost, nano-USD, NULL where unknown; tokens, input and output
SELECT
    ts, agent,
    CAST(CAST(cost_usd AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT) AS cost,
    coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens
FROM past.llm_calls
WHERE ts >= $low AND ts <= $until
ORDER BY ts, call_id;
