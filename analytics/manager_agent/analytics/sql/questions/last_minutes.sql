-- name: last_minutes
-- grain: one agent that called in [$start, $end)
-- columns: last_minute the start of the last minute it called in
SELECT agent, max(ts) AS last_minute
FROM usage_minute
WHERE ts >= $start AND ts < $end AND agent IS NOT NULL
GROUP BY agent;
