-- name: seal
-- Moves the last version of the calls and tool calls named in the registered tables `calls` and
-- `tools` (column key) out of the open tables; what was retracted there ends here.
-- Few have several versions: older ones are taken out by name, without a sort of all columns.
-- $newest: no version of theirs has a higher revision, so that newer blocks need not be read.
INSERT INTO calls_sealed
SELECT o.* EXCLUDE (retracted)
FROM calls_open AS o
SEMI JOIN calls ON o.call_id = calls.key
ANTI JOIN (
    SELECT call_id, max(revision) AS newest FROM calls_open
    WHERE call_id IN (SELECT key FROM calls) AND revision <= $newest
    GROUP BY call_id HAVING count(*) > 1
) AS n ON o.call_id = n.call_id AND o.revision < n.newest
WHERE o.revision <= $newest AND NOT o.retracted;
DELETE FROM calls_open WHERE call_id IN (SELECT key FROM calls) AND revision <= $newest;
INSERT INTO tools_sealed
SELECT o.* EXCLUDE (retracted)
FROM tools_open AS o
SEMI JOIN tools ON o.tool_call_key = tools.key
ANTI JOIN (
    SELECT tool_call_key, max(revision) AS newest FROM tools_open
    WHERE tool_call_key IN (SELECT key FROM tools) AND revision <= $newest
    GROUP BY tool_call_key HAVING count(*) > 1
) AS n ON o.tool_call_key = n.tool_call_key AND o.revision < n.newest
WHERE o.revision <= $newest AND NOT o.retracted;
DELETE FROM tools_open WHERE tool_call_key IN (SELECT key FROM tools) AND revision <= $newest;
