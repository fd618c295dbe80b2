-- name: columns
-- grain: one column of {view}, a view or table that users query
SELECT column_name FROM (DESCRIBE {view});
