-- name: known
-- grain: one call, or execution of a tool
-- columns: known, when it became known, microseconds since 1970; minute (since 1970) of its start
SELECT epoch_us(known_ts) AS known, epoch_us(ts) // 60000000 AS minute FROM past_calls
UNION ALL
SELECT epoch_us(known_ts), epoch_us(ts) // 60000000 FROM past_tools
ORDER BY 1;
