-- name: overdue
-- grain: one open call (kind 'call') or tool call ('tool') whose last version is older than $before
SELECT 'call' AS kind, call_id AS key FROM calls_open GROUP BY call_id HAVING max(revision) < $before
UNION ALL
SELECT 'tool', tool_call_key FROM tools_open GROUP BY tool_call_key HAVING max(revision) < $before;
