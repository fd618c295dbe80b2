-- name: agents_by_minute
-- grain: one agent (NULL: calls that name none) that called in [$start, $end), both on a whole minute UTC
-- columns: tokens input and output; cost_usd sum of the known costs; NULL where none is known;
--   duration_ms_sum
SELECT
    agent,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors,
    CAST(
        CASE
            WHEN sum(input_tokens) IS NULL AND sum(output_tokens) IS NULL THEN NULL
            ELSE coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0)
        END AS BIGINT
    ) AS tokens,
    sum(cost_usd) AS cost_usd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls,
    sum(duration_ms_sum) AS duration_ms_sum
FROM usage_minute
WHERE ts >= $start AND ts < $end
GROUP BY agent;
