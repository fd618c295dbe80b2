-- name: append_retractions
-- grain: one sealed revision that is replaced, from the registered tables `calls` and `tools`
INSERT INTO calls_retracted (call_id, revision, ts) SELECT key, revision, ts FROM calls;
INSERT INTO tools_retracted (tool_call_key, revision, ts) SELECT key, revision, ts FROM tools;
