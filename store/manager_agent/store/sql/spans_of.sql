-- name: spans_of
-- grain: one stored span of the traces in the registered table `traces`
SELECT
    trace_id, span_id, coalesce(parent_span_id, '') AS parent_span_id, ts, end_ts, duration_ms, scope,
    process, service, environment, fact
FROM spans
WHERE ts BETWEEN $low AND $high AND trace_id IN (SELECT trace_id FROM traces)
ORDER BY received_ts, ts;
