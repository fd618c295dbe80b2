-- name: calls_counted
-- grain: one bucket of $bucket_us microseconds since 1970, from $low to before $high, with rows of llm_calls
-- columns: bucket its number; n its rows
SELECT epoch_us(ts) // $bucket_us AS bucket, count(*) AS n
FROM llm_calls
WHERE ts >= $low AND ts < $high
GROUP BY 1;
