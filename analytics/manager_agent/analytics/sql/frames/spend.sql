-- name: spend
-- grain: one agent that had calls from $start to before $end
-- columns: agent; cost_usd, sum of the known costs; tokens, input and output; unpriced_calls
-- Whole UTC hours, $hours_start to before $hours_end, come from the hours; the ends that a time
-- zone cuts off come from the minutes.
SELECT
    agent,
    coalesce(sum(cost_usd), 0) AS cost_usd,
    CAST(coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0) AS BIGINT) AS tokens,
    CAST(coalesce(sum(unpriced_calls), 0) AS BIGINT) AS unpriced_calls
FROM (
    SELECT agent, cost_usd, input_tokens, output_tokens, unpriced_calls
    FROM usage_hour
    WHERE ts >= $hours_start AND ts < $hours_end
    UNION ALL
    SELECT agent, cost_usd, input_tokens, output_tokens, unpriced_calls
    FROM usage_minute
    WHERE ts >= $start AND ts < $hours_start
    UNION ALL
    SELECT agent, cost_usd, input_tokens, output_tokens, unpriced_calls
    FROM usage_minute
    WHERE ts >= $hours_end AND ts < $end
) AS used
WHERE agent IS NOT NULL
GROUP BY agent
ORDER BY agent;
