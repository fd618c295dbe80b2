-- name: rows
-- grain: one row: how many rows the table has
SELECT count(*) AS n FROM {name}."{table}";
