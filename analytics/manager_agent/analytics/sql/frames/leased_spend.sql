-- name: leased_spend
-- grain: one agent that spent from $start to before $end
-- columns: agent; receipts, what guards charged by their spans, nano-USD; nano, what these calls
--   cost, the guard's figure standing in where that is not known; tokens of calls with a lease in
--   tokens; recent_nano, recent_tokens, of all its calls since $recent
SELECT
    leased.agent, receipts, nano, tokens, coalesce(recent_nano, 0), coalesce(recent_tokens, 0)
FROM (
    SELECT
        agent, CAST(sum(settled_nano) AS BIGINT) AS receipts,
        CAST(sum(leased_nano + stood_in_nano) AS BIGINT) AS nano,
        CAST(sum(leased_tokens) AS BIGINT) AS tokens
    FROM spend_deltas
    WHERE ts >= $start AND ts < $end
    GROUP BY agent
) AS leased
LEFT JOIN (
    SELECT
        agent,
        CAST(sum(CAST(cost_usd AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0))) AS BIGINT) AS recent_nano,
        CAST(sum(input_tokens + output_tokens) AS BIGINT) AS recent_tokens
    FROM usage_minute
    WHERE ts >= date_trunc('minute', CAST($recent AS TIMESTAMP))
    GROUP BY agent
) AS recent ON recent.agent = leased.agent
ORDER BY leased.agent;
