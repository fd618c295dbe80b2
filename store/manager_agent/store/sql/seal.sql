-- name: seal
-- Moves the last version of the calls and tool calls named in the registered tables `calls` and
-- `tools` (column key) out of the open tables; what was retracted there ends here.
-- $newest: no version of theirs has a higher revision, so that newer blocks need not be read.
INSERT INTO calls_sealed
SELECT latest.* EXCLUDE (retracted)
FROM (
    SELECT * FROM calls_open
    WHERE call_id IN (SELECT key FROM calls) AND revision <= $newest
    QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY revision DESC) = 1
) AS latest
WHERE NOT latest.retracted;
DELETE FROM calls_open WHERE call_id IN (SELECT key FROM calls) AND revision <= $newest;
INSERT INTO tools_sealed
SELECT latest.* EXCLUDE (retracted)
FROM (
    SELECT * FROM tools_open
    WHERE tool_call_key IN (SELECT key FROM tools) AND revision <= $newest
    QUALIFY row_number() OVER (PARTITION BY tool_call_key ORDER BY revision DESC) = 1
) AS latest
WHERE NOT latest.retracted;
DELETE FROM tools_open WHERE tool_call_key IN (SELECT key FROM tools) AND revision <= $newest;
