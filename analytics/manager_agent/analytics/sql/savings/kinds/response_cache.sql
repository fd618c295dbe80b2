-- name: response_cache
-- grain: one call that asked what somebody asked of the same model in the day before
-- columns: low, high: shares of its cost that could be saved
SELECT call_id, 0.3 AS low, 1.0 AS high
FROM asked
WHERE ok AND ts - anyone <= INTERVAL 1 DAY
