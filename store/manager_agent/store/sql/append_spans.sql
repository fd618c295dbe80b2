-- name: append_spans
-- grain: one span, from the registered table `arrived`
INSERT INTO spans (trace_id, span_id, parent_span_id, ts, end_ts, duration_ms, span_name, kind, status,
    status_message, service, environment, scope, role, agent, response_id, call_id, process, attributes,
    fact, received_ts)
SELECT
    trace_id, span_id, parent_span_id, ts, end_ts, duration_ms, span_name, kind, status,
    status_message, service, environment, scope, role, agent, response_id, call_id, process, attributes,
    fact, received_ts
FROM arrived;
