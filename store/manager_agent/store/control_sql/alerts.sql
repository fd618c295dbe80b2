-- Alerts and their changes; columns as in rules/alert.py, AlertRow.

-- name: record
INSERT INTO alert_changes (
    revision, alert_id, ts_us, rule, agent, severity, state, title, message, resolved_us, evidence,
    at_us, reason, told, muted_by, muted_why, silenced_by
) VALUES (
    :revision, :alert_id, :ts_us, :rule, :agent, :severity, :state, :title, :message, :resolved_us,
    :evidence, :at_us, :reason, :told, :muted_by, :muted_why, :silenced_by
);

-- name: changes_since
SELECT
    alert_id, revision, ts_us, rule, agent, severity, state, title, message, resolved_us, evidence,
    at_us, reason, told, muted_by, muted_why, silenced_by
FROM alert_changes
WHERE revision > :revision
ORDER BY revision;

-- name: latest
SELECT
    alert_id, revision, ts_us, rule, agent, severity, state, title, message, resolved_us, evidence,
    at_us, reason, told, muted_by, muted_why, silenced_by
FROM alert_changes AS one
WHERE revision = (SELECT max(revision) FROM alert_changes AS other WHERE other.alert_id = one.alert_id)
    AND (state = 'firing' OR (state = 'resolved' AND NOT :open_only))
ORDER BY ts_us DESC, revision DESC;

-- name: prune
-- All changes of the alerts that were over before, or came to nothing; open alerts keep theirs.
DELETE FROM alert_changes WHERE alert_id IN (
    SELECT alert_id FROM alert_changes AS one
    WHERE revision = (
        SELECT max(revision) FROM alert_changes AS other WHERE other.alert_id = one.alert_id
    ) AND (state = 'resolved' AND resolved_us < :before_us OR state = 'dropped' AND at_us < :before_us)
);
