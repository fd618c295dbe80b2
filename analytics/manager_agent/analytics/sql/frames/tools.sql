-- name: tools
-- grain: one execution of a tool that began from $low to before $high
-- columns: those of TOOLS in frames.py
SELECT
    ts, duration_ms, agent, tool, status, error_type, error_message, arguments_digest,
    result_digest, conversation_id, trace_id
FROM tool_calls
WHERE ts >= $low AND ts < $high
ORDER BY ts, trace_id, span_id;
