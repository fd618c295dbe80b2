-- name: model_downgrade
-- grain: one simple call of a model that has a cheaper one beside it: short prompt and answer, no
--   reasoning, and no tool called in its trace
-- columns: low, high: shares of its cost that could be saved, at today's prices; the low one is that
--   of three calls in ten
SELECT call_id, 0.3 * saved AS low, saved AS high
FROM asked
WHERE ok AND NOT tools AND coalesce(reasoning, 0) = 0
    AND input BETWEEN 1 AND 4000 AND output BETWEEN 1 AND 200
