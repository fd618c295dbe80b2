-- name: refused
-- grain: one agent and reason that calls were refused for from $start to before $end
-- columns: calls, how many were refused
SELECT agent, reason, count(*) AS calls
FROM decisions
WHERE ts >= $start AND ts < $end AND decision = 'refuse'
GROUP BY agent, reason
ORDER BY calls DESC, agent, reason;
