-- name: append_control_events
-- grain: one control event, copied from the control database
INSERT INTO control_events (ts, kind, subject, actor, detail)
VALUES ($ts, $kind, $subject, $actor, $detail);
