-- name: redundant_calls
-- grain: one call whose agent asked the same of the same model in the ten minutes before
-- columns: low, high: shares of its cost that could be saved
SELECT call_id, 0.5 AS low, 1.0 AS high
FROM asked
WHERE ok AND ts - itself <= INTERVAL 10 MINUTE
