-- name: alerts
-- grain: one alert, from the moment it fired
-- columns: ts when it began to fire; state 'firing'|'resolved'; evidence JSON of the numbers behind it;
--   reason of its last change; muted_by the alert that explains it, muted_why how; silenced_by the
--   silence that covers it, NULL where nothing keeps people from being told
CREATE OR REPLACE VIEW alerts AS
SELECT
    alert_id, ts, rule, agent, severity, state, title, message, resolved_ts, evidence,
    reason, muted_by, muted_why, silenced_by
FROM alert_events
WHERE state IN ('firing', 'resolved')
QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY revision DESC) = 1;
