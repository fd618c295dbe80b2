-- name: recent_traces
-- grain: one row: the traces the merge window must know again, of how many, and when they began.
--   Those are the ones with an open call, or a span that arrived since $since; the freshest are
--   taken, as many as have $most spans together, and none that has more alone
WITH wanted AS (
    SELECT trace_id FROM spans WHERE received_ts >= $since
    UNION SELECT trace_id FROM calls_open
    UNION SELECT trace_id FROM tools_open
),
counted AS (
    SELECT trace_id, count(*) AS spans, max(received_ts) AS last_ts, min(ts) AS began
    FROM spans WHERE trace_id IN (SELECT trace_id FROM wanted)
    GROUP BY trace_id
),
summed AS (
    SELECT trace_id, began, sum(spans) OVER (ORDER BY last_ts DESC, trace_id) AS spans_so_far
    FROM counted WHERE spans <= $most
)
SELECT
    coalesce(list(trace_id) FILTER (WHERE spans_so_far <= $most), []) AS traces,
    (SELECT count(*) FROM counted) AS of,
    min(began) FILTER (WHERE spans_so_far <= $most) AS began
FROM summed;
