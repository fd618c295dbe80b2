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
FROM tools_open
WHERE NOT retracted
    -- Not a window: that would read every column of all open rows for the few that are asked for.
    AND (tool_call_key, revision) IN (
        SELECT tool_call_key, max(revision) FROM tools_open GROUP BY tool_call_key
    );
