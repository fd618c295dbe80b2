-- name: idle_premium
-- grain: one call of a poll: its agent asks a model that has a cheaper one beside it on a timer
--   (polls.sql), the answer is as short as the commonest of them, and no tool ran on it
-- columns: low, high: shares of its cost that could be saved, at today's prices; the low one is that
--   of every second call
SELECT call_id, 0.5 * saved AS low, saved AS high
FROM asked
WHERE ok AND NOT tools AND abs(output - coalesce(reasoning, 0) - said) <= 3
