-- name: spans_stored
-- grain: one row
-- columns: spans, how many a query finds
SELECT count(*) AS spans FROM spans;
