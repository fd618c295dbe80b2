-- name: kin_of
-- grain: one trace with a claim that may be the same call as one in the registered table `late`:
--   another emitter's, in the same process at the same time or with the same response id
SELECT DISTINCT s.trace_id
FROM spans AS s
JOIN late AS l
    ON s.scope <> l.scope
    AND (
        (s.process = l.process AND s.ts <= l.near_end AND s.end_ts >= l.near_start)
        OR (s.response_id = l.response_id AND s.ts <= l.far_end AND s.end_ts >= l.far_start)
    )
WHERE s.role = 'call' AND s.ts BETWEEN $low AND $high AND l.scope <> '';
