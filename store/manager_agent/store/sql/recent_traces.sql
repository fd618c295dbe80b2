-- name: recent_traces
-- grain: one trace the merge window must know again: it has an open call, or arrived since $since
SELECT trace_id, max(received_ts) AS last_ts
FROM spans
WHERE received_ts >= $since OR trace_id IN (
    SELECT trace_id FROM calls_open UNION ALL SELECT trace_id FROM tools_open
)
GROUP BY trace_id
ORDER BY last_ts DESC
LIMIT $most;
