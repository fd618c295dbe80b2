-- name: agents_seen
-- grain: one agent that called in [$start, $end)
-- columns: last_hour the start of the last hour (UTC) it called in
SELECT agent, max(ts) AS last_hour
FROM usage_hour
WHERE ts >= $start AND ts < $end AND agent IS NOT NULL
GROUP BY agent
ORDER BY agent;
