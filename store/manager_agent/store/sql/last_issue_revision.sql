-- name: last_issue_revision
-- grain: one row: the highest revision mirrored so far, 0 without any
SELECT coalesce(max(revision), 0) AS revision FROM issue_events;
