-- name: last_control_event
-- grain: one row: the time of the last control event copied so far, 1970 without any
SELECT coalesce(max(ts), TIMESTAMP '1970-01-01 00:00:00') AS ts FROM control_events;
