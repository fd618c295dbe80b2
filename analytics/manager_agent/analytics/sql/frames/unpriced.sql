-- name: unpriced
-- grain: one minute (UTC) of one provider and model with calls, from $low to before $high
-- columns: agents with calls at unknown cost; calls at unknown cost; input_tokens, output_tokens of
--   the agents' calls where one was at unknown cost; some whether there was one, priced whether
--   there was one at a known cost
SELECT
    ts, coalesce(provider, 'unknown') AS provider, coalesce(response_model, 'unknown') AS model,
    coalesce(list(DISTINCT coalesce(agent, 'unknown')) FILTER (WHERE unpriced_calls > 0), []) AS agents,
    CAST(sum(unpriced_calls) AS BIGINT) AS calls,
    CAST(coalesce(sum(input_tokens) FILTER (WHERE unpriced_calls > 0), 0) AS BIGINT) AS input_tokens,
    CAST(coalesce(sum(output_tokens) FILTER (WHERE unpriced_calls > 0), 0) AS BIGINT) AS output_tokens,
    bool_or(unpriced_calls > 0) AS some, bool_or(calls > unpriced_calls) AS priced
FROM usage_minute
WHERE ts >= $low AND ts < $high
GROUP BY 1, 2, 3
ORDER BY 1;
