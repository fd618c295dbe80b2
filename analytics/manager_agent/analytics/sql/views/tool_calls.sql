-- name: tool_calls
-- grain: one execution of one tool by an agent
-- columns: ts start, UTC; tool its name; arguments_digest, result_digest keyed digests, never content
CREATE OR REPLACE VIEW tool_calls AS
SELECT
    ts, duration_ms, agent, service, environment, tool, tool_call_id, status, error_type, error_message,
    arguments_digest, result_digest, conversation_id, trace_id, span_id
FROM tools_kept AS sealed
WHERE NOT EXISTS (
    SELECT 1 FROM tools_retracted AS r
    WHERE r.tool_call_key = sealed.tool_call_key AND r.revision = sealed.revision
)
UNION ALL
SELECT
    ts, duration_ms, agent, service, environment, tool, tool_call_id, status, error_type, error_message,
    arguments_digest, result_digest, conversation_id, trace_id, span_id
FROM (
    SELECT * FROM tools_open
    QUALIFY row_number() OVER (PARTITION BY tool_call_key ORDER BY revision DESC) = 1
) AS latest
WHERE NOT retracted;
