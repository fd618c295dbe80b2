-- name: issues
-- grain: one group of similar errors that was seen from $start to before $end, or is open all the same
--   where $open; what matters most first
-- columns: those of the view `issues`; in_all, how many there are beyond the first $most
SELECT
    issue_id, kind, title, tldr, first_seen, last_seen, count, agents, cost_usd, state, priority,
    count(*) OVER () AS in_all
FROM issues
WHERE first_seen < $end AND (last_seen >= $start OR ($open AND state <> 'resolved'))
ORDER BY state = 'resolved', priority, last_seen DESC, issue_id
LIMIT $most;
