-- name: views
-- What was known at a moment, the variable `now` of the connection: what rules may see is asked of
-- these views as it is of the store's.

-- grain: one call that was over
CREATE VIEW llm_calls AS
SELECT * EXCLUDE (known_ts, minute, hour) FROM past_calls WHERE known_ts <= getvariable('now');

-- grain: one execution of a tool that was over
CREATE VIEW tool_calls AS
SELECT * EXCLUDE (known_ts) FROM past_tools WHERE known_ts <= getvariable('now');

-- grain: one minute of one agent, provider and model
CREATE VIEW usage_minute AS
SELECT * FROM past_minutes
UNION ALL BY NAME
SELECT
    minute AS ts, agent, provider, coalesce(response_model, request_model) AS response_model,
    count(*) AS calls,
    count(*) FILTER (WHERE status = 'error') AS errors,
    CAST(sum(coalesce(input_tokens, 0)) AS BIGINT) AS input_tokens,
    CAST(sum(coalesce(output_tokens, 0)) AS BIGINT) AS output_tokens,
    CAST(sum(coalesce(cache_read_tokens, 0)) AS BIGINT) AS cache_read_tokens,
    CAST(sum(coalesce(cache_write_tokens, 0)) AS BIGINT) AS cache_write_tokens,
    CAST(sum(coalesce(cost_usd, 0)) AS DECIMAL(38, 9)) AS cost_usd,
    count(*) FILTER (WHERE cost_source = 'unpriced') AS unpriced_calls,
    sum(coalesce(duration_ms, 0)) AS duration_ms_sum
FROM past_calls
WHERE known_ts <= getvariable('now')
GROUP BY 1, 2, 3, 4;

-- grain: one hour of one agent, provider and model
CREATE VIEW usage_hour AS
SELECT * FROM past_hours
UNION ALL BY NAME
SELECT
    hour AS ts, agent, provider, coalesce(response_model, request_model) AS response_model,
    count(*) AS calls,
    count(*) FILTER (WHERE status = 'error') AS errors,
    CAST(sum(coalesce(input_tokens, 0)) AS BIGINT) AS input_tokens,
    CAST(sum(coalesce(output_tokens, 0)) AS BIGINT) AS output_tokens,
    CAST(sum(coalesce(cache_read_tokens, 0)) AS BIGINT) AS cache_read_tokens,
    CAST(sum(coalesce(cache_write_tokens, 0)) AS BIGINT) AS cache_write_tokens,
    CAST(sum(coalesce(cost_usd, 0)) AS DECIMAL(38, 9)) AS cost_usd,
    count(*) FILTER (WHERE cost_source = 'unpriced') AS unpriced_calls,
    sum(coalesce(duration_ms, 0)) AS duration_ms_sum
FROM past_calls
WHERE known_ts <= getvariable('now')
GROUP BY 1, 2, 3, 4;
