-- name: retry_waste
-- grain: one call that failed and was paid for
-- columns: low, high: shares of its cost that could be saved
SELECT call_id, 0.5 AS low, 1.0 AS high
FROM asked
WHERE NOT ok
