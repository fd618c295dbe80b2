-- name: heard
-- grain: one call that breakers heard of, in the order it was over, from $low to $until
-- columns: call_id; agent; provider; model, the response's, else the request's; began, duration, in
--   nanoseconds; error, whether it failed; error_type, error_message, http_status; cost in nano-USD
SELECT
    call_id, agent, provider, coalesce(response_model, request_model) AS model,
    epoch_us(ts) * 1000 AS began, duration_ms,
    status = 'error' AS error, error_type, error_message, CAST(http_status AS BIGINT) AS http_status,
    CAST(CAST(cost_usd AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT) AS cost,
    conversation_id, trace_id
FROM past_calls
WHERE known_ts >= $low AND known_ts <= $until AND agent IS NOT NULL
ORDER BY known_ts, call_id;
