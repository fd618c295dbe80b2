-- name: hours
-- grain: one hour (UTC) in which calls were made, from {since} to before {until}
-- columns: ts start of the hour; calls
SELECT ts, CAST(sum(calls) AS BIGINT) AS calls
FROM usage_hour
WHERE ts >= {since} AND ts < {until}
GROUP BY ts
HAVING sum(calls) > 0
ORDER BY ts
