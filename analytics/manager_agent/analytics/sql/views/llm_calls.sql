-- name: llm_calls
-- grain: one billable call that went out
-- columns: ts start, UTC; *_tokens, NULL where unknown; input_tokens ALL input (cache included);
--   output_tokens ALL output (reasoning included); cost_usd, NULL where unknown; cost_source
--   'provider'|'local'|'estimated'|'unpriced', NULL where the tokens are unknown; status 'ok'|'error'
CREATE OR REPLACE VIEW llm_calls AS
SELECT
    call_id, ts, duration_ms, agent, service, environment, provider, operation, request_model,
    response_model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, total_tokens, cost_usd, cost_source, status, error_type, error_message,
    http_status, streaming, finish_reason, conversation_id, user_id, trace_id, span_id,
    response_id, emitters, prompt_digest, guarded, usage_estimated, reported_cost_usd, service_tier,
    holder, usd_lease, token_lease, settled_usd, turn_digest
FROM calls_kept AS sealed
WHERE NOT EXISTS (
    SELECT 1 FROM calls_retracted AS r
    WHERE r.call_id = sealed.call_id AND r.revision = sealed.revision
)
UNION ALL
SELECT
    call_id, ts, duration_ms, agent, service, environment, provider, operation, request_model,
    response_model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, total_tokens, cost_usd, cost_source, status, error_type, error_message,
    http_status, streaming, finish_reason, conversation_id, user_id, trace_id, span_id,
    response_id, emitters, prompt_digest, guarded, usage_estimated, reported_cost_usd, service_tier,
    holder, usd_lease, token_lease, settled_usd, turn_digest
FROM calls_open
WHERE NOT retracted
    -- Not a window: that would read every column of all open rows for the few that are asked for.
    AND (call_id, revision) IN (
        SELECT call_id, max(revision) FROM calls_open GROUP BY call_id
    );
