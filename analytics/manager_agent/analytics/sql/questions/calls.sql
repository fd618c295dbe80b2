-- name: calls
-- grain: one billable call in [$start, $end), the newest first, at most $limit
-- columns: those of llm_calls; $agent, $status NULL for all
SELECT *
FROM llm_calls
WHERE
    ts >= $start AND ts < $end
    AND (CAST($agent AS VARCHAR) IS NULL OR agent = $agent)
    AND (CAST($status AS VARCHAR) IS NULL OR status = $status)
ORDER BY ts DESC, call_id
LIMIT $limit;
