-- name: usage_minute
-- grain: one minute (UTC) of one agent, provider and response model
-- columns: ts start of the minute; cost_usd sum of the known costs; unpriced_calls calls no price was found for
CREATE OR REPLACE VIEW usage_minute AS
SELECT
    ts, agent, provider, response_model,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
    sum(cost_usd) AS cost_usd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls,
    sum(duration_ms_sum) AS duration_ms_sum
FROM usage_minute_deltas
GROUP BY ts, agent, provider, response_model
HAVING sum(calls) <> 0;
