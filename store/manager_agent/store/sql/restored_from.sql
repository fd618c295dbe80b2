-- name: restored_from
-- grain: one row: the earliest ts that a window restored at start works on, NULL where nothing is
--   open and nothing arrived since $since
SELECT min(ts) AS ts
FROM (
    SELECT ts FROM spans WHERE received_ts >= $since
    UNION ALL
    SELECT ts FROM calls_open
    UNION ALL
    SELECT ts FROM tools_open
) AS recent;
