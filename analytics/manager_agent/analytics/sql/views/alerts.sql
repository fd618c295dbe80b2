-- name: alerts
-- grain: one alert, from the moment it fired
-- columns: ts when it began to fire; state 'firing'|'resolved'; evidence JSON of the numbers behind it
CREATE OR REPLACE VIEW alerts AS
SELECT alert_id, ts, rule, agent, severity, state, title, message, resolved_ts, evidence
FROM alert_events
QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY revision DESC) = 1;
