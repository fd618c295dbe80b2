-- name: append_usage
-- grain: one signed change of a bucket, from the registered tables `minutes`, `hours`, `days` and `spends`
INSERT INTO usage_minute_deltas (ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, duration_ms_sum)
SELECT
    ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, CAST(CAST(cost_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(38, 9)), unpriced_calls, duration_ms_sum
FROM minutes;
INSERT INTO usage_hour_deltas (ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, duration_ms_sum)
SELECT
    ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, CAST(CAST(cost_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(38, 9)), unpriced_calls, duration_ms_sum
FROM hours;
INSERT INTO usage_day_deltas (ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, duration_ms_sum)
SELECT
    ts, agent, provider, response_model, calls, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, CAST(CAST(cost_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(38, 9)), unpriced_calls, duration_ms_sum
FROM days;
INSERT INTO spend_deltas (ts, agent, free_nano, ceiling_tokens, free_tokens, leased_calls, leased_nano,
    stood_in_nano, settled_nano, leased_tokens)
SELECT
    ts, agent, free_nano, ceiling_tokens, free_tokens, leased_calls, leased_nano, stood_in_nano,
    settled_nano, leased_tokens
FROM spends;
