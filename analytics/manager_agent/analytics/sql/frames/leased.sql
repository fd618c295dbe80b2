-- name: leased
-- grain: one agent in one stretch of $grain minutes, whole quarters of an hour, from $low to $high
-- columns: ts start of the stretch; receipts, what guards charged by their spans, nano-USD; nano,
--   what these calls cost, the guard's figure standing in where that is not known; tokens of calls
--   with a lease in tokens
SELECT
    time_bucket(to_minutes($grain), ts) AS ts, agent,
    CAST(sum(settled_nano) AS BIGINT) AS receipts,
    CAST(sum(leased_nano + stood_in_nano) AS BIGINT) AS nano,
    CAST(sum(leased_tokens) AS BIGINT) AS tokens
FROM spend_deltas
WHERE ts >= $low AND ts < $high
GROUP BY 1, 2
ORDER BY 1;
