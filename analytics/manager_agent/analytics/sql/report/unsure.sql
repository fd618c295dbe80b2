-- name: unsure
-- grain: one row of the calls from $start to before $end
-- columns: estimated_calls, estimated_usd, those whose cost rests on a guess of their tokens;
--   uncounted_calls, those that went well and told no tokens, so that their cost is unknown
SELECT
    count(*) FILTER (WHERE cost_source = 'estimated') AS estimated_calls,
    coalesce(sum(cost_usd) FILTER (WHERE cost_source = 'estimated'), 0) AS estimated_usd,
    count(*) FILTER (WHERE cost_source IS NULL) AS uncounted_calls
FROM llm_calls
WHERE
    ts >= $start AND ts < $end
    AND (cost_source = 'estimated' OR (cost_source IS NULL AND status = 'ok' AND cost_usd IS NULL));
