-- name: tick_store
-- What a fleet of {agents} agents leaves of {calls} calls, one every {step} microseconds from {low} on:
-- single calls of the last two hours; minutes of the last two days; hours and days of all.

INSERT INTO calls_sealed BY NAME
SELECT
    'call-' || i AS call_id, i AS revision,
    {low} + to_microseconds(CAST(i * {step} AS BIGINT)) AS ts,
    900.0 AS duration_ms, 'agent-' || (i % {agents}) AS agent, 'openai' AS provider,
    'chat' AS operation, 'model-' || (i // {agents} % 2) AS request_model,
    'model-' || (i // {agents} % 2) AS response_model, 1000 AS input_tokens,
    100 AS output_tokens, CAST(0.001 AS DECIMAL(18, 9)) AS cost_usd, 'local' AS cost_source,
    'ok' AS status, md5('t' || i) AS trace_id, substr(md5('s' || i), 1, 16) AS span_id,
    md5('p' || i) AS prompt_digest, 'bench' AS emitters, false AS guarded
FROM range(CAST({calls} * (1 - 2.0 / 24 / 45) AS BIGINT), {calls}) AS t(i);

INSERT INTO usage_minute_deltas BY NAME
SELECT
    {low} + to_minutes(m) AS ts, 'agent-' || a AS agent, 'openai' AS provider,
    'model-' || ((m + a) % 2) AS response_model, 1 AS calls, 0 AS errors, 1000 AS input_tokens,
    100 AS output_tokens, 0 AS cache_read_tokens, 0 AS cache_write_tokens,
    CAST(0.001 AS DECIMAL(38, 9)) AS cost_usd, 0 AS unpriced_calls, 900.0 AS duration_ms_sum
FROM range({minutes} - 2880, {minutes}) AS t(m), range({agents}) AS u(a)
WHERE (m * 7919 + a * 104729) % ({minutes} * {agents}) < {calls};

INSERT INTO usage_hour_deltas BY NAME
SELECT
    date_trunc('hour', {low} + to_hours(h)) AS ts, 'agent-' || a AS agent, 'openai' AS provider,
    'model-' || m AS response_model, CAST(ceil({calls} / ({minutes} / 60.0 * {agents} * 2)) AS BIGINT) AS calls,
    0 AS errors, 1000 AS input_tokens, 100 AS output_tokens, 0 AS cache_read_tokens,
    0 AS cache_write_tokens, CAST(0.05 AS DECIMAL(38, 9)) AS cost_usd, 0 AS unpriced_calls,
    900.0 AS duration_ms_sum
FROM range({minutes} // 60) AS t(h), range({agents}) AS u(a), range(2) AS v(m);
