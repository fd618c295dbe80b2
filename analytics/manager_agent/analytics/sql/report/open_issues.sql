-- name: open_issues
-- grain: one row of the issues that began before $end and are not resolved
-- columns: open_issues, how many
SELECT count(*) AS open_issues
FROM issues
WHERE first_seen < $end AND state <> 'resolved';
