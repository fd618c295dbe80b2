-- name: published_calls
-- grain: the version of a call that stands, for the traces in the registered table `traces`
SELECT
    call_id, revision, ts, duration_ms, agent, service, environment, provider, operation,
    request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, cost_usd, cost_source, status,
    error_type, error_message, http_status, streaming, finish_reason, conversation_id, user_id,
    trace_id, span_id, response_id, emitters, prompt_digest, guarded, usage_estimated,
    reported_cost_usd, cost_by_provider, service_tier, holder, usd_lease, token_lease,
    settled_usd, turn_digest, true AS sealed
FROM calls_sealed AS s
WHERE ts BETWEEN $low AND $high
    AND trace_id IN (SELECT trace_id FROM traces)
    AND NOT EXISTS (
        SELECT 1 FROM calls_retracted AS r WHERE r.call_id = s.call_id AND r.revision = s.revision
    )
UNION ALL
SELECT
    call_id, revision, ts, duration_ms, agent, service, environment, provider, operation,
    request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, cost_usd, cost_source, status,
    error_type, error_message, http_status, streaming, finish_reason, conversation_id, user_id,
    trace_id, span_id, response_id, emitters, prompt_digest, guarded, usage_estimated,
    reported_cost_usd, cost_by_provider, service_tier, holder, usd_lease, token_lease,
    settled_usd, turn_digest, false
FROM (
    SELECT * FROM calls_open
    WHERE call_id IN (SELECT call_id FROM calls_open WHERE trace_id IN (SELECT trace_id FROM traces))
    QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY revision DESC) = 1
) AS latest
WHERE NOT retracted
ORDER BY revision;
