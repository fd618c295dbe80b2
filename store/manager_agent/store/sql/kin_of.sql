-- name: kin_of
-- grain: one trace with a claim that may be the same call as one in the registered table `late`:
--   another emitter's (or another part's of a scope with several), in the same process at the same
--   time, or with the same response id, or with our guard's same call id; or a sum of calls of that
--   process and time. A sum may have begun long before; `end_ts` spares reading what ended before
WITH near AS (
    SELECT trace_id, scope, process, response_id, call_id, ts, end_ts
    FROM spans
    WHERE ts BETWEEN $low - INTERVAL 1 DAY AND $high AND end_ts >= $low
        AND (role = 'sum' OR role IN ('call', 'decision') AND ts >= $low)
)
SELECT n.trace_id
FROM near AS n
JOIN late AS l ON n.process = l.process
WHERE (n.scope <> l.scope OR l.parted) AND n.ts <= l.near_end AND n.end_ts >= l.near_start
UNION
SELECT n.trace_id
FROM near AS n
JOIN late AS l ON n.response_id = l.response_id
WHERE n.scope <> l.scope AND n.ts <= l.far_end AND n.end_ts >= l.far_start
UNION
SELECT n.trace_id
FROM near AS n
JOIN late AS l ON n.call_id = l.call_id;
