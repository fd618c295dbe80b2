-- name: tables
-- What is known of the past, with when it became known: a call is told of when it is over.
-- It is taken from the database `past`: a published snapshot, or what a test says was used.
-- Parameters: $cut, the hour from which on usage is summed from calls, so that each moment has its
-- own; older usage is taken as it is; $until.

-- grain: one call from $cut to $until
CREATE TABLE past_calls AS
SELECT
    *, ts + to_microseconds(CAST(round(coalesce(duration_ms, 0) * 1000) AS BIGINT)) AS known_ts,
    date_trunc('minute', ts) AS minute, date_trunc('hour', ts) AS hour
FROM past.llm_calls
WHERE ts >= $cut AND ts <= $until
ORDER BY ts;

-- grain: one execution of a tool from $cut to $until
CREATE TABLE past_tools AS
SELECT
    *, ts + to_microseconds(CAST(round(coalesce(duration_ms, 0) * 1000) AS BIGINT)) AS known_ts
FROM past.tool_calls
WHERE ts >= $cut AND ts <= $until
ORDER BY ts;

-- grain: that of usage_minute and usage_hour, before $cut
CREATE TABLE past_minutes AS
SELECT * FROM past.usage_minute WHERE ts >= $cut - INTERVAL 2 DAY AND ts < $cut ORDER BY ts;
CREATE TABLE past_hours AS
SELECT * FROM past.usage_hour WHERE ts >= $cut - INTERVAL 50 DAY AND ts < $cut ORDER BY ts;
