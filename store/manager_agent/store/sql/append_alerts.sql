-- name: append_alerts
-- grain: one change of one alert, mirrored from the control database
INSERT INTO alert_events (
    alert_id, revision, ts, rule, agent, severity, state, title, message, resolved_ts, evidence,
    changed_ts, reason, told, muted_by, muted_why, silenced_by
) VALUES (
    $alert_id, $revision, $ts, $rule, $agent, $severity, $state, $title, $message, $resolved_ts,
    $evidence, $changed_ts, $reason, $told, $muted_by, $muted_why, $silenced_by
);
