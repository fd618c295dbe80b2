-- name: older_usage
-- grain: one row that differs whenever a row of {table} before {before} does
SELECT
    count(*) AS rows,
    CAST(sum(hash(
        ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
        cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, duration_ms_sum
    )) AS VARCHAR) AS hashed
FROM {table}
WHERE ts < TIMESTAMP '{before}';
