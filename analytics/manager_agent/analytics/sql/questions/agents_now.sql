-- name: agents_now
-- grain: one agent that called in [$start, $end), a short range
-- columns: last_seen start of its last call; last_error text of its last failed call, NULL where
--   none failed; calls_last_minute, calls since $minute_start
SELECT
    agent,
    max(ts) AS last_seen,
    arg_max(
        coalesce(
            nullif(concat_ws(': ', error_type, error_message), ''),
            'HTTP ' || http_status,
            'error'
        ),
        ts
    ) FILTER (WHERE status = 'error') AS last_error,
    count(*) FILTER (WHERE ts >= $minute_start) AS calls_last_minute
FROM llm_calls
WHERE ts >= $start AND ts < $end AND agent IS NOT NULL
GROUP BY agent;
