-- name: expire
-- Forgets what took back calls of days that are gone from the archive: those before $before. What
-- still takes back a row of these tables stays.
DELETE FROM calls_retracted WHERE ts < $before AND NOT EXISTS (
    SELECT 1 FROM calls_sealed AS s
    WHERE s.call_id = calls_retracted.call_id AND s.revision = calls_retracted.revision
);
DELETE FROM tools_retracted WHERE ts < $before AND NOT EXISTS (
    SELECT 1 FROM tools_sealed AS s
    WHERE s.tool_call_key = tools_retracted.tool_call_key AND s.revision = tools_retracted.revision
);
