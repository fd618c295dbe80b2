-- name: decisions
-- What gates decided is kept as long as the archive keeps the spans that told it.
-- Parameter: $before the first moment (UTC) that is kept.

-- grain: one row: whether there is anything older
SELECT coalesce(min(ts) < $before, false) AS old FROM decisions;

DELETE FROM decisions WHERE ts < $before;
