-- name: tools
-- grain: one execution of a tool that began after $since and not after $now, the newest $most
-- columns: those of TOOLS in frames.py
SELECT
    ts, duration_ms, agent, tool, status, error_type, error_message, arguments_digest,
    result_digest, conversation_id, trace_id
FROM (
    SELECT *
    FROM tool_calls
    WHERE ts > $since AND ts <= $now
    ORDER BY ts DESC, trace_id DESC, span_id DESC
    LIMIT $most
) AS newest
ORDER BY ts, trace_id, span_id;
