-- name: calls
-- grain: one billable call that began from $low to before $high
-- columns: those of CALLS in frames.py; model the response's, else the request's; cost in nano-USD
SELECT
    call_id, ts, duration_ms, agent, environment, provider,
    coalesce(response_model, request_model) AS model, operation, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens,
    CAST(CAST(cost_usd AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT) AS cost,
    status, error_type, error_message, CAST(http_status AS BIGINT) AS http_status,
    finish_reason, conversation_id, trace_id, span_id, prompt_digest, guarded,
    turn_digest
FROM llm_calls
WHERE ts >= $low AND ts < $high
ORDER BY ts, call_id;
