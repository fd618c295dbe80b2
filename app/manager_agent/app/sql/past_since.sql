-- name: past_since
-- grain: one row: start of the first call that is kept, UTC
SELECT min(ts) AS ts FROM past.llm_calls;
