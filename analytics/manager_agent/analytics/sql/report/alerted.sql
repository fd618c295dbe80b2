-- name: alerted
-- grain: one row of the alerts there are
-- columns: fired, resolved from $start to before $end; open_alerts, those that fired still at $end;
--   critical_alerts, those of them that are critical
SELECT
    count(*) FILTER (WHERE ts >= $start) AS fired,
    count(*) FILTER (WHERE resolved_ts >= $start AND resolved_ts < $end) AS resolved,
    count(*) FILTER (WHERE resolved_ts IS NULL OR resolved_ts >= $end) AS open_alerts,
    count(*) FILTER (WHERE (resolved_ts IS NULL OR resolved_ts >= $end) AND severity = 'critical')
        AS critical_alerts
FROM alerts
WHERE ts < $end;
