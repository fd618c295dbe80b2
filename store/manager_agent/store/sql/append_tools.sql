-- name: append_tools
-- grain: one new version of one open tool call, from the registered table `tool_versions`
INSERT INTO tools_open (tool_call_key, revision, retracted, ts, duration_ms, agent, service, environment, tool,
    tool_call_id, status, error_type, error_message, arguments_digest, result_digest,
    conversation_id, trace_id, span_id)
SELECT tool_call_key, revision, retracted, ts, duration_ms, agent, service, environment, tool,
    tool_call_id, status, error_type, error_message, arguments_digest, result_digest,
    conversation_id, trace_id, span_id
FROM tool_versions;
