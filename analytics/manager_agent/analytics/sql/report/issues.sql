-- name: issues
-- grain: one group of similar errors that was seen from $start to before $end, or is open all the same
--   where $open; what matters most first, at most $most
-- columns: those of the view `issues`; then of all there are: in_all how many, first_priority those of
--   priority 1, new and regressed those in that state, burnt_usd sum of what is known of their cost
SELECT
    issue_id, kind, title, tldr, first_seen, last_seen, count, agents, cost_usd, state, priority,
    count(*) OVER () AS in_all,
    count(*) FILTER (WHERE priority = 1) OVER () AS first_priority,
    count(*) FILTER (WHERE state = 'new') OVER () AS new,
    count(*) FILTER (WHERE state = 'regressed') OVER () AS regressed,
    coalesce(sum(cost_usd) OVER (), 0) AS burnt_usd
FROM issues
WHERE first_seen < $end AND (last_seen >= $start OR ($open AND state <> 'resolved'))
ORDER BY state = 'resolved', priority, last_seen DESC, issue_id
LIMIT $most;
