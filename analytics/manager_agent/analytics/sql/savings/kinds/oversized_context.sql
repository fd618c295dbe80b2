-- name: oversized_context
-- grain: one call whose prompt is above 20,000 tokens and three times the median of its agent and
--   model, for an answer of less than a fiftieth of it
-- columns: low, high: shares of its cost that could be saved: a quarter to three quarters of the
--   share of the prompt that is above twice the median
SELECT call_id, 0.25 * (1 - 2 * usual / input) AS low, 0.75 * (1 - 2 * usual / input) AS high
FROM asked
WHERE ok AND input >= 20000 AND input > 3 * usual AND coalesce(output, 0) * 50 < input
