-- name: last_calls
-- grain: one agent that called in [$start, $end), a short range
-- columns: last_call start of its last call
SELECT agent, max(ts) AS last_call
FROM llm_calls
WHERE ts >= $start AND ts < $end AND agent IS NOT NULL
GROUP BY agent;
