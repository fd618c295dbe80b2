-- name: append_calls
-- grain: one new version of one open call, from the registered table `versions` (money in nano-USD)
INSERT INTO calls_open (call_id, revision, retracted, ts, duration_ms, agent, service, environment, provider, operation,
    request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, total_tokens, cost_usd, cost_source, status, error_type,
    error_message, http_status, streaming, finish_reason, conversation_id, user_id, trace_id, span_id,
    response_id, emitters, prompt_digest, guarded, usage_estimated, reported_cost_usd,
    cost_by_provider, service_tier, cache_write_1h_tokens, holder, usd_lease, token_lease, settled_usd,
    turn_digest)
SELECT
    call_id, revision, retracted, ts, duration_ms, agent, service, environment, provider, operation,
    request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, total_tokens, CAST(CAST(cost_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    cost_source, status, error_type,
    error_message, http_status, streaming, finish_reason, conversation_id, user_id, trace_id, span_id,
    response_id, emitters, prompt_digest, guarded, usage_estimated, CAST(CAST(reported_cost_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    cost_by_provider, service_tier, cache_write_1h_tokens, holder, usd_lease, token_lease,
    CAST(CAST(settled_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    turn_digest
FROM versions;
