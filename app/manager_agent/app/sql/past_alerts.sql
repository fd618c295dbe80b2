-- name: past_alerts
-- grain: one alert that fired until $until and was not over at $since
SELECT alert_id, rule, agent, severity, title, message, ts, resolved_ts
FROM past.alerts
WHERE ts <= $until AND (resolved_ts IS NULL OR resolved_ts >= $since)
ORDER BY ts, alert_id;
