-- name: used
-- grain: one window, agent, provider and model that called in it
-- columns: place of the window in $starts and $ends, which lie on whole hours or minutes (UTC),
--   as the rollup does; tokens input and output; cost_usd sum of the known costs; unpriced_calls those no price is known for
-- {rollup}: usage_hour or usage_minute.
-- $first, $last: the ends of all windows together.
SELECT
    place, agent, provider, response_model,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors,
    CAST(coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) AS BIGINT) AS tokens,
    coalesce(sum(cost_usd), 0) AS cost_usd,
    CAST(coalesce(sum(unpriced_calls), 0) AS BIGINT) AS unpriced_calls
FROM (
    SELECT
        unnest(range(len(CAST($starts AS TIMESTAMP[])))) AS place,
        unnest(CAST($starts AS TIMESTAMP[])) AS starts,
        unnest(CAST($ends AS TIMESTAMP[])) AS ends
) AS windows
INNER JOIN (SELECT * FROM {rollup} WHERE ts >= $first AND ts < $last) AS used
    ON ts >= starts AND ts < ends
GROUP BY place, agent, provider, response_model
ORDER BY place, agent, provider, response_model;
