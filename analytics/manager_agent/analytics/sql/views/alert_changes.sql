-- name: alert_changes
-- grain: one change of one alert, also before it fired
-- columns: ts of the change; state after it, 'pending'|'firing'|'resolved'|'dropped'; reason why it
--   changed; told whether people were told at it; muted_by, muted_why, silenced_by why they were not;
--   reason and told are NULL for changes that older versions recorded, and ts is then the best known
CREATE OR REPLACE VIEW alert_changes AS
SELECT
    alert_id, coalesce(changed_ts, resolved_ts, ts) AS ts, rule, agent, severity, state, reason, told,
    muted_by, muted_why, silenced_by, title, message, evidence, revision
FROM alert_events;
