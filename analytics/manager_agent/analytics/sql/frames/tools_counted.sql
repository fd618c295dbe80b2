-- name: tools_counted
-- grain: one minute (UTC), from $low to before $high, with rows of tool_calls
-- columns: ts start of the minute; n its rows
SELECT date_trunc('minute', ts) AS ts, count(*) AS n
FROM tool_calls
WHERE ts >= $low AND ts < $high
GROUP BY 1;
