-- name: claim
-- grain: one call that {kind} claims, by kinds/{kind}.sql
-- columns: kind; call_id; low, high: shares of its cost that could be saved
SELECT '{kind}' AS kind, call_id, CAST(low AS DOUBLE) AS low, CAST(high AS DOUBLE) AS high
FROM (
{claims}
) AS {kind}
