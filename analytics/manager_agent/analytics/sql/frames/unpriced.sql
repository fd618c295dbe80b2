-- name: unpriced
-- grain: one provider and model that had calls at unknown cost from $since to $now, and was not
--   priced since: no call of it was priced an hour or more after the last unpriced one. (One that is
--   priced now and then stays listed, so that its alert does not come and go.)
-- columns: provider, model; agents that called it; calls at unknown cost; input_tokens,
--   output_tokens of the minutes that hold such calls; first_seen, last_seen minute of such a call
SELECT
    coalesce(provider, 'unknown') AS provider,
    coalesce(response_model, 'unknown') AS model,
    list_sort(list(DISTINCT coalesce(agent, 'unknown')) FILTER (WHERE unpriced_calls > 0)) AS agents,
    CAST(sum(unpriced_calls) AS BIGINT) AS calls,
    CAST(coalesce(sum(input_tokens) FILTER (WHERE unpriced_calls > 0), 0) AS BIGINT) AS input_tokens,
    CAST(coalesce(sum(output_tokens) FILTER (WHERE unpriced_calls > 0), 0) AS BIGINT) AS output_tokens,
    min(ts) FILTER (WHERE unpriced_calls > 0) AS first_seen,
    max(ts) FILTER (WHERE unpriced_calls > 0) AS last_seen
FROM usage_minute
WHERE ts >= $since AND ts <= $now
GROUP BY 1, 2
HAVING sum(unpriced_calls) > 0
    AND coalesce(
        max(ts) FILTER (WHERE calls > unpriced_calls)
            < max(ts) FILTER (WHERE unpriced_calls > 0) + INTERVAL 1 HOUR,
        true
    )
ORDER BY 1, 2;
