-- name: compact_usage
-- Sums the deltas of each bucket that starts at or after $since into one row.
CREATE OR REPLACE TEMP TABLE folded AS
SELECT
    ts, agent, provider, response_model, CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
    CAST(sum(cost_usd) AS DECIMAL(38, 9)) AS cost_usd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls, sum(duration_ms_sum) AS duration_ms_sum
FROM usage_minute_deltas
WHERE ts >= $since
GROUP BY ts, agent, provider, response_model;
DELETE FROM usage_minute_deltas WHERE ts >= $since;
INSERT INTO usage_minute_deltas SELECT * FROM folded;
CREATE OR REPLACE TEMP TABLE folded AS
SELECT
    ts, agent, provider, response_model, CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
    CAST(sum(cost_usd) AS DECIMAL(38, 9)) AS cost_usd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls, sum(duration_ms_sum) AS duration_ms_sum
FROM usage_hour_deltas
WHERE ts >= $since
GROUP BY ts, agent, provider, response_model;
DELETE FROM usage_hour_deltas WHERE ts >= $since;
INSERT INTO usage_hour_deltas SELECT * FROM folded;
CREATE OR REPLACE TEMP TABLE folded AS
SELECT
    ts, agent, provider, response_model, CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(errors) AS BIGINT) AS errors, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
    CAST(sum(cost_usd) AS DECIMAL(38, 9)) AS cost_usd,
    CAST(sum(unpriced_calls) AS BIGINT) AS unpriced_calls, sum(duration_ms_sum) AS duration_ms_sum
FROM usage_day_deltas
WHERE ts >= $since
GROUP BY ts, agent, provider, response_model;
DELETE FROM usage_day_deltas WHERE ts >= $since;
INSERT INTO usage_day_deltas SELECT * FROM folded;
CREATE OR REPLACE TEMP TABLE folded AS
SELECT
    ts, agent, CAST(sum(free_nano) AS BIGINT) AS free_nano,
    CAST(sum(ceiling_tokens) AS BIGINT) AS ceiling_tokens,
    CAST(sum(free_tokens) AS BIGINT) AS free_tokens,
    CAST(sum(leased_calls) AS BIGINT) AS leased_calls,
    CAST(sum(leased_nano) AS BIGINT) AS leased_nano,
    CAST(sum(stood_in_nano) AS BIGINT) AS stood_in_nano,
    CAST(sum(settled_nano) AS BIGINT) AS settled_nano,
    CAST(sum(leased_tokens) AS BIGINT) AS leased_tokens
FROM spend_deltas
WHERE ts >= $since
GROUP BY ts, agent;
DELETE FROM spend_deltas WHERE ts >= $since;
INSERT INTO spend_deltas SELECT * FROM folded;
