-- name: kin_of
-- grain: one trace with a claim that may be the same call as one in the registered table `late`:
--   another emitter's (or another part's of a scope with several), in the same process at the same
--   time, or with the same response id, or with our guard's same call id; or a sum of calls of that
--   process and time. A sum may have begun a day before. $near and $far: the times that late claims
--   reach; with them DuckDB passes over row groups, of which an hour may have thousands, as long
--   as `told` is not put together first.
--   Of late claims of one process and scope whose times overlap, `stretches` has the time that they
--   cover together: a busy process may have thousands at once, and as many stored beside them
WITH told AS NOT MATERIALIZED (
    SELECT trace_id, scope, process, response_id, call_id, ts, end_ts
    FROM spans
    WHERE ts BETWEEN $low - INTERVAL 1 DAY AND $high AND end_ts >= $low
        AND (role = 'sum' OR role IN ('call', 'decision') AND ts >= $low)
),
reached AS (
    SELECT process, scope, parted, near_start, near_end, max(near_end) OVER (
        PARTITION BY process, scope, parted ORDER BY near_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until
    FROM late
),
numbered AS (
    SELECT process, scope, parted, near_start, near_end,
        count(*) FILTER (WHERE until IS NULL OR until < near_start) OVER (
            PARTITION BY process, scope, parted ORDER BY near_start
            ROWS UNBOUNDED PRECEDING
        ) AS number
    FROM reached
),
stretches AS (
    SELECT process, scope, parted, min(near_start) AS stretch_start, max(near_end) AS stretch_end
    FROM numbered
    GROUP BY process, scope, parted, number
),
kinds AS (
    SELECT DISTINCT process, scope, parted
    FROM late
),
beside AS (
    SELECT n.trace_id, n.ts, n.end_ts, k.process, k.scope, k.parted
    FROM told AS n
    JOIN kinds AS k ON n.process = k.process AND (n.scope <> k.scope OR k.parted)
    WHERE n.ts <= $near_until AND n.end_ts >= $near_from
)
SELECT b.trace_id
FROM beside AS b
ASOF JOIN stretches AS s
    ON b.process = s.process AND b.scope = s.scope AND b.parted = s.parted
    AND b.end_ts >= s.stretch_start
WHERE b.ts <= s.stretch_end
UNION
SELECT n.trace_id
FROM told AS n
JOIN late AS l ON n.response_id = l.response_id
WHERE n.ts <= $far_until AND n.end_ts >= $far_from
    AND n.scope <> l.scope AND n.ts <= l.far_end AND n.end_ts >= l.far_start
UNION
SELECT n.trace_id
FROM told AS n
JOIN late AS l ON n.call_id = l.call_id;
