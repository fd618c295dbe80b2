-- name: days
-- grain: one day of {table} with its rows from row id {first} on; row ids rise with every insert,
--   until a checkpoint closes the gaps that deleted rows left
SELECT CAST(ts AS DATE) AS day, count(*) AS rows FROM {table} WHERE rowid >= {first} GROUP BY 1;
