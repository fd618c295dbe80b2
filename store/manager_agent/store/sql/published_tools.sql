-- name: published_tools
-- grain: the version of a tool call that stands, for the traces in the registered table `traces`
SELECT
    tool_call_key, revision, ts, duration_ms, agent, service, environment, tool, tool_call_id, status,
    error_type, error_message, arguments_digest, result_digest, conversation_id, trace_id, span_id, true AS sealed
FROM tools_sealed AS s
WHERE ts BETWEEN $low AND $high
    AND trace_id IN (SELECT trace_id FROM traces)
    AND NOT EXISTS (
        SELECT 1 FROM tools_retracted AS r
        WHERE r.tool_call_key = s.tool_call_key AND r.revision = s.revision
    )
UNION ALL
SELECT
    tool_call_key, revision, ts, duration_ms, agent, service, environment, tool, tool_call_id, status,
    error_type, error_message, arguments_digest, result_digest, conversation_id, trace_id, span_id, false
FROM (
    SELECT * FROM tools_open
    WHERE trace_id IN (SELECT trace_id FROM traces)
    QUALIFY row_number() OVER (PARTITION BY tool_call_key ORDER BY revision DESC) = 1
) AS latest
WHERE NOT retracted
ORDER BY revision;
